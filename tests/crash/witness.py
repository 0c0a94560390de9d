# SPDX-License-Identifier: Apache-2.0
"""The command of a hook that puts down that it ran, and ends Karbor when that was planned.

    python witness.py pre|post FOLDER

``witness.log`` gets a line of JSON for each share, in the order of the calls. ``kill.json`` names
the nth call of a phase, the side of its line on which Karbor dies, and Karbor's pid. As any command
whose caller is killed, this goes on. Standard library only: it is a program of its own.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

BEFORE, AFTER = "before", "after"


def main(phase: str, folder: Path) -> None:
    """What ``command_hook_pre`` and ``command_hook_post`` run."""
    told = json.load(sys.stdin)
    log = folder / "witness.log"
    nth = sum(line["phase"] == phase for line in lines(folder)) + 1
    _die(folder, phase, nth, BEFORE)
    with log.open("a", encoding="utf-8") as file:
        for share in told["shares"]:
            line = {
                "phase": phase,
                "point": told["point"],
                "checkpoint": told["checkpoint_id"],
                "share": share["id"],
                "outcome": told.get("outcome", {}).get("status", ""),
            }
            file.write(json.dumps(line) + "\n")
    _die(folder, phase, nth, AFTER)


def lines(folder: Path) -> list[dict[str, Any]]:
    """What was put down, in its order."""
    log = folder / "witness.log"
    if not log.exists():
        return []
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def plan(folder: Path, phase: str, nth: int, side: str, pid: int) -> None:
    """Karbor dies at this call."""
    due = {"phase": phase, "nth": nth, "side": side, "pid": pid}
    (folder / "kill.json").write_text(json.dumps(due), encoding="utf-8")


def forget(folder: Path) -> None:
    """Nothing is planned, and nothing was put down."""
    for name in ("kill.json", "witness.log"):
        (folder / name).unlink(missing_ok=True)


def open_calls(folder: Path) -> list[dict[str, Any]]:
    """The pres that no post has followed."""
    left: dict[tuple[str, str, str], dict[str, Any]] = {}
    for line in lines(folder):
        key = line["point"], line["checkpoint"], line["share"]
        if line["phase"] == "pre":
            left[key] = line
        else:
            left.pop(key, None)
    return list(left.values())


def _die(folder: Path, phase: str, nth: int, side: str) -> None:
    try:
        due = json.loads((folder / "kill.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    if (due["phase"], due["nth"], due["side"]) == (phase, nth, side):
        os.kill(due["pid"], signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
