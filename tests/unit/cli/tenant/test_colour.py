# SPDX-License-Identifier: Apache-2.0
"""Colour in tables: for people alone, never in a program's way, never asked for by a name."""

import io
import json
import os

import pytest

from karbor_manila.cli import colour
from karbor_manila.cli.app import KarborManila
from tests.fakes.karbor import SHARE

GREEN, RED, END = "\x1b[32m", "\x1b[31m", "\x1b[0m"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def seen(karbor, monkeypatch):
    """Run a command line on a terminal: what it shows."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.setenv(name, "")  # put back afterwards, whatever a command sets

    def seen(*argv, to=Terminal):
        app = KarborManila()
        app.stdout = to()
        app.run([str(word) for word in argv])
        return app.stdout.getvalue()

    return seen


def test_a_table_on_a_terminal_has_colour(seen, karbor, two):
    karbor.checkpoint(karbor.plan("bad", (SHARE, "s1")), "error")
    shown = seen("status")
    assert f"{RED}no good checkpoint{END}" in shown
    assert f"| {GREEN}available{END} " in seen("show", two["id"])


def test_painting_changes_no_letter(seen, two):
    shown = seen("show", two["id"])
    plain = shown.replace(GREEN, "").replace(END, "")
    assert plain == seen("show", two["id"], "--no-color")
    assert plain != shown


@pytest.mark.parametrize("how", ["no terminal", "NO_COLOR", "dumb", "option", "option first"])
def test_it_is_off_when_asked_and_where_nobody_looks(seen, two, how, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1" if how == "NO_COLOR" else "")
    monkeypatch.setenv("TERM", "dumb" if how == "dumb" else "xterm")
    argv = ["show", two["id"]]
    argv += ["--no-color"] if how == "option" else []
    argv = ["--no-color", *argv] if how == "option first" else argv
    assert "\x1b" not in seen(*argv, to=io.StringIO if how == "no terminal" else Terminal)


@pytest.mark.parametrize("form", ["json", "yaml", "value", "shell"])
def test_programs_get_none_even_on_a_terminal(seen, two, form):
    shown = seen("show", two["id"], "-f", form)
    assert "\x1b" not in shown
    assert form != "json" or json.loads(shown)["status"] == "available"


def test_help_pages_have_none_when_asked(seen, monkeypatch):
    seen("--no-color", "status", "--help")
    assert os.environ["NO_COLOR"] == "1"


TABLE = """\
+------+--------+
| Name | Result |
+------+--------+
| {} | {} |
+------+--------+
"""


@pytest.mark.parametrize(
    ("name", "result", "expected"),
    [
        ("home", "good  ", f"| home | {GREEN}good{END}   |"),
        ("good", "fine  ", "| good | fine   |"),
        ("日本", "bad   ", f"| 日本 | {RED}bad{END}    |"),
        ("e\u0301te ", "bad   ", f"| e\u0301te  | {RED}bad{END}    |"),
        ("a | ", "bad   ", f"| a |  | {RED}bad{END}    |"),
        ("too wide", "bad   ", "| too wide | bad    |"),
    ],
)
def test_it_is_the_cell_that_is_painted_and_not_the_word(name, result, expected):
    assert colour.painted(TABLE.format(name, result)).split("\n")[3] == expected


@pytest.mark.parametrize("text", ["", "\n", "no table", "+--+\n", "+\n|\n+\n|\n"])
def test_what_is_no_table_stays(text):
    assert colour.painted(text) == text
