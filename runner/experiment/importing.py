"""`python -m runner.experiment.importing MODULE`: import a module as a run does, and say which functions it offers, as JSON.

What the module itself prints goes nowhere; when it ends the process or raises, the last line of stderr says why.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
from dataclasses import astuple
from pathlib import Path
from types import ModuleType

from runner.experiment import modules


def main() -> None:
    """One JSON object: `{functions: {name: [[name, kind, required], …] | null}, problem, absent}`."""
    answer = os.dup(1)
    os.dup2(2, 1)
    sys.path.append(str(Path.cwd()))
    _stand_in_for_logzero()
    told = {"functions": {}, "problem": "", "absent": ""}
    try:
        module = importlib.import_module(sys.argv[1])
    except ImportError as problem:
        told |= {"problem": f"{type(problem).__name__}: {problem}", "absent": problem.name or ""}
    else:
        found = {name: known and [astuple(p) for p in known] for name, known in modules.functions(module)}
        told |= {"functions": found}
    os.write(answer, json.dumps(told).encode())
    os._exit(0)  # threads that the module may have started do not keep us


def _stand_in_for_logzero() -> None:
    """As Chaos Toolkit's command does: many extensions log through it, and it need not be installed."""
    stand_in = ModuleType("logzero")
    stand_in.__path__ = []
    stand_in.logger = logging.getLogger("chaostoolkit")  # type: ignore[attr-defined]
    sys.modules["logzero"] = stand_in


if __name__ == "__main__":
    main()
