# SPDX-License-Identifier: Apache-2.0
"""The threat model: each of its lines names the tests that show it, and they are there."""

import ast
import re

import pytest

from tests.unit.tree.documents import ROOT, page

#: Below tests/, as ``room/test_x.py::test_y``.
NAMED = re.compile(r"`(\w[\w/]*\.py)::(test_\w+)`")
ROWS = [
    (line, cells)
    for line, cells in page("doc/threats.md").rows()
    if set("".join(cells)) != {"-"} and cells[-1] != "shown by"
]


def test_there_are_threats() -> None:
    assert len(ROWS) > 40


@pytest.mark.parametrize(("line", "cells"), ROWS, ids=lambda value: str(value)[:40])
def test_each_line_is_shown_by_tests_that_are_there(line: int, cells: list[str]) -> None:
    named = NAMED.findall(cells[-1])
    assert named, f"doc/threats.md:{line} names no test"
    assert re.sub(NAMED, "", cells[-1]).strip(", ") == "", f"doc/threats.md:{line}"
    for file, test in named:
        tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
        there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert test in there, f"doc/threats.md:{line}: {file}::{test}"
