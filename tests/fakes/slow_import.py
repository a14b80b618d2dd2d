"""A module that takes its time to import, as some extensions do."""

from __future__ import annotations

import time
import urllib.request

time.sleep(1.5)


def act(url: str) -> bool:
    urllib.request.urlopen(f"{url}/break", timeout=5).close()
    return True
