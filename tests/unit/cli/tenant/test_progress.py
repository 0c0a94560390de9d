# SPDX-License-Identifier: Apache-2.0
"""How far it is: the estimate, one line on a terminal, a line a minute elsewhere."""

import types

import pytest

from karbor_manila.cli.tenant import progress
from karbor_manila.cli.tenant.progress import PAUSE, Estimate, Line, Lines, State, printer
from tests.unit.cli.tenant.saying import key

EVIL = "\x1b[2Jevil"


def state(seconds, done, total=10, **more):
    return State(**{"kind": "restore", "going": 1, "waiting": 0, "trouble": ""} | more,
                 done=done, total=total, seconds=seconds)  # fmt: skip


def lefts(*seen, total=10):
    estimate = Estimate()
    return [estimate.left(state(seconds, done, total)) for seconds, done in seen]


def test_there_is_no_estimate_before_the_first_share_is_done():
    assert lefts((30, 0), (60, 1), (90, 2)) == [None, 540, 360]


def test_there_is_none_when_nobody_knows_how_many_shares_there_are():
    assert lefts((60, 1), (90, 2), total=None) == [None, None]


def test_while_nothing_more_is_done_it_grows():
    assert lefts((60, 1), (120, 1)) == [540, 1080]


def test_what_was_slow_long_ago_does_not_count():
    """One in an hour, then one a minute for a quarter of an hour."""
    seen = [(3600 + 60 * number, 1 + number) for number in range(16)]
    assert lefts(*seen, total=26)[-1] == pytest.approx(600)


def test_a_report_that_is_begun_anew_is_no_negative_rate():
    assert lefts((60, 5), (90, 1), (120, 2))[1:] == [810, 480]


def test_more_than_there_should_be_is_no_time_less_than_none():
    assert lefts((60, 11)) == [0]


class Terminal:
    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    terminal = Terminal()
    monkeypatch.setattr(progress, "sys", types.SimpleNamespace(stderr=terminal))
    return terminal


def test_a_terminal_has_one_line_that_is_written_anew_and_taken_away(terminal):
    line = printer(quiet=False)
    assert isinstance(line, Line)
    line.show(state(60, 1))
    line.show(state(90, 2, waiting=3))
    line.clear()
    _, first, second, last = terminal.text.split("\r\x1b[K")
    assert first == "restore: 1 under way, 1 of 10 shares done, 60 s, about 9 mi"
    assert second.endswith("90 s, 3 to come,")
    assert last == ""
    assert "\n" not in terminal.text


def test_what_karbor_says_is_not_obeyed_by_the_terminal(terminal):
    printer(quiet=False).show(state(60, 1, trouble=f"{EVIL}\n"))
    assert terminal.text.count("\x1b") == 1
    assert "\n" not in terminal.text


def test_elsewhere_it_is_a_plain_line_a_minute(capsys):
    lines = printer(quiet=False)
    assert isinstance(lines, Lines)
    for second in range(0, 200, 10):
        lines.show(state(second, second // 50, total=None))
    lines.clear()
    told = capsys.readouterr().err.splitlines()
    assert [line.rpartition(", ")[2] for line in told] == ["60 s", "120 s", "180 s"]
    assert all(line.isprintable() for line in told)


def test_who_asked_for_silence_has_it(terminal):
    silent = printer(quiet=True)
    silent.show(state(60, 1))
    silent.clear()
    assert terminal.text == ""


def test_a_restore_that_takes_long_tells_how_long_it_may_still_take(karbor, run, two):
    """Two shares, of which one is done after some minutes."""
    half = {"status": "in_progress", "resources_status": {key("n1"): "available",
                                                          key("n2"): "restoring"}}  # fmt: skip
    end = {"status": "success", "resources_status": {key("n1"): "available"}}
    karbor.scripts["restore"] = lambda _record: [*[{}] * 40, *[half] * 10, end]
    code, _out, err = run("restore", two["id"], "--wait")
    lines = err.splitlines()
    assert code == 0
    assert lines[0].startswith("restore: 1 under way, 0 of 2 shares done, ")
    assert any("1 of 2 shares done" in line and line.endswith("left") for line in lines)
    assert PAUSE * len(lines) <= 600
    karbor.scripts["restore"] = lambda _record: [*[{}] * 40, end]
    assert run("-q", "restore", two["id"], "--wait")[2] == ""
