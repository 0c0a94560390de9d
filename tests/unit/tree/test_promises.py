# SPDX-License-Identifier: Apache-2.0
"""tools/promises.py: the map has every test, and no page names a test that is not there."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).resolve().parents[3] / "tools" / "promises.py"


@pytest.fixture(scope="module")
def promises() -> ModuleType:
    spec = importlib.util.spec_from_file_location("promises", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with one file of tests."""
    room = tmp_path / "tests" / "unit" / "room"
    room.mkdir(parents=True)
    (room / "test_one.py").write_text(
        '"""What one does.\n\nMore."""\n'
        "def helper(): pass\n"
        "def test_a_lost_reply_is_found(): pass\n"
        "class TestTwo:\n    def test_it_ends(self): pass\n"
    )
    return tmp_path


def test_every_test_that_a_page_names_is_there(promises: ModuleType) -> None:
    claims = promises.claims(promises.held())
    assert len(claims) > 20
    assert [(claim.where, claim.missing) for claim in claims if claim.missing] == []


def test_every_file_of_tests_says_what_its_promises_are_about(promises: ModuleType) -> None:
    assert [each.path for each in promises.held() if not each.about] == []


def test_the_map_has_each_test_as_a_sentence(promises: ModuleType, tree: Path) -> None:
    files = promises.held(tree / "tests")
    assert [each.names for each in files] == [("test_a_lost_reply_is_found", "test_it_ends")]
    lines = promises.written(files, []).splitlines()
    assert "### What one does." in lines
    assert "- a lost reply is found" in lines
    assert "- it ends" in lines


@pytest.mark.parametrize(
    ("named", "is_there"),
    [
        ("unit/room/test_one.py::test_it_ends", True),
        ("tests/unit/room/test_one.py", True),
        ("test_it_ends", True),
        ("test_a_lost_...", True),
        ("..._is_found", True),
        ("unit/room/test_one.py::test_it_began", False),
        ("unit/room/test_two.py", False),
        ("test_it_end", False),
        ("..._is_lost", False),
    ],
)
def test_a_row_that_names_a_test_is_a_claim_and_a_wrong_name_is_found(
    promises: ModuleType, tree: Path, named: str, is_there: bool
) -> None:
    (tree / "README.md").write_text(f"| kill -9 | lost | settled | `{named}` |\n")
    (claim,) = promises.claims(promises.held(tree / "tests"), tree)
    assert claim.where == "README.md:1"
    assert claim.text == "kill -9: settled"
    assert claim.tests == [named.removeprefix("tests/")]
    assert (claim.missing == []) is is_there
