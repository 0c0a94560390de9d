# SPDX-License-Identifier: Apache-2.0
"""A newcomer finds every file from the README in two steps: the map in CONTRIBUTING.md is whole."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "karbor_manila"


def test_the_map_names_every_file_of_the_package_once_and_nothing_else() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Where what is")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = re.findall(r"`([\w/]+\.py)`", " ".join(rows))
    there = [str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")]
    assert sorted(named) == sorted(path for path in there if not path.endswith("__init__.py"))


def test_the_readme_leads_to_the_map() -> None:
    assert "CONTRIBUTING.md#where-what-is" in (ROOT / "README.md").read_text(encoding="utf-8")
