# SPDX-License-Identifier: Apache-2.0
"""One look at the database serves all who ask within a moment, and nobody for longer."""

from collections.abc import Callable
from typing import Any

import pytest

from karbor_manila.common.errors import ClaimLost
from karbor_manila.recovery.shared_look import AGE
from tests.unit.recovery.claims.stage import PROVIDER, THING, TIMEOUT, Process


class Lease:
    """Stands in for the keeper of the lease of a process."""

    trouble = None

    def __init__(self, process: Process) -> None:
        self.elapsed = process.clock.now
        self.is_fresh = True
        self.lapses = 0
        process.claims.keep(PROVIDER, self)  # type: ignore[arg-type]

    def runs_out(self) -> None:
        self.is_fresh = False

    def comes_back(self) -> None:
        self.is_fresh = True
        self.lapses += 1


class Looks:
    """Counts the looks of a process at its claims, and lets something happen in the middle."""

    def __init__(self, process: Process) -> None:
        self.count = 0
        self.meanwhile: list[Callable[[], Any]] = []
        self._get = process.claims._table.get
        process.claims._table.get = self._counted  # type: ignore[method-assign]

    def _counted(self, claim_id: str) -> Any:
        self.count += 1
        row = self._get(claim_id)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return row


def confirm(process: Process) -> None:
    process.claims.check(THING, look=True)


@pytest.fixture
def lease(one: Process) -> Lease:
    found = Lease(one)
    one.take()
    return found


@pytest.fixture
def looks(one: Process, lease: Lease) -> Looks:
    return Looks(one)


def taken_over(one: Process, other: Process) -> None:
    """By a process that was mistaken about the lease, which is fresh."""
    one.says(ticks=1)
    other.take(operation="delete")


def test_a_hundred_who_ask_at_once_look_once(one: Process, looks: Looks) -> None:
    for _ in range(100):
        confirm(one)
    assert looks.count == 1


def test_a_look_serves_for_its_age_and_no_longer(one: Process, looks: Looks) -> None:
    confirm(one)
    one.clock.sleep(AGE)
    confirm(one)
    assert looks.count == 1
    one.clock.sleep(AGE / 100)
    confirm(one)
    assert looks.count == 2


def test_the_age_counts_from_the_beginning_of_the_look(one: Process, looks: Looks) -> None:
    looks.meanwhile.append(lambda: one.clock.sleep(2 * AGE))
    confirm(one)
    confirm(one)
    assert looks.count == 2


@pytest.mark.usefixtures("looks")
def test_who_was_suspended_for_longer_looks_again_and_is_refused(
    one: Process, other: Process
) -> None:
    confirm(one)
    taken_over(one, other)
    one.clock.sleep(AGE * 1.01)
    with pytest.raises(ClaimLost, match="taken it over for delete"):
        confirm(one)
    with pytest.raises(ClaimLost):
        one.claims.check(THING)


def test_no_look_serves_once_the_lease_has_run_out(
    one: Process, other: Process, lease: Lease, looks: Looks
) -> None:
    """Not even one that is younger than its age when the lease is back."""
    confirm(one)
    taken_over(one, other)
    lease.runs_out()
    lease.comes_back()
    with pytest.raises(ClaimLost, match="taken it over"):
        confirm(one)
    assert looks.count == 2


def test_a_young_look_does_not_make_up_for_a_lease(one: Process, lease: Lease) -> None:
    confirm(one)
    lease.runs_out()
    began = one.clock.now()
    with pytest.raises(ClaimLost, match="could not be renewed"):
        confirm(one)
    assert one.clock.now() - began >= TIMEOUT


def test_a_lease_that_runs_out_during_the_look_needs_another_one(
    one: Process, lease: Lease, looks: Looks
) -> None:
    looks.meanwhile.append(lambda: (lease.runs_out(), lease.comes_back()))
    confirm(one)
    assert looks.count == 2


@pytest.mark.usefixtures("lease")
def test_what_was_seen_of_a_claim_says_nothing_of_the_next_one_on_the_same_thing(
    one: Process, other: Process
) -> None:
    looks = Looks(one)
    confirm(one)
    one.claims.release(THING)
    one.take()
    confirm(one)
    assert looks.count == 2
    one.claims.release(THING)
    other.take()
    with pytest.raises(ClaimLost, match="holds no claim"):
        confirm(one)


def test_who_asks_while_a_look_is_under_way_shares_the_next_one(one: Process, looks: Looks) -> None:
    """However long a look takes: else a hundred would look one after the other."""
    slow = [lambda: one.clock.sleep(10 * AGE)] * 100
    looks.meanwhile.extend(slow)
    assert one.clock.together(*[lambda: confirm(one)] * 100) == [None] * 100
    assert looks.count == 2


def test_who_shares_a_look_that_finds_the_claim_taken_is_refused_with_the_same_word(
    one: Process, other: Process, looks: Looks
) -> None:
    taken_over(one, other)
    looks.meanwhile.append(lambda: one.clock.sleep(AGE))
    outcomes = one.clock.together(*[lambda: confirm(one)] * 20)
    assert {str(each) for each in outcomes} == {str(outcomes[0])}
    assert isinstance(outcomes[0], ClaimLost)
    assert looks.count == 1


def test_a_look_that_was_killed_serves_nobody(one: Process, looks: Looks) -> None:
    def killed() -> None:
        raise SystemExit

    looks.meanwhile.append(killed)
    with pytest.raises(SystemExit):
        confirm(one)
    confirm(one)
    assert looks.count == 2


def test_without_a_lease_of_its_own_a_process_looks_each_time(one: Process) -> None:
    one.take()
    looks = Looks(one)
    confirm(one)
    confirm(one)
    assert looks.count == 2
