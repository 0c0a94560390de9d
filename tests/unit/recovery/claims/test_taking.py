# SPDX-License-Identifier: Apache-2.0
"""Of all who want to work on the same id one does."""

import uuid
from collections.abc import Callable

import pytest

from karbor_manila.common.errors import Taken
from karbor_manila.recovery.claim_table import Claim
from tests.unit.recovery.claims.stage import PROVIDER, THING, Process, ago, before, together


def test_a_claim_says_who_does_what_since_when(one: Process) -> None:
    claim = one.take()
    assert (claim.owner, claim.operation, claim.provider_id) == (one.owner, "protect", PROVIDER)
    assert ago(60) < claim.since <= ago(0)
    assert one.claims.get(THING) == claim
    assert one.claims.all() == [claim]
    assert one.claims.held == {THING}


def test_nobody_has_claimed_what_nobody_has_claimed(one: Process) -> None:
    assert one.claims.get(THING) is None
    assert one.claims.all() == []


def test_of_many_at_the_same_moment_one_wins(start: Callable[[], Process]) -> None:
    """Nobody has made the table before."""
    processes = [start().lives() for _ in range(6)]
    outcomes = together(*(process.take for process in processes))
    (winner,) = (item for item in outcomes if isinstance(item, Claim))
    losers = [item for item in outcomes if isinstance(item, Taken)]
    assert len(losers) == len(processes) - 1
    assert processes[0].claims.all() == [winner]
    assert [process.owner for process in processes if process.claims.held] == [winner.owner]


def test_of_many_who_take_over_from_a_dead_one_one_wins(start: Callable[[], Process]) -> None:
    dead = start()
    dead.take()
    dead.dies()
    processes = [start().lives() for _ in range(6)]
    outcomes = together(*(process.take for process in processes))
    (winner,) = (item for item in outcomes if isinstance(item, Claim))
    assert processes[0].claims.all() == [winner]
    assert [process.owner for process in processes if process.claims.held] == [winner.owner]


def test_of_many_threads_of_a_process_one_wins(one: Process) -> None:
    outcomes = together(*[one.take] * 4)
    assert len([item for item in outcomes if isinstance(item, Claim)]) == 1
    assert len([item for item in outcomes if isinstance(item, Taken)]) == 3
    assert one.claims.held == {THING}


@pytest.mark.parametrize("moment", ["insert", "_select", "replace"])
def test_who_comes_second_at_a_dead_ones_claim_does_not_get_it(
    start: Callable[[], Process], one: Process, other: Process, moment: str
) -> None:
    dead = start()
    dead.take()
    dead.dies()
    before(one, moment, other.take)
    with pytest.raises(Taken):
        one.take()
    assert one.claims.held == frozenset()
    assert [claim.owner for claim in one.claims.all()] == [other.owner]


@pytest.mark.parametrize("moment", ["_select", "replace"])
def test_what_is_released_meanwhile_is_had(
    start: Callable[[], Process], one: Process, moment: str
) -> None:
    dead = start()
    dead.take()
    dead.dies()
    before(one, moment, lambda: dead.claims.release(THING))
    assert one.take().owner == one.owner
    assert [claim.owner for claim in one.claims.all()] == [one.owner]


def test_the_same_dead_owner_with_a_new_claim_is_not_taken_for_the_old_one(
    start: Callable[[], Process], one: Process, other: Process
) -> None:
    """The token tells one claim of an owner from the next."""
    dead = start()
    dead.take()
    dead.dies()

    def anew() -> None:
        dead.claims.release(THING)
        dead.take()
        dead.lives()

    before(one, "replace", anew)
    with pytest.raises(Taken):
        one.take()
    assert [claim.owner for claim in other.claims.all()] == [dead.owner]


def test_who_is_always_too_late_gives_up(
    monkeypatch: pytest.MonkeyPatch, start: Callable[[], Process], one: Process
) -> None:
    dead = start()
    dead.take()
    dead.dies()
    monkeypatch.setattr(one.claims._table, "replace", lambda *_args: False)
    with pytest.raises(Taken):
        one.take()
    assert one.claims.held == frozenset()


def test_a_refusal_says_what_is_going_on_since_when(one: Process, other: Process) -> None:
    claim = one.take(operation="delete")
    with pytest.raises(Taken, match=rf"{THING} is in work \(delete since 20.* UTC\)") as it:
        other.take()
    assert it.value.claim == claim


def test_what_one_does_already_it_does_not_begin_again(one: Process) -> None:
    claim = one.take()
    with pytest.raises(Taken) as refused:
        one.take(operation="delete")
    assert refused.value.claim == claim
    assert one.claims.held == {THING}
    assert one.claims.all() == [claim]


def test_two_things_are_two_claims(one: Process, other: Process) -> None:
    another = str(uuid.uuid4())
    one.take()
    other.take(another)
    assert {claim.id for claim in one.claims.all()} == {THING, another}
