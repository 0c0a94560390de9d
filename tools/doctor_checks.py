# SPDX-License-Identifier: Apache-2.0
"""Writes what the doctors look at, from their catalogues into their page.

``python3 tools/doctor_checks.py``, in an environment that has karbor_manila and Karbor. A test
compares.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "doc" / "operating" / "doctor.md"
HEADS = {
    "operator": "| check on Karbor's host | looks at | bad and doubtful |",
    "tenant": "| check of a tenant | looks at | bad and doubtful |",
}


def catalogues() -> dict[str, Iterable[Any]]:
    """The checks, by whose they are."""
    # A test names this file only.
    from karbor_manila.cli.operator.checks.catalogue import CHECKS as OPERATOR  # noqa: PLC0415
    from karbor_manila.cli.tenant.checks import CHECKS as TENANT  # noqa: PLC0415

    return {"operator": OPERATOR, "tenant": TENANT}


def table(whose: str) -> list[str]:
    """The lines of one table."""
    rows = [f"| `{check.name}` | {check.looks} | {check.wrong} |" for check in catalogues()[whose]]
    return [HEADS[whose], "|---|---|---|", *rows]


def written(text: str) -> str:
    """A page with the tables in place of those that it has."""
    lines = text.split("\n")
    for whose, head in HEADS.items():
        begin = lines.index(head)
        end = next(n for n in range(begin, len(lines)) if not lines[n].startswith("|"))
        lines[begin:end] = table(whose)
    return "\n".join(lines)


if __name__ == "__main__":
    sys.path.insert(0, str(PAGE.parents[2]))
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
