# SPDX-License-Identifier: Apache-2.0
"""Of all who want to work on a thing one does, and only a dead one's work is taken over."""

import datetime
import os
import sqlite3
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from oslo_db import api as oslo_db_api
from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import engines

from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.errors import Taken
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.recovery import claim_table, lease
from karbor_manila.recovery.claim_table import Claim
from karbor_manila.recovery.claims import Claims
from tests.fakes.manila import FakeClock
from tests.unit.banks import FaultyPlugin, break_bank, make_checkpoint, open_bank, open_provider

TIMEOUT = 60.0
THING = str(uuid.UUID(int=0xC))
PROVIDER = str(uuid.UUID(int=0x1))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the attempts at a database."""
    monkeypatch.setattr(oslo_db_api.time, "sleep", lambda _seconds: None)


class Process:
    """One karbor-protection process: its own bank, its own connection to the one database."""

    def __init__(self, folder: Path) -> None:
        self.engine = engines.create_engine(f"sqlite:///{folder / 'karbor.sqlite'}")
        self.bank = open_bank(folder / "bank", FaultyPlugin)
        self.clock = FakeClock()
        self.claims = Claims(TIMEOUT, lambda: self.engine, self.clock)
        self.owner = self.bank.get_owner_id()

    def take(self, thing: str = THING, operation: str = "protect") -> Claim:
        return self.claims.take(
            thing, operation, provider_id=PROVIDER, checkpoint_id=thing, bank=self.bank
        )

    def lives(self) -> "Process":
        lease.renew(self.bank)
        return self

    def dies(self) -> "Process":
        """Killed: its pid is that of another process by now."""
        lease.renew(self.bank)
        return self.says(ticks=1)

    def says(self, **changes: Any) -> "Process":
        """Its lease, with other words in it."""
        key = f"{identity.PREFIX}/leases/{self.owner}"
        self.bank.update_object(key, self.bank.get_object(key) | changes)
        return self

    def sees_alive(self, claim: Claim) -> bool:
        return self.claims.is_alive(claim, self.bank)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Process]]:
    """Starts processes on one folder."""
    begun: list[Process] = []

    def start() -> Process:
        begun.append(Process(tmp_path))
        return begun[-1]

    yield start
    for process in begun:
        process.engine.dispose()


@pytest.fixture
def one(start: Callable[[], Process]) -> Process:
    return start().lives()


@pytest.fixture
def other(start: Callable[[], Process]) -> Process:
    return start().lives()


def ago(seconds: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """What each returned or raised when all were called at the same moment."""
    line = threading.Barrier(len(calls))
    outcomes: list[Any] = [None] * len(calls)

    def run(number: int) -> None:
        line.wait()
        try:
            outcomes[number] = calls[number]()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def before(process: Process, method: str, action: Callable[[], Any]) -> None:
    """Let ``action`` happen right before the first call of this method of the process's table."""
    table = process.claims._table
    original = getattr(table, method)

    def meanwhile(*args: Any) -> Any:
        setattr(table, method, original)
        action()
        return original(*args)

    setattr(table, method, meanwhile)


def age(process: Process, seconds: float) -> None:
    """Every claim is as if it had been made so long ago."""
    with process.engine.begin() as connection:
        connection.execute(
            claim_table.TABLE.update().values(since=ago(seconds).replace(tzinfo=None))
        )


# -- one wins ---------------------------------------------------------------------------------


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


# -- the end of a claim -----------------------------------------------------------------------


def test_what_is_released_can_be_claimed_by_anybody(one: Process, other: Process) -> None:
    one.take()
    one.claims.release(THING)
    assert one.claims.held == frozenset()
    assert one.claims.get(THING) is None
    assert other.take().owner == other.owner


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


# -- dead or alive ----------------------------------------------------------------------------


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
        other.claims.watch({PROVIDER: other.bank})
        other.clock.sleep(TIMEOUT / 6)
    assert not other.sees_alive(claim)


def test_a_bank_that_cannot_be_read_does_not_stop_the_watch(one: Process, other: Process) -> None:
    one.take()
    break_bank(other.bank, "get", "list")
    other.claims.watch({PROVIDER: other.bank})


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
    break_bank(other.bank, *broken)
    with pytest.raises(BankUnreadable):
        other.take()
    assert other.claims.held == frozenset()
    assert other.claims.all() == [claim]
    break_bank(other.bank)
    assert other.take().owner == other.owner


# -- what is abandoned ------------------------------------------------------------------------


def seen(process: Process, checkpoint: Any, status: str = "protecting") -> Any:
    """A checkpoint as this process reads it."""
    found = open_provider(process.bank).get_checkpoint(checkpoint.id)
    found.status = status
    return found


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
    break_bank(other.bank, *broken)
    with pytest.raises(BankUnreadable):
        other.claims.is_abandoned(checkpoint)


# -- the database -----------------------------------------------------------------------------


def raising(error: Exception) -> Callable[..., Any]:
    def raise_it(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return raise_it


# oslo.db leaves it as it is.
LOCKED = sa.exc.OperationalError("", {}, sqlite3.OperationalError("database is locked"))

ERRORS = [
    db_exception.DBConnectionError(),
    db_exception.DBDeadlock(),
    LOCKED,
]


class Faults:
    """Each transaction of a process's claims from the n-th on, ``times`` of them, goes wrong."""

    def __init__(
        self, process: Process, error: Exception, nth: int, *, after: bool, times: int = 1
    ) -> None:
        self.error = error
        self.first, self.last = nth, nth + times - 1
        self.after = after
        self.seen = 0
        self.begin = process.claims._table._begin
        process.claims._table._begin = self._begin  # type: ignore[method-assign]
        self.process = process

    def over(self) -> None:
        self.process.claims._table._begin = self.begin  # type: ignore[method-assign]

    def _begin(self) -> Any:
        self.seen += 1
        due = self.first <= self.seen <= self.last
        if due and not self.after:
            raise self.error
        return _Transaction(self.begin(), self.error if due else None)


class _Transaction:
    """One whose reply is lost, if there is an error: it was carried out."""

    def __init__(self, real: Any, error: Exception | None) -> None:
        self.real = real
        self.error = error

    def __enter__(self) -> Any:
        return self.real.__enter__()

    def __exit__(self, *raised: Any) -> Any:
        handled = self.real.__exit__(*raised)
        if self.error and not raised[0]:
            raise self.error
        return handled


@pytest.mark.parametrize("error", ERRORS, ids=["away", "deadlock", "locked"])
@pytest.mark.parametrize("after", [False, True], ids=["not done", "reply lost"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
@pytest.mark.parametrize("left", [False, True], ids=["free", "left by a dead one"])
def test_a_statement_that_fails_once_is_repeated_and_makes_one_claim(
    start: Callable[[], Process], one: Process, left: bool, nth: int, after: bool, error: Exception
) -> None:
    if left:
        dead = start()
        dead.take()
        dead.dies()
    faults = Faults(one, error, nth, after=after)
    claim = one.take()
    one.claims.release(THING)
    faults.over()
    assert claim.owner == one.owner
    assert one.claims.all() == []
    assert one.claims.held == frozenset()


@pytest.mark.parametrize("error", ERRORS, ids=["away", "deadlock", "locked"])
@pytest.mark.parametrize(
    ("left", "nth"),
    [(False, 1), (True, 1), (True, 2), (True, 3)],
    ids=["free", "insert", "select", "replace"],
)
def test_who_cannot_claim_does_not_work_and_can_once_the_database_is_back(
    start: Callable[[], Process],
    one: Process,
    other: Process,
    nth: int,
    left: bool,
    error: Exception,
) -> None:
    if left:
        dead = start()
        dead.take()
        dead.dies()
    faults = Faults(one, error, nth, after=True, times=10**6)
    with pytest.raises(DatabaseUnreadable):
        one.take()
    assert one.claims.held == frozenset()
    faults.over()
    assert one.take().owner == one.owner
    with pytest.raises(Taken):
        other.take()


@pytest.mark.parametrize("call", ["get", "all"])
def test_a_database_that_is_away_is_told(one: Process, call: str) -> None:
    Faults(one, db_exception.DBConnectionError(), 1, after=False, times=10**6)
    arguments = [THING] if call == "get" else []
    with pytest.raises(DatabaseUnreadable):
        getattr(one.claims, call)(*arguments)


def test_a_table_that_two_make_at_once_is_made(
    one: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = sa.Table.create

    def create(self: Any, engine: Any, checkfirst: bool) -> None:
        """Both have seen that it is not there."""
        original(self, other.engine)
        original(self, engine)

    monkeypatch.setattr(sa.Table, "create", create)
    assert one.take().owner == one.owner


def test_a_table_that_cannot_be_made_is_told_and_made_later(
    one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sa.Table, "create", raising(db_exception.DBError(Exception("read-only"))))
        with pytest.raises(DatabaseUnreadable):
            one.take()
    assert one.claims.held == frozenset()
    assert one.take().owner == one.owner


def test_the_table_is_made_again_in_a_new_database(tmp_path: Path, one: Process) -> None:
    one.take()
    one.engine = engines.create_engine(f"sqlite:///{tmp_path / 'new.sqlite'}")
    assert one.claims.all() == []


def test_a_database_that_knows_whole_seconds_alone_loses_no_claim(
    one: Process, other: Process
) -> None:
    """MySQL's DATETIME rounds."""
    claim = one.take()
    with one.engine.begin() as connection:
        half = claim.since.replace(microsecond=0, tzinfo=None) + datetime.timedelta(seconds=1)
        connection.execute(claim_table.TABLE.update().values(since=half))
    (known,) = one.claims.all()
    assert one.sees_alive(known)
    assert other.sees_alive(known)
    one.dies()
    assert other.take().owner == other.owner


def test_the_oldest_claim_comes_first(one: Process) -> None:
    ids = [str(uuid.UUID(int=number)) for number in (3, 1, 2)]
    for thing in ids:
        one.take(thing)
    with one.engine.begin() as connection:
        for days, thing in enumerate(reversed(ids)):
            moment = ago(86400 * (days + 1)).replace(tzinfo=None)
            table = claim_table.TABLE
            connection.execute(table.update().where(table.c.id == thing).values(since=moment))
    assert [claim.id for claim in one.claims.all()] == ids


def test_a_claim_is_all_in_the_table(one: Process) -> None:
    assert {column.name for column in claim_table.TABLE.columns} == set(asdict(one.take())) - {
        "took_over"  # the taker's alone
    }
