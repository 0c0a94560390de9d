# SPDX-License-Identifier: Apache-2.0
"""Leases: who is alive, by the pid on this machine and by the last renewal elsewhere."""

import datetime
import os
import subprocess
import sys
from dataclasses import asdict, replace

import psutil
import pytest
from karbor import exception as karbor_exception

from karbor_manila import identity, lease
from tests.unit.banks import FaultyPlugin, break_bank, open_bank, stored

NOW = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)
LONG_AGO = NOW - datetime.timedelta(days=30)
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
        started=psutil.Process().create_time(),
        renewed=ago(0),
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


def alive(bank, owner, since=LONG_AGO):
    return lease.is_alive(bank, owner, TIMEOUT, since)


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


def test_a_process_that_runs_here_is_alive_however_late_its_renewal(bank, here):
    put(bank, "owner-1", replace(here, renewed=ago(3600)))
    assert alive(bank, "owner-1")


def test_a_dead_pid_is_dead_at_once(bank, here):
    child = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(child.pid).create_time()
    child.wait()
    put(bank, "owner-1", replace(here, pid=child.pid, started=started))
    assert alive(bank, "owner-1", since=NOW) is False


def test_another_process_with_the_pid_of_the_dead_is_not_the_dead(bank, here):
    put(bank, "owner-1", replace(here, started=here.started - 10))
    assert not alive(bank, "owner-1")


def test_a_zombie_is_dead(bank, here):
    child = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(child.pid).create_time()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays unreaped
    put(bank, "owner-1", replace(here, pid=child.pid, started=started))
    try:
        assert not alive(bank, "owner-1")
    finally:
        child.wait()


# -- other machines -------------------------------------------------------------------------------


def test_a_fresh_lease_of_another_machine_is_alive(bank, elsewhere):
    put(bank, "owner-1", replace(elsewhere, renewed=ago(59)))
    assert alive(bank, "owner-1")


def test_an_expired_lease_is_dead(bank, elsewhere):
    put(bank, "owner-1", replace(elsewhere, renewed=ago(61)))
    assert not alive(bank, "owner-1")


def test_the_pid_of_another_machine_says_nothing(bank, elsewhere):
    put(bank, "owner-1", replace(elsewhere, pid=2**22 - 1))
    assert alive(bank, "owner-1")


def test_a_clock_that_runs_ahead_elsewhere_does_not_make_a_process_dead(bank, elsewhere):
    put(bank, "owner-1", replace(elsewhere, renewed=ago(-300)))
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


# -- no lease -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "lives"), [(0, True), (59, True), (61, False)])
def test_without_a_lease_the_last_sign_of_life_counts(bank, seconds, lives):
    since = NOW - datetime.timedelta(seconds=seconds)
    assert alive(bank, "owner-1", since) is lives


@pytest.mark.parametrize("text", NONSENSE)
def test_a_lease_that_nobody_understands_counts_as_none(tmp_path, bank, here, text):
    put(bank, "owner-1", here)
    stored(tmp_path, key("owner-1")).write_text(text)
    assert not alive(bank, "owner-1", since=LONG_AGO)
    assert alive(bank, "owner-1", since=NOW)


@pytest.mark.parametrize(
    ("field", "damage"),
    [
        ("renewed", "yesterday"),
        ("renewed", None),
        ("renewed", "2026-11-20T12:00:00"),
        ("renewed", 7),
    ],
)
def test_a_lease_of_elsewhere_with_a_damaged_field_counts_as_none(bank, elsewhere, field, damage):
    put(bank, "owner-1", replace(elsewhere, **{field: damage}))
    assert not alive(bank, "owner-1", since=LONG_AGO)
    assert alive(bank, "owner-1", since=NOW)


@pytest.mark.parametrize(
    ("field", "damage"),
    [
        ("pid", "many"),
        ("pid", -1),
        ("pid", 0),
        ("pid", None),
        ("started", "early"),
        ("started", None),
    ],
)
def test_a_lease_of_here_with_a_damaged_field_counts_as_none(bank, here, field, damage):
    put(bank, "owner-1", replace(here, **{field: damage}))
    assert not alive(bank, "owner-1", since=LONG_AGO)
    assert alive(bank, "owner-1", since=NOW)


# -- banks that refuse ----------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["list", "get"])
def test_an_unreadable_bank_declares_nobody_dead(bank, here, broken):
    put(bank, "owner-1", here)
    break_bank(bank, broken)
    with pytest.raises(karbor_exception.KarborException):
        alive(bank, "owner-1")


def test_a_bank_that_takes_no_lease_does_not_stop_the_process(bank):
    break_bank(bank, "update")
    lease.renew(bank)
    break_bank(bank)
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
    break_bank(bank, broken)
    lease.prune(bank, 100.0)
    break_bank(bank)
    assert owners(bank) == {"old"}


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
