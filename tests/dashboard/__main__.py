# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.dashboard``: which input karbor-dashboard draws for each parameter of ours.

Writes the table into doc/reference/forms.md, and prints it. Needs node, npm and a package index.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.dashboard import browser, forms

PAGE = Path(__file__).resolve().parents[2] / "doc" / "reference" / "forms.md"


def main() -> int:
    """The exit code."""
    if why := browser.missing():
        sys.stderr.write(f"{why}\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        place = Path(os.environ.get("KARBOR_MANILA_DASHBOARD") or folder) / "js"
        try:
            browser.install(place)
        except browser.NotInstalled as error:
            sys.stderr.write(f"{error}\n")
            return 1
        asked = {"schemas": forms.published(), "typed": forms.TYPED}
        rows = forms.table(browser.draw(place, asked))
    sys.stdout.write("\n".join([*rows, ""]))
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    return 0


def with_table(page: str, rows: list[str]) -> str:
    """The page with these rows in the place of its own."""
    lines = page.splitlines()
    there = [number for number, line in enumerate(lines) if line.startswith("|")]
    return "\n".join([*lines[: there[0]], *rows, *lines[there[-1] + 1 :]]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
