# SPDX-License-Identifier: Apache-2.0
"""Which checkpoints are abandoned."""

from collections.abc import Callable

import pytest

from karbor_manila.bank.errors import BankUnreadable
from tests.unit.banks import make_checkpoint, outage
from tests.unit.recovery.claims.stage import TIMEOUT, Process, age, ago, seen


@pytest.mark.parametrize("status", ["available", "error", "error-deleting", "deleted"])
def test_what_is_not_in_work_is_never_abandoned(
    start: Callable[[], Process], other: Process, status: str
) -> None:
    dead = start()
    checkpoint = make_checkpoint(dead.bank, ago(3600))
    dead.take(checkpoint.id)
    dead.dies()
    assert not other.claims.is_abandoned(seen(other, checkpoint, status))


@pytest.mark.parametrize("status", ["protecting", "deleting"])
def test_the_work_of_a_dead_process_is_abandoned_and_that_of_a_living_one_is_not(
    one: Process, other: Process, status: str
) -> None:
    checkpoint = make_checkpoint(one.bank, ago(86400))
    one.take(checkpoint.id)
    age(one, 86400)
    assert not other.claims.is_abandoned(seen(other, checkpoint, status))
    one.dies()
    assert other.claims.is_abandoned(seen(other, checkpoint, status))


def test_who_works_now_counts_and_not_who_made_the_checkpoint(
    start: Callable[[], Process], one: Process, other: Process
) -> None:
    maker = start().dies()
    checkpoint = make_checkpoint(maker.bank, ago(86400))
    one.take(checkpoint.id, "delete")
    assert not other.claims.is_abandoned(seen(other, checkpoint, "deleting"))


def test_what_this_process_works_on_is_not_abandoned(one: Process) -> None:
    checkpoint = make_checkpoint(one.bank)
    one.take(checkpoint.id)
    assert not one.claims.is_abandoned(seen(one, checkpoint))
    one.claims.leave(checkpoint.id)
    assert one.claims.is_abandoned(seen(one, checkpoint))


def test_without_a_claim_karbors_own_owner_counts(one: Process, other: Process) -> None:
    checkpoint = make_checkpoint(one.bank, ago(3600))
    assert not other.claims.is_abandoned(seen(other, checkpoint))
    one.dies()
    assert other.claims.is_abandoned(seen(other, checkpoint))


def test_without_claim_and_lease_the_maker_of_the_checkpoint_is_watched(
    start: Callable[[], Process], other: Process
) -> None:
    checkpoint = seen(other, make_checkpoint(start().bank, ago(86400)))
    assert not other.claims.is_abandoned(checkpoint)
    other.clock.sleep(TIMEOUT)
    assert other.claims.is_abandoned(checkpoint)


@pytest.mark.parametrize("broken", [["get"], ["list", "get"]])
def test_in_an_unreadable_bank_nothing_is_abandoned(
    start: Callable[[], Process], other: Process, broken: list[str]
) -> None:
    dead = start().dies()
    checkpoint = seen(other, make_checkpoint(dead.bank, ago(3600)))
    outage(other.bank, *broken)
    with pytest.raises(BankUnreadable):
        other.claims.is_abandoned(checkpoint)
