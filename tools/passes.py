#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which modules of karbor_manila one protection and one revert of a share pass through.

``python -m tools.passes``, in an environment with the tests' requirements: runs both on the tests'
fake Manila and Karbor's real bank, and prints each module of which at least one function ran.
"""

import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.unit.stage import SHARE, Record, Stage

PACKAGE = "karbor_manila."


def modules_of(work: Callable[[], Any]) -> list[str]:
    """The modules of the package whose functions run while ``work`` does, in any thread."""
    seen: set[str] = set()

    def note(frame: FrameType, event: str, _arg: Any) -> None:
        name = str(frame.f_globals.get("__name__"))
        if event == "call" and name.startswith(PACKAGE) and frame.f_code.co_name != "<module>":
            seen.add(name.removeprefix(PACKAGE))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return sorted(seen)


def main() -> None:
    """Print the modules of both operations, and how many they are."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        share = stage.cloud.add_share(stage.project_id)
        checkpoint = stage.checkpoint(share["id"])
        failed: list[BaseException] = []
        given = {"share_id": share["id"]}
        request = Record()
        request["parameters"] = {SHARE: given}
        for what, work in (
            ("protect", lambda: failed.extend(stage.protect(checkpoint, share["id"]))),
            (
                "revert",
                lambda: failed.extend(
                    stage.restore(checkpoint, share["id"], restore=request, given=given)
                ),
            ),
        ):
            passed = modules_of(work)
            if failed:
                raise SystemExit(f"the {what} failed: {failed[0]}")
            lines = [f"{what}: {len(passed)} modules", *(f"  {name}" for name in passed)]
            sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
