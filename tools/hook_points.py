# SPDX-License-Identifier: Apache-2.0
"""Writes which calls of a driver hooks are called around, from the code into its page.

``python3 tools/hook_points.py``, in an environment that has karbor_manila. A test compares.
"""

import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "doc" / "operating" / "hooks.md"
BEGIN = "| point | between pre and post |"


def table() -> list[str]:
    """The lines of the table."""
    from karbor_manila.hooks.base import POINTS  # noqa: PLC0415 - a test names this file only

    rows = [f"| `{point}` | {calls} |" for point, calls in POINTS.items()]
    return [BEGIN, "|---|---|", *rows]


def written(text: str) -> str:
    """A page with the table in place of the one that it has."""
    lines = text.split("\n")
    begin = lines.index(BEGIN)
    end = next(n for n in range(begin, len(lines)) if not lines[n].startswith("|"))
    return "\n".join([*lines[:begin], *table(), *lines[end:]])


if __name__ == "__main__":
    sys.path.insert(0, str(PAGE.parents[2]))
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
