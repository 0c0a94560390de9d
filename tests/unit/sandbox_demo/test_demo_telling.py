# SPDX-License-Identifier: Apache-2.0
"""What a person reads: progress, tables, reasons, what to do next."""

import io
import threading
import types
from pathlib import Path

import pytest
from keystoneauth1 import exceptions as keystone_exceptions
from rich.console import Console

from sandbox.demo import parting, reasons, report, ticker
from sandbox.demo.telling import Chapter, Teller
from sandbox.waiting import Unfinished

RUNNING = {"keystone": 1, "manila": 2, "proxy": 3, "karbor": 4}
ROW = report.ShareRow("documents", "1" * 36, "2" * 36, 8)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def told():
    """A teller on a plain output, with a clock and a count that the test moves."""
    out = io.StringIO()
    clock, counted = Clock(), [0]
    teller = Teller(Console(file=out, width=80), lambda: counted[0], 2, clock)
    return types.SimpleNamespace(teller=teller, out=out, clock=clock, counted=counted)


def test_a_chapter_says_what_happens_through_which_api_and_how_long_it_took(told):
    with told.teller.chapter("protect", "Protect it", "Karbor's API"):
        told.teller.fact("checkpoint c")
        told.clock.now += 2.5
        told.counted[0] += 7
    assert told.out.getvalue().split("\n") == [
        "", "1/2  Protect it", "     Karbor's API", "     checkpoint c", "     done in 2.5 s", "",
    ]  # fmt: skip
    assert told.teller.done == [Chapter("protect", 2.5, 7)]


def test_a_chapter_that_fails_is_not_done_and_stays_the_current_one(told):
    with (
        pytest.raises(ZeroDivisionError),
        told.teller.chapter("protect", "Protect it", "Karbor's API"),
    ):
        raise ZeroDivisionError
    assert told.teller.done == []
    assert told.teller.current == "protect"


def test_waiting_in_a_log_says_something_now_and_then_only(told):
    with told.teller.chapter("schedule", "Wait", "api"):
        for second in range(40):
            told.clock.now = second
            told.teller.waiting(f"{60 - second} s left")
    lines = [line.strip() for line in told.out.getvalue().splitlines() if "left" in line]
    assert lines == ["45 s left", "30 s left"]


def test_waiting_on_a_terminal_moves_a_spinner(told):
    out = io.StringIO()
    teller = Teller(Console(file=out, width=80, force_terminal=True), lambda: 0, 1)
    with teller.chapter("schedule", "Wait", "api"):
        teller.waiting("58 s left")
    assert "58 s left" in out.getvalue()


def test_ids_and_paths_are_never_folded_nor_read_as_markup(told):
    told.teller.fact("[bold]" + "x" * 200)
    assert "[bold]" + "x" * 200 in told.out.getvalue()


@pytest.mark.parametrize(("width", "shown"), [(120, "2" * 36), (80, "2" * 8)])
def test_the_table_names_share_snapshot_restored_share_and_files(width, shown):
    out = io.StringIO()
    report.show(Console(file=out, width=width), [ROW], [Chapter("protect", 1.25, 9)])
    (line,) = [line for line in out.getvalue().splitlines() if "documents" in line]
    assert line.split() == ["documents", shown.replace("2", "1"), shown, "8", "identical"]


def test_the_table_has_the_seconds_and_requests_of_each_step_and_their_sum():
    out = io.StringIO()
    steps = [Chapter("protect", 1.25, 9), Chapter("delete", 2.0, 11)]
    report.show(Console(file=out, width=80), [ROW], steps)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert ["protect", "1.2", "9"] in lines
    assert ["delete", "2.0", "11"] in lines
    assert ["total", "3.2", "20"] in lines


REFUSED = keystone_exceptions.ConnectFailure(
    "Unable to establish connection to http://127.0.0.1:21988/v1/x: HTTPConnectionPool(...)"
)


def test_a_reason_names_the_service_that_has_ended():
    said = reasons.sentence(REFUSED, {**RUNNING, "karbor": None})
    refused = "Nobody answers at http://127.0.0.1:21988."
    assert said == f"{refused} The sandbox's service karbor has ended."
    assert reasons.sentence(REFUSED, RUNNING) == refused
    gone = reasons.ServiceGone(["manila", "karbor"])
    assert reasons.sentence(gone, {**RUNNING, "manila": None}) == (
        "The sandbox's services manila and karbor have ended."
    )


def test_a_reason_is_one_sentence_without_the_whole_of_what_was_last_seen():
    error = Unfinished("checkpoint c", 120, {"a": "lot"})
    assert reasons.sentence(error, RUNNING) == "checkpoint c did not end within 120 s."
    assert reasons.sentence(KeyError("x"), RUNNING) == "KeyError: 'x'."
    assert reasons.sentence(AssertionError("a\n  b"), RUNNING) == "a b."
    assert len(reasons.sentence(AssertionError("a" * 5000), RUNNING)) < 700


def test_whoever_keeps_the_sandbox_is_told_how_to_go_on_and_how_to_end_it():
    info = types.SimpleNamespace(
        bin=Path("/v/bin"), shares=Path("/s/shares"), state=Path("/s"), logs={}
    )
    plan = types.SimpleNamespace(id="the-plan", provider_id="the-provider")
    text = parting.how_to_go_on(info, Path("/s/demo"), "demo", plan)
    for wanted in (
        ". /s/demo/openrc",
        "OS_CLIENT_CONFIG_FILE=/s/demo/clouds.yaml",
        "karbor checkpoint-create the-provider the-plan",
        "python3 -m sandbox destroy --state /s",
    ):
        assert wanted in text


def test_the_ticker_gets_out_of_the_way_of_other_lines():
    shown = threading.Event()

    class Terminal(io.StringIO):
        def isatty(self):
            return True

        def flush(self):
            if "preparing: 0 s" in self.getvalue():
                shown.set()

    out = Terminal()
    ticking = ticker.Ticker(out, interval=0.01)
    with ticking.running("preparing"):
        assert shown.wait(60)
        with ticking.quiet():
            out.write("karbor: ready\n")
    erased = "\r" + " " * len("preparing: 0 s") + "\r"
    before, _, after = out.getvalue().partition("karbor: ready\n")
    assert before.endswith(erased)
    assert after == "" or after.endswith(erased)
