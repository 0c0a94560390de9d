# SPDX-License-Identifier: Apache-2.0
"""Only a dead owner's work is taken over."""

import os
import subprocess
from collections.abc import Callable

import pytest

from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.errors import Taken
from karbor_manila.recovery import lease, watching
from tests.unit.banks import end_outage, outage
from tests.unit.recovery.claims.stage import PROVIDER, TIMEOUT, Process, age, ago


def test_who_works_is_alive_in_its_own_eyes_without_any_lease(start: Callable[[], Process]) -> None:
    process = start()
    claim = process.take()
    age(process, 86400)
    assert process.sees_alive(claim)


def test_the_time_of_the_day_says_nothing(one: Process, other: Process) -> None:
    claim = one.take()
    one.says(renewed=ago(86400).isoformat(), started=0.0)
    age(other, 86400)
    assert other.sees_alive(claim)
    with pytest.raises(Taken):
        other.take()


def test_a_pid_that_is_gone_is_dead_however_new_its_lease(one: Process, other: Process) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    claim = one.take()
    one.says(pid=gone.pid)
    assert not other.sees_alive(claim)
    assert other.take().owner == other.owner


def test_a_pid_that_is_another_process_by_now_is_dead(one: Process, other: Process) -> None:
    claim = one.take()
    one.says(pid=1)  # which began at another time
    assert not other.sees_alive(claim)


def test_a_zombie_is_dead(one: Process, other: Process) -> None:
    claim = one.take()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        one.says(pid=child.pid, ticks=lease._ticks(child.pid))
        assert other.sees_alive(claim)
        assert child.stdin
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not other.sees_alive(claim)


@pytest.mark.parametrize("machine", ["another boot", None], ids=["elsewhere", "here, suspended"])
def test_who_does_not_renew_while_he_is_watched_is_dead(
    one: Process, other: Process, machine: str | None
) -> None:
    claim = one.take()
    if machine:
        one.says(machine=machine)
    assert other.sees_alive(claim)
    assert not other.claims.is_proven(claim)
    other.clock.sleep(TIMEOUT - 1)
    assert other.sees_alive(claim)
    with pytest.raises(Taken):
        other.take()
    other.clock.sleep(1)
    assert not other.sees_alive(claim)
    assert other.take().owner == other.owner


def test_every_renewal_is_a_new_life(one: Process, other: Process) -> None:
    claim = one.take()
    for count in range(5):
        one.says(count=count)
        assert other.sees_alive(claim)
        other.clock.sleep(TIMEOUT - 1)
    assert other.claims.is_proven(claim)


def test_who_is_watched_from_the_start_is_known_as_dead_when_somebody_asks(
    one: Process, other: Process
) -> None:
    claim = one.take()
    for _ in range(7):
        watching.watch(other.claims, {PROVIDER: other.bank})
        other.clock.sleep(TIMEOUT / 6)
    assert not other.sees_alive(claim)


def test_a_bank_that_cannot_be_read_does_not_stop_the_watch(one: Process, other: Process) -> None:
    one.take()
    outage(other.bank, "get", "list")
    watching.watch(other.claims, {PROVIDER: other.bank})


@pytest.mark.parametrize("damage", [None, "", "{", "[]", "null", '{"pid": 1}', '{"pid": "x"}'])
def test_an_absent_or_damaged_lease_is_watched_like_another(
    one: Process, other: Process, damage: str | None
) -> None:
    claim = one.take()
    key = f"{identity.PREFIX}/leases/{one.owner}"
    if damage is None:
        one.bank.delete_object(key)
    else:
        one.bank.update_object(key, damage)
    assert other.sees_alive(claim)
    other.clock.sleep(TIMEOUT)
    assert not other.sees_alive(claim)


def test_a_store_whose_list_lags_takes_no_living_lease_for_none(
    one: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = one.take()
    monkeypatch.setattr(other.bank, "list_objects", lambda *_args, **_kwargs: [])
    for count in range(3):
        one.says(count=count)
        assert other.sees_alive(claim)
        other.clock.sleep(TIMEOUT - 1)


@pytest.mark.parametrize("broken", [["get"], ["list", "get"]])
def test_who_cannot_read_leases_calls_nobody_dead_and_takes_nothing(
    start: Callable[[], Process], other: Process, broken: list[str]
) -> None:
    dead = start()
    claim = dead.take()
    dead.dies()
    outage(other.bank, *broken)
    with pytest.raises(BankUnreadable):
        other.take()
    assert other.claims.held == frozenset()
    assert other.claims.all() == [claim]
    end_outage(other.bank)
    assert other.take().owner == other.owner


def test_who_says_that_it_has_ended_is_dead_at_once(one: Process, other: Process) -> None:
    claim = one.take()
    one.says(machine="another boot")
    assert other.sees_alive(claim)
    one.says(ended=True)
    assert not other.sees_alive(claim)
    assert other.take().owner == other.owner
