"""`KUBECONFIG=… python -m tests.playground.record`: write down what a real API server answers to the script."""

from __future__ import annotations

import os
from pathlib import Path

from tests.playground import script, test_parity

if __name__ == "__main__":
    given = list(script.answers(Path(os.environ["KUBECONFIG"])))
    test_parity.RECORDED.write_text(test_parity.as_json(given), encoding="utf-8")
