# SPDX-License-Identifier: Apache-2.0
"""Who waits looks less and less often, and not for ever."""

import pytest

from sandbox import waiting


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass by sleeping alone; the pauses so far."""
    pauses = []
    monkeypatch.setattr(waiting.time, "monotonic", lambda: sum(pauses))
    monkeypatch.setattr(waiting.time, "sleep", pauses.append)
    return pauses


def test_what_is_done_is_given_at_once(clock):
    assert waiting.wait("it", lambda: 7, lambda seen: seen == 7, 1) == 7
    assert clock == []


def test_the_pauses_grow_up_to_half_a_second(clock):
    waiting.wait("it", lambda: sum(clock), lambda waited: waited > 20, 30)
    assert clock[0] == pytest.approx(0.1)
    assert clock == sorted(clock)
    assert clock[-1] == 0.5
    assert len(clock) < 60


def test_an_interval_that_is_asked_for_stays(clock):
    waiting.wait("it", lambda: sum(clock), lambda waited: waited > 5, 30, 1.0)
    assert set(clock) == {1.0}


def test_what_does_not_end_is_told_with_what_was_seen_last(clock):
    with pytest.raises(waiting.Unfinished, match="it did not end within 3 s; last seen: busy"):
        waiting.wait("it", lambda: "busy", lambda _: False, 3)
    assert 3 < sum(clock) < 4


def test_a_look_that_takes_long_is_taken_less_often_within_bounds():
    assert waiting.pause(0.0, 0.05) == pytest.approx(0.1)
    assert waiting.pause(60.0, 0.4) == pytest.approx(0.8)
    assert waiting.pause(0.0, 0.4, interval=1.0) == 1.0
    assert waiting.pause(0.0, 30.0) == 2.0
