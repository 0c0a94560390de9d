# SPDX-License-Identifier: Apache-2.0
"""What was seen stays when the next look fails, and says so."""

import datetime
import logging

import pytest

from karbor_manila.cli.errors import KarborTransient
from karbor_manila.cli.tenant.looking import Looked, Looking, Seen
from karbor_manila.cli.views.face import face
from tests.fakes.listed import NOW, World
from tests.unit.clock import FakeClock

SEEN = Seen(face(World().listed()), NOW)


class Script:
    """Gives what it is told to, one look after the other; each takes two seconds."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.clock = FakeClock()

    def look(self) -> Seen:
        self.clock.sleep(2.0)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Seen)
        return answer


def looking(script: Script) -> Looking:
    return Looking(script.look, script.clock)


def test_a_look_that_brings_all_is_good() -> None:
    ours = looking(Script(SEEN))
    assert ours.look() is None
    known = ours.known
    assert (known.face, known.audited_at, known.is_good, known.seconds) == (
        SEEN.face,
        NOW,
        True,
        2.0,
    )


@pytest.mark.parametrize("error", [KarborTransient("list the plans", "HTTP 503"), KeyError("id")])
def test_what_was_seen_stays_when_the_next_look_fails(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    ours = looking(Script(SEEN, error))
    ours.look()
    assert ours.look() is error
    assert (ours.known.face, ours.known.is_good) == (SEEN.face, False)
    assert dict(ours.known.counts) == {"good": 1, "failed": 1}
    assert [each.levelno for each in caplog.records] == [logging.ERROR]


def test_a_look_that_lacks_something_is_shown_and_is_not_good(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours = looking(Script(Seen(SEEN.face, None, ("The triggers could not be listed.",))))
    assert ours.look() is None
    assert (ours.known.face, ours.known.result) == (SEEN.face, "partial")
    assert "The triggers could not be listed." in caplog.text


def test_who_reads_while_it_looks_gets_what_there_was() -> None:
    script = Script(SEEN)
    ours = looking(script)
    seen: list[Looked] = []
    whole = script.look
    ours._look = lambda: (seen.append(ours.known), whole())[1]
    ours.look()
    assert seen == [Looked()]


def test_it_looks_until_it_is_stopped_with_a_pause_between() -> None:
    later = Seen(SEEN.face, NOW + datetime.timedelta(hours=1))
    ours = looking(Script(SEEN, KarborTransient("list the plans", "HTTP 503"), later))
    pauses: list[float] = []

    def stopped(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 3

    ours.run(300.0, stopped)
    assert pauses == [300.0] * 3
    assert ours.known.audited_at == later.audited_at
    assert dict(ours.known.counts) == {"good": 2, "failed": 1}
