# SPDX-License-Identifier: Apache-2.0
"""The tables of the page on keep rules are those that the rules make."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_has_what_the_rules_leave() -> None:
    path = ROOT / "tools" / "keep_table.py"
    spec = importlib.util.spec_from_file_location("keep_table", path)
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = (ROOT / "doc" / "tasks" / "keep.md").read_text(encoding="utf-8")
    assert tool.written(text) == text
