"""The undo from disk: also of a run that the version before this one left, with its start message as that wrote it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from runner.process import orphans
from runner.rundir.ledger import Ledger
from runner.rundir.names import RECORD, START

BEFORE = """{
 "run": "20261127-121610-10c5", "folder": "@RUN", "title": "a file is there", "experiment": "exp.yaml",
 "experiment_hash": "4658718443fd0a91359d8638b2ccd9296e459dea77e67cc02038ec377c7c7291", "service": "files",
 "document": {
  "title": "a file is there", "configuration": {"place": {"type": "env", "key": "PLACE"}},
  "secrets": {"team": {"token": {"type": "env", "key": "TOKEN"}, "literal": {"pass": "<not on disk>"}}},
  "method": [{"type": "action", "name": "make",
              "provider": {"type": "process", "path": "touch", "arguments": ["${place}"]}}],
  "rollbacks": [{"type": "action", "name": "take it away",
                 "provider": {"type": "process", "path": "rm", "arguments": ["-f", "${place}"]}}],
  "chaos-run": {"service": "files"}
 },
 "variables": {}, "configuration": {"place": "@PLACE"}, "modules": [], "undoes_with": [], "strategy": "default", "dry": "",
 "rollbacks": "default", "settings": "", "hooked": false, "reveal": [], "proofs": {}, "frequency": 1.0, "context": "",
 "env": {"KUBECONFIG": "@RUN/.kubeconfig", "KUBERNETES_MASTER": "http://127.0.0.1:1/no-cluster-was-handed-to-this-experiment"},
 "handed": {}, "namespace": "", "cwd": "@CWD", "afterwards": [], "gameday": null, "stays": [], "playground": null,
 "started_at": "2026-11-27T12:16:10.525317+00:00", "started_mono_ns": 4520718070043, "snapshot": {}, "namespaces": [],
 "owners": {"make": "undoer"}, "unseeable": [], "leases": [],
 "indicators": [{"name": "shop", "url": "http://shop/", "rate": 20.0, "timeout_s": 1.0, "tape": "0-shop.tape", "seen_ns": 0,
                 "until_ns": 0, "status": "", "before": {}, "answered": {}, "failures": {}, "new": null, "new_bad": 0,
                 "kept": 0, "kept_bad": 0}]
}"""


def test_a_run_that_the_version_before_left_is_undone_and_put_on_record(tmp_path: Path) -> None:
    run, place = tmp_path / "20261127-121610-10c5", tmp_path / "placed"
    run.mkdir()
    place.touch()
    found = BEFORE.replace("@RUN", str(run)).replace("@PLACE", str(place)).replace("@CWD", str(tmp_path))
    (run / START).write_text(found)
    Ledger(run).open("rollback", "take it away", index=0)
    done = subprocess.run(orphans.argv(run), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not place.exists()
    assert Ledger(run).outstanding() == []
    record = json.loads((run / RECORD).read_text())
    assert (record["title"], record["service"], record["started"]) == (
        "a file is there",
        "files",
        "2026-11-27T12:16:10.525317Z",
    )
    assert [i["name"] for i in record["indicators"]] == ["shop"]
    assert record["undo"][0]["state"] == "undone"


def test_what_is_no_start_message_is_one_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / START).write_text(json.dumps({"run": "r", "document": {}}))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "runner.undo.replay", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "run.json.folder: is missing" in done.stderr
