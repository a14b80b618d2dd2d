"""PROVISIONAL by the lead: overwrite me."""
from typing import Any
def health(samples: Any, threshold: float) -> Any:
    class H:
        suspect = False
        sentence = ""
    return H()
