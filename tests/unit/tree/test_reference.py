# SPDX-License-Identifier: Apache-2.0
"""The reference in the documents is what the commands, options and schemas say."""

import importlib.util
import re
from typing import Any

import pytest

from tests.unit.tree.documents import ROOT

FOLDER = ROOT / "doc" / "reference"


@pytest.fixture(scope="module")
def tool() -> Any:
    """``tools/reference.py`` as a module."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_is_defined(tool: Any) -> None:
    for path, text in tool.pages().items():
        assert path.read_text(encoding="utf-8") == text, "run python tools/reference.py"


def test_every_command_is_in_the_reference_once(tool: Any) -> None:
    found: list[str] = []
    for page in FOLDER.glob("commands-*.md"):
        found += re.findall(r"^## karbor-manila (.+)$", page.read_text("utf-8"), re.MULTILINE)
    assert sorted(found) == sorted(name for name, _factory in tool.commands())


def test_no_text_of_an_option_breaks_its_table(tool: Any) -> None:
    for path in tool.pages():
        cells = 0
        for line in path.read_text(encoding="utf-8").splitlines():
            now = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
            assert cells in (0, now) or now == 0, f"{path.name}: {line}"
            cells = now
