# SPDX-License-Identifier: Apache-2.0
"""Leases: who is alive, by the pid on this machine and by the last renewal elsewhere."""

import datetime
import math
import os
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.recovery import lease
from tests.fakes.manila import FakeClock
from tests.unit.banks import FaultyPlugin, end_outage, open_bank, outage, stored

NOW = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)
TIMEOUT = 60.0
REAL_NOW = lease._now

#: Leases that nobody can understand, as the bank's file holds them.
NONSENSE = ["", "{", "null", "7", "[]", '"alive"', "{}", '{"pid": 1}', '{"host": "h", "extra": 1}']


def ago(seconds):
    return (NOW - datetime.timedelta(seconds=seconds)).isoformat()


@pytest.fixture(autouse=True)
def _noon(monkeypatch):
    monkeypatch.setattr(lease, "_now", lambda: NOW)


@pytest.fixture
def bank(tmp_path):
    return open_bank(tmp_path, FaultyPlugin)


@pytest.fixture
def here():
    """The lease that this process writes."""
    return lease.Lease(
        host="here",
        machine=lease._machine(),
        pid=os.getpid(),
        started=0.0,
        renewed=ago(0),
        ticks=lease._ticks(os.getpid()),
    )


@pytest.fixture
def elsewhere(here):
    """The lease of a process on another machine, which may have the same pid."""
    return replace(here, machine="another boot pid:[1]")


def key(owner):
    return f"{identity.PREFIX}/leases/{owner}"


def put(bank, owner, entry):
    bank.update_object(key(owner), asdict(entry))


def owners(bank):
    return {name.rpartition("/")[2] for name in bank.list_objects(f"{identity.PREFIX}/leases/")}


def alive(bank, owner):
    """At the first sight."""
    return lease.Observer(TIMEOUT, FakeClock()).is_alive(bank, owner)


def test_time_is_utc():
    assert REAL_NOW().utcoffset() == datetime.timedelta(0)


# -- this machine ---------------------------------------------------------------------------------


def test_a_process_counts_itself_as_alive_without_a_lease(bank):
    assert alive(bank, bank.get_owner_id())


def test_who_renews_is_alive_to_others(tmp_path, bank):
    lease.renew(bank)
    another = open_bank(tmp_path)
    assert another.get_owner_id() != bank.get_owner_id()
    assert alive(another, bank.get_owner_id())


def test_renewing_again_replaces_the_lease(tmp_path, bank, monkeypatch):
    lease.renew(bank)
    monkeypatch.setattr(lease, "_now", lambda: NOW + datetime.timedelta(hours=1))
    lease.renew(bank)
    assert owners(bank) == {bank.get_owner_id()}
    assert bank.get_object(key(bank.get_owner_id()))["renewed"].startswith("2026-11-20T13:00")


def test_a_dead_pid_is_dead_at_once(bank, here):
    child = subprocess.Popen([sys.executable, "-c", ""])
    ticks = lease._ticks(child.pid)
    child.wait()
    put(bank, "owner-1", replace(here, pid=child.pid, ticks=ticks))
    assert not alive(bank, "owner-1")


def test_another_process_with_the_pid_of_the_dead_is_not_the_dead(bank, here):
    put(bank, "owner-1", replace(here, ticks=here.ticks - 1))
    assert not alive(bank, "owner-1")


def test_no_step_of_the_clock_makes_a_process_dead(bank, here):
    """Its start is kept in ticks since boot, not as a time of the day."""
    put(bank, "owner-1", replace(here, started=here.started - 3600, renewed=ago(-7200)))
    assert alive(bank, "owner-1")


def test_of_a_lease_of_an_earlier_release_only_a_pid_that_is_gone_tells(bank, here):
    put(bank, "owner-1", replace(here, ticks=0))
    assert alive(bank, "owner-1")
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    put(bank, "owner-2", replace(here, ticks=0, pid=child.pid))
    assert not alive(bank, "owner-2")


def test_a_zombie_is_dead(bank, here):
    child = subprocess.Popen([sys.executable, "-c", ""])
    ticks = lease._ticks(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays unreaped
    put(bank, "owner-1", replace(here, pid=child.pid, ticks=ticks))
    try:
        assert not alive(bank, "owner-1")
    finally:
        child.wait()


# -- by change --------------------------------------------------------------------------------


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def observer(clock):
    return lease.Observer(TIMEOUT, clock)


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_a_lease_that_does_not_change_runs_out(bank, clock, observer, where, request):
    """Also that of a process of this machine: it may be suspended."""
    put(bank, "owner-1", request.getfixturevalue(where))
    assert observer.is_alive(bank, "owner-1")
    clock.sleep(TIMEOUT - 1)
    assert observer.is_alive(bank, "owner-1")
    clock.sleep(1)
    assert not observer.is_alive(bank, "owner-1")


def test_a_lease_that_changes_does_not_run_out(bank, clock, observer, elsewhere):
    for count in range(4):
        put(bank, "owner-1", replace(elsewhere, count=count))
        assert observer.is_alive(bank, "owner-1")
        assert observer.is_proven("owner-1") is (count > 0)
        clock.sleep(TIMEOUT - 1)


@pytest.mark.parametrize("seconds", [-7200, 0, 7200])
def test_the_clocks_of_others_say_nothing(bank, clock, observer, elsewhere, seconds):
    """One that runs ahead makes a lease live no longer, one that is behind no shorter."""
    put(bank, "owner-1", replace(elsewhere, renewed=ago(seconds)))
    assert observer.is_alive(bank, "owner-1")
    clock.sleep(TIMEOUT)
    assert not observer.is_alive(bank, "owner-1")


def test_one_that_is_taken_for_dead_and_renews_is_alive_again(bank, clock, observer, elsewhere):
    put(bank, "owner-1", elsewhere)
    observer.is_alive(bank, "owner-1")
    clock.sleep(TIMEOUT)
    assert not observer.is_alive(bank, "owner-1")
    put(bank, "owner-1", replace(elsewhere, count=1))
    assert observer.is_alive(bank, "owner-1")


def test_a_lease_that_is_not_found_for_a_moment_is_neither_life_nor_death(
    bank, clock, observer, elsewhere
):
    put(bank, "owner-1", elsewhere)
    observer.is_alive(bank, "owner-1")
    clock.sleep(TIMEOUT / 2)
    bank.delete_object(key("owner-1"))
    assert observer.is_alive(bank, "owner-1")
    clock.sleep(TIMEOUT / 2)
    assert not observer.is_alive(bank, "owner-1")


def test_the_pid_of_another_machine_says_nothing(bank, elsewhere):
    put(bank, "owner-1", replace(elsewhere, pid=2**22 - 1))
    assert alive(bank, "owner-1")


def test_a_machine_is_told_by_its_boot_and_its_pids():
    boot, _, pids = lease._machine().partition(" ")
    assert len(boot) == 36
    assert pids.startswith("pid:[")


@pytest.mark.parametrize("there", [[], ["proc/sys/kernel/random/boot_id"]])
def test_a_machine_without_proc_is_told_by_its_name(monkeypatch, tmp_path, there):
    for path in there:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("boot")
    monkeypatch.setattr(lease, "Path", lambda path: tmp_path / path.lstrip("/"))
    assert lease._machine() == lease.socket.gethostname()


def test_without_proc_a_pid_says_nothing(monkeypatch, tmp_path, bank, here):
    put(bank, "owner-1", replace(here, machine=lease.socket.gethostname(), pid=2**22 - 1))
    monkeypatch.setattr(lease, "Path", lambda path: tmp_path / path.lstrip("/"))
    assert alive(bank, "owner-1")


# -- no lease -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, *NONSENSE])
def test_without_a_lease_that_can_be_understood_the_owner_is_watched(
    tmp_path, bank, clock, observer, here, text
):
    if text is not None:
        put(bank, "owner-1", here)
        stored(tmp_path, key("owner-1")).write_text(text)
    assert observer.is_alive(bank, "owner-1")
    clock.sleep(TIMEOUT)
    assert not observer.is_alive(bank, "owner-1")


@pytest.mark.parametrize(
    ("field", "damage"),
    [
        ("renewed", "yesterday"),
        ("renewed", None),
        ("renewed", "2026-11-20T12:00:00"),
        ("pid", "many"),
        ("pid", -1),
        ("pid", 0),
        ("started", "early"),
        ("ticks", "early"),
        ("count", None),
        ("count", math.inf),
        ("pid", math.inf),
        ("started", math.nan),
        ("started", 10**400),
    ],
)
def test_a_damaged_field_makes_nobody_dead_at_once(bank, here, field, damage):
    put(bank, "owner-1", replace(here, **{field: damage}))
    assert alive(bank, "owner-1")


# -- banks that refuse ----------------------------------------------------------------------------


def test_an_unreadable_bank_declares_nobody_dead(bank, here):
    put(bank, "owner-1", here)
    outage(bank, "get")
    with pytest.raises(BankUnreadable):
        alive(bank, "owner-1")


def test_a_bank_that_takes_no_lease_does_not_stop_the_process(bank):
    outage(bank, "update")
    lease.renew(bank)
    end_outage(bank)
    assert owners(bank) == set()


# -- pruning --------------------------------------------------------------------------------------


def test_old_leases_go_and_others_stay(bank, here, elsewhere):
    put(bank, "fresh", replace(elsewhere, renewed=ago(10)))
    put(bank, "old", replace(elsewhere, renewed=ago(101)))
    put(bank, "old-here", replace(here, renewed=ago(1000)))
    lease.prune(bank, 100.0)
    assert owners(bank) == {"fresh"}


def test_pruning_an_empty_bank_is_nothing_to_do(bank):
    lease.prune(bank, 100.0)
    assert owners(bank) == set()


def test_pruning_leaves_the_id_of_the_bank(bank, elsewhere):
    given = identity.bank_id(bank)
    put(bank, "old", replace(elsewhere, renewed=ago(101)))
    lease.prune(bank, 100.0)
    assert identity.read(bank) == given


@pytest.mark.parametrize("broken", ["list", "get", "delete"])
def test_a_bank_that_cannot_be_pruned_does_not_stop_the_process(bank, elsewhere, broken):
    put(bank, "old", replace(elsewhere, renewed=ago(101)))
    outage(bank, broken)
    lease.prune(bank, 100.0)
    end_outage(bank)
    assert owners(bank) == {"old"}


def test_a_lease_that_only_the_list_shows_does_not_keep_old_ones_from_going(
    bank, elsewhere, monkeypatch
):
    """Another process prunes as well, or the list of an object store lags behind."""
    put(bank, "old", replace(elsewhere, renewed=ago(101)))
    listed = bank.list_objects
    monkeypatch.setattr(bank, "list_objects", lambda of: [key("a-ghost"), *listed(of)])
    lease.prune(bank, 100.0)
    monkeypatch.undo()
    assert owners(bank) == set()


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_does_not_keep_old_leases_from_going(tmp_path, bank, elsewhere, text):
    for owner in ("a", "m", "z"):
        put(bank, owner, replace(elsewhere, renewed=ago(101)))
    stored(tmp_path, key("m")).write_text(text)
    lease.prune(bank, 100.0)
    assert owners(bank) <= {"m"}


@pytest.mark.parametrize("renewed", ["yesterday", None, "2026-11-20T12:00:00"])
def test_a_lease_without_a_date_does_not_stop_the_process(bank, elsewhere, renewed):
    put(bank, "damaged", replace(elsewhere, renewed=renewed))
    put(bank, "old", replace(elsewhere, renewed=ago(101)))
    lease.prune(bank, 100.0)
    assert "old" not in owners(bank)


def test_nonsense_does_not_pile_up(tmp_path, bank, here):
    put(bank, "owner-1", here)
    stored(tmp_path, key("owner-1")).write_text("{}")
    lease.prune(bank, 100.0)
    assert owners(bank) == set()
