# SPDX-License-Identifier: Apache-2.0
"""What is released or left can be claimed by others."""

import uuid

import pytest

from karbor_manila.common.errors import ClaimLost
from karbor_manila.database.errors import DatabaseUnreadable
from tests.unit.recovery.claims.stage import ERRORS, THING, Process, before, raising


def test_what_is_released_can_be_claimed_by_anybody(one: Process, other: Process) -> None:
    one.take()
    one.claims.release(THING)
    assert one.claims.held == frozenset()
    assert one.claims.get(THING) is None
    assert other.take().owner == other.owner


def test_a_process_knows_what_it_works_on_and_since_when(one: Process) -> None:
    claim = one.take()
    assert one.claims.work() == [("protect", claim.since)]
    one.claims.release(THING)
    assert one.claims.work() == []


def test_a_release_of_what_one_does_not_hold_leaves_it_to_its_owner(
    one: Process, other: Process
) -> None:
    claim = one.take()
    other.claims.release(THING)
    assert one.claims.all() == [claim]


def test_a_late_release_does_not_touch_the_claim_of_the_next(one: Process, other: Process) -> None:
    """A process that seemed dead wakes up."""
    one.take()
    one.says(ticks=1)
    claim = other.take()
    one.claims.release(THING)
    assert other.claims.all() == [claim]


@pytest.mark.parametrize("kind", range(3), ids=["away", "deadlock", "locked"])
def test_a_release_that_the_database_does_not_take_is_known_as_a_dead_claim(
    one: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: int
) -> None:
    one.take()
    with monkeypatch.context() as patch:
        patch.setattr(one.claims._table, "_begin", raising(ERRORS[kind]))
        one.claims.release(THING)
    assert "could not be released" in caplog.text
    assert one.claims.held == frozenset()
    (leaked,) = one.claims.all()
    assert not one.sees_alive(leaked)
    assert one.take().token != leaked.token
    assert len(one.claims.all()) == 1


def test_what_a_process_leaves_it_can_take_up_again(one: Process) -> None:
    claim = one.take()
    one.claims.leave(THING)
    assert one.claims.held == frozenset()
    (left,) = one.claims.all()
    assert (left.owner, left.token) == ("", claim.token)
    assert not one.sees_alive(left)
    again = one.take(operation="delete")
    assert (again.operation, again.took_over) == ("delete", True)


def test_what_a_living_process_leaves_others_take_up_at_once(one: Process, other: Process) -> None:
    one.take()
    one.claims.leave(THING)
    taken = other.take()
    assert (taken.owner, taken.took_over) == (other.owner, True)


def test_who_ends_leaves_all_it_has_and_takes_nothing_more(one: Process, other: Process) -> None:
    one.take()
    one.claims.close()
    assert not one.claims.is_held(THING)
    with pytest.raises(ClaimLost, match="is ending"):
        one.claims.check(THING)
    with pytest.raises(ClaimLost, match="is ending"):
        one.take("another")
    one.claims.leave_all()
    assert one.claims.held == frozenset()
    assert other.take().took_over


@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize("ends", ["close", "leave_all"])
def test_what_was_handed_over_while_the_database_was_asked_is_not_acted_on(
    one: Process, ends: str, look: bool
) -> None:
    """The database is slow; who leaves a claim leaves its token in the row, too."""
    one.take()
    before(one, "get", getattr(one.claims, ends))
    with pytest.raises(ClaimLost):
        one.claims.check(THING, look=look)


def test_a_database_that_is_away_is_asked_once_by_who_ends(
    one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take five seconds for each of a hundred claims, and more than the process has."""
    asked: list[str] = []

    def away(claim_id: str, _token: str) -> None:
        asked.append(claim_id)
        raise DatabaseUnreadable("who works on what", "DBConnectionError")

    for number in range(20):
        one.take(str(uuid.UUID(int=number)))
    monkeypatch.setattr(one.claims._table, "disown", away)
    one.claims.close()
    one.claims.leave_all()
    assert len(asked) == 1
