# SPDX-License-Identifier: Apache-2.0
"""The keeper of a lease: its age decides what this process may still do."""

from pathlib import Path
from typing import Any

import eventlet.patcher
import pytest
from karbor.services.protection.bank_plugin import Bank

from karbor_manila.common import native
from karbor_manila.recovery import lease
from karbor_manila.recovery.lease_keeper import Keeper
from tests.unit.banks import FaultyPlugin, end_outage, open_bank, outage

TIMEOUT = 60.0


class Seconds:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return open_bank(tmp_path, FaultyPlugin)


def keeper_of(bank: Bank, seconds: Seconds, **more: Any) -> Keeper:
    return Keeper(bank, "owner-1", interval=10.0, timeout=TIMEOUT, elapsed=seconds, **more)


def stored(bank: Bank) -> Any:
    return bank.get_object(lease.key_of("owner-1"))


def test_a_lease_that_was_never_written_is_not_fresh(bank: Bank, seconds: Seconds) -> None:
    assert not keeper_of(bank, seconds).is_fresh


@pytest.mark.parametrize(("passed", "fresh"), [(0, True), (44, True), (45, False), (600, False)])
def test_a_lease_is_fresh_for_three_quarters_of_the_timeout(
    bank: Bank, seconds: Seconds, passed: float, fresh: bool
) -> None:
    keeper = keeper_of(bank, seconds)
    keeper.renew()
    seconds.now += passed
    assert keeper.is_fresh is fresh


def test_a_lease_has_the_age_of_its_last_renewal(bank: Bank, seconds: Seconds) -> None:
    keeper = keeper_of(bank, seconds)
    assert keeper.age is None
    keeper.renew()
    seconds.now += 7.0
    assert keeper.age == 7.0


def test_every_renewal_changes_the_lease(bank: Bank, seconds: Seconds) -> None:
    keeper = keeper_of(bank, seconds)
    seen = []
    for _ in range(3):
        keeper.renew()
        seen.append(stored(bank)["count"])
    assert seen == [1, 2, 3]


def test_a_gap_counts_as_a_lapse_and_a_usual_interval_does_not(
    bank: Bank, seconds: Seconds
) -> None:
    keeper = keeper_of(bank, seconds)
    for passed, lapses in [(0, 0), (10, 0), (44, 0), (45, 1), (10, 1), (600, 2)]:
        seconds.now += passed
        keeper.renew()
        assert keeper.lapses == lapses, passed


def test_a_write_that_takes_long_makes_the_lease_as_old_as_its_beginning(
    bank: Bank, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = keeper_of(bank, seconds)
    keeper.renew()
    update = bank.update_object

    def slow(*args: Any, **kwargs: Any) -> Any:
        seconds.now += 50
        return update(*args, **kwargs)

    monkeypatch.setattr(bank, "update_object", slow)
    keeper.renew()
    assert not keeper.is_fresh
    assert keeper.lapses == 1


def test_a_failed_renewal_does_not_make_the_lease_younger(bank: Bank, seconds: Seconds) -> None:
    keeper = keeper_of(bank, seconds)
    keeper.renew()
    outage(bank, "update")
    seconds.now += 45
    keeper.renew()
    assert keeper.trouble
    assert not keeper.is_fresh
    end_outage(bank)
    keeper.renew()
    assert keeper.trouble is None
    assert (keeper.is_fresh, keeper.lapses) == (True, 1)


def test_no_lease_is_written_into_another_bank(bank: Bank, seconds: Seconds) -> None:
    keeper = keeper_of(bank, seconds, is_ours=lambda _bank: False)
    keeper.renew()
    assert not keeper.is_fresh
    assert bank.list_objects("/") == []


def test_the_thread_is_one_of_the_operating_system(bank: Bank) -> None:
    """It runs while this thread computes without giving way, as when Karbor builds a flow."""
    keeper = Keeper(bank, "owner-1", interval=0.001, timeout=TIMEOUT)
    keeper.start()
    try:
        for _ in range(10**8):
            if keeper._count > 2:
                break
        assert keeper._count > 2
    finally:
        keeper.stop()
        keeper._thread.join()


def test_green_threads_are_told_from_real_ones() -> None:
    answers: list[bool] = []
    thread = native.threading.Thread(target=lambda: answers.append(native.is_native()))
    thread.start()
    thread.join()
    assert (native.is_native(), answers) == (False, [True])
    assert eventlet.patcher.original("threading") is native.threading


def test_a_lease_that_is_given_up_says_so_in_its_last_words(bank: Bank, seconds: Seconds) -> None:
    keeper = keeper_of(bank, seconds)
    keeper.give_up()
    keeper.start()  # which finds that it has ended
    keeper._thread.join()
    assert keeper.is_over
    assert stored(bank)["ended"] is True


def test_no_lease_is_given_up_in_a_bank_of_somebody_else(bank: Bank, seconds: Seconds) -> None:
    keeper = keeper_of(bank, seconds, is_ours=lambda _bank: False)
    assert not keeper._write(ended=True)
    assert bank.list_objects("/") == []
