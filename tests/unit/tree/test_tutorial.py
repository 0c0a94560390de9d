# SPDX-License-Identifier: Apache-2.0
"""tools/tutorial.py: the commands of a page are run in one shell, and what they print counts.

The commands themselves need the sandbox: ``python3 tools/tutorial.py`` runs them.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

TOOL = Path(__file__).resolve().parents[3] / "tools" / "tutorial.py"
ID = "2fc0a92f-4bd4-4395-b34a-6a969ed0523f"


@pytest.fixture(scope="module")
def tool() -> Any:
    """``tools/tutorial.py`` as a module."""
    spec = importlib.util.spec_from_file_location("tutorial", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def follow(tool: Any, tmp_path: Path) -> Any:
    """Follows a page; returns the exit code and what was said."""

    def follow(text: str) -> tuple[int, str]:
        page = tmp_path / "page.md"
        page.write_text(text)
        said: list[str] = []
        return tool.follow(page, tmp_path, said.append), "\n".join(said)

    return follow


def test_the_tutorial_goes_from_nothing_to_nothing(tool: Any) -> None:
    typed = [step.command for step in tool.steps(tool.PAGE.read_text(encoding="utf-8"))]
    assert len(typed) > 20
    assert typed[0] == "python3 -m sandbox start"
    assert typed[-1] == "python3 -m sandbox destroy"


def test_each_command_is_read_with_its_line_and_what_it_prints(tool: Any) -> None:
    page = "# T\n\n```console\n$ one \\\n  two\nprinted\n$ three\n```\n\n```ini\n$ no\n```\n"
    assert list(tool.steps(page)) == [
        tool.Step(4, "one \\\n  two", ("printed",)),
        tool.Step(7, "three", ()),
    ]


def test_what_one_command_leaves_the_next_one_has(follow: Any) -> None:
    code, said = follow(
        "```console\n$ A=good\n$ cd / && echo $A\ngood\n```\n\n```console\n$ pwd\n/\n```\n"
    )
    assert (code, "All commands printed" in said) == (0, True)


def test_progress_on_the_standard_error_is_not_compared_and_shown_when_it_fails(
    follow: Any,
) -> None:
    assert follow("```console\n$ echo 10 % >&2; echo good\ngood\n```\n")[0] == 0
    code, said = follow("```console\n$ echo no such share >&2; false\n```\n")
    assert (code, "no such share" in said) == (1, True)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("$ echo bad\ngood\n", "page.md:2: it ended with 0; the page has:\n  good\nprinted was:"),
        ("$ false\n", "page.md:2: it ended with 1"),
        ("$ true\n$ exit 0\n", "page.md:3: it did not end"),
        ("$ true\ngood\n", "printed was:"),
        ("$ echo more\n", "  more"),
    ],
)
def test_the_first_command_that_does_otherwise_ends_it(follow: Any, page: str, said: str) -> None:
    code, lines = follow(f"```console\n{page}$ echo never\n```\n")
    assert code == 1
    assert said in lines
    assert "echo never" not in lines


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ([f"id {ID}"], [f"id {ID.replace('2', '3')}"], True),
        (["Ready in 9.8 s."], ["Ready in 12.3 s."], True),
        (["| Age | 0 min |", "+----+"], ["| Age   | 12 min |", "+------+"], True),
        (["at 127.0.0.1:/tmp/a/b"], ["at 127.0.0.1:/home/x"], True),
        (["...", "Ready"], ["one", "two", "Ready"], True),
        (["...", "Ready"], ["Ready"], True),
        (["...", "Ready"], ["one", "Not ready"], False),
        (["available"], ["error"], False),
        (["available"], [], False),
        ([], ["a warning"], False),
    ],
)
def test_ids_times_numbers_and_paths_may_differ(
    tool: Any, expected: list[str], printed: list[str], same: bool
) -> None:
    assert (tool.difference(expected, printed) == "") is same
