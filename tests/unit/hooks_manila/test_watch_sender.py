# SPDX-License-Identifier: Apache-2.0
"""Who has something to tell neither waits nor fails, whatever becomes of it."""

import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from karbor_manila.hooks import watch_sender
from karbor_manila.hooks.watch_sender import PAUSES, QUIET, Failures, Sender


def test_what_is_sent_is_told_in_its_order_by_another_thread() -> None:
    told: list[tuple[Any, int]] = []
    done = threading.Event()

    def deliver(event: Mapping[str, Any]) -> None:
        told.append((event["number"], threading.get_ident()))
        if event["number"] == 9:
            done.set()

    sender = Sender("test", deliver)
    assert sender._thread is None
    for number in range(10):
        sender.send({"number": number})
    assert done.wait(30)
    assert [number for number, _thread in told] == list(range(10))
    assert {thread for _number, thread in told} != {threading.get_ident()}
    assert sender._thread is not None
    assert sender._thread.daemon


def test_a_listener_that_hangs_costs_a_bounded_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_sender, "MOST", 3)
    begun, go_on = threading.Event(), threading.Event()

    def deliver(event: Mapping[str, Any]) -> None:
        begun.set()
        go_on.wait(30)

    sender = Sender("test", deliver)
    sender.send({})
    assert begun.wait(30)
    for _ in range(5):
        sender.send({})
    assert sender.lost.count == 2
    go_on.set()


def test_what_fails_is_told_again_and_given_up_in_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries: list[Any] = []
    pauses: list[float] = []

    def deliver(event: Mapping[str, Any]) -> None:
        tries.append(event)
        raise OSError(28, "No space left on device")

    sender = Sender("spool", deliver, sleep=pauses.append)
    sender.tell({"number": 1})
    assert (len(tries), pauses, sender.lost.count) == (len(PAUSES) + 1, list(PAUSES), 1)
    assert "No space left" in caplog.text
    assert "spool" in caplog.text


def test_what_fails_for_a_while_is_told() -> None:
    errors: list[Exception] = [OSError("full"), OSError("full")]
    told: list[Any] = []

    def deliver(event: Mapping[str, Any]) -> None:
        if errors:
            raise errors.pop()
        told.append(event)

    sender = Sender("spool", deliver, sleep=lambda _seconds: None)
    sender.tell({"number": 1})
    assert (told, sender.lost.count) == ([{"number": 1}], 0)


def test_of_many_failures_one_a_while_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    failures = Failures("something was not told", now=lambda: now[0])
    for _ in range(1000):
        failures.note("full")
    now[0] += QUIET
    failures.note("still full")
    assert failures.count == 1001
    assert [record.message for record in caplog.records] == [
        "something was not told; that is 1 since the start: full",
        "something was not told; that is 1001 since the start: still full",
    ]


def test_a_disk_that_does_not_answer_holds_up_no_green_thread() -> None:
    """As in manila-share. The disk answers once another green thread has had its turn."""
    script = (
        "import eventlet; eventlet.monkey_patch()\n"
        "from karbor_manila.hooks.watch_sender import Sender, in_real_thread\n"
        "threading = eventlet.patcher.original('threading')\n"
        "turn, told = threading.Event(), []\n"
        "def disk(event):\n"
        "    told.append(turn.wait(30))\n"
        "Sender('spool', in_real_thread(disk)).send({})\n"
        "eventlet.sleep(0.01)\n"
        "turn.set()\n"
        "while not told:\n"
        "    eventlet.sleep(0.01)\n"
        "assert told == [True]\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=120)  # noqa: S603
