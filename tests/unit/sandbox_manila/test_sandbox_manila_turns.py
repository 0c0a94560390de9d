# SPDX-License-Identifier: Apache-2.0
"""Turns come in the order in which they were asked for."""

import threading

import pytest

from sandbox.manila import turns


def queue_up(line, name, order):
    """Start a thread that takes a turn, and return it once it waits."""
    before = len(line._waiting)

    def work():
        line.take(60)
        order.append(name)
        line.give()

    thread = threading.Thread(target=work)
    thread.start()
    while len(line._waiting) == before:
        assert thread.is_alive()
    return thread


def test_first_come_first_served():
    line, order = turns.Turns(), []
    line.take(1)
    threads = [queue_up(line, name, order) for name in "abcde"]
    line.give()
    for thread in threads:
        thread.join()
    assert order == list("abcde")


def test_a_thread_does_not_wait_for_itself():
    line = turns.Turns()
    line.take(1)
    with pytest.raises(turns.TurnNotGiven, match="itself"):
        line.take(1)


def test_who_gave_up_is_passed_over():
    line, order, raised = turns.Turns(), [], []
    line.take(1)

    def impatient():
        try:
            line.take(0.01)
        except turns.TurnNotGiven as error:
            raised.append(str(error))

    thread = threading.Thread(target=impatient)
    thread.start()
    thread.join()
    assert raised == ["no turn in 0.01 seconds"]
    thread = queue_up(line, "next", order)
    line.give()
    thread.join()
    assert order == ["next"]
    line.take(0)
