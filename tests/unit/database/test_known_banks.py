# SPDX-License-Identifier: Apache-2.0
"""Karbor's database knows one bank for each provider, whoever writes it down and dies over it."""

import datetime
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_db.sqlalchemy import engines

from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankNotOurs, BankUnreadable
from karbor_manila.database.known_banks import EVER, KnownBanks
from tests.unit.banks import FaultyPlugin, open_bank, outage, stored

ONE, TWO = "provider-1", "provider-2"


class Died(BaseException):
    """The process was killed."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Any]:
    engine = engines.create_engine(f"sqlite:///{tmp_path / 'karbor.sqlite'}")
    with engine.begin() as connection:  # as much of Karbor's table as is asked for
        connection.execute(
            "CREATE TABLE operation_logs (checkpoint_id TEXT, provider_id TEXT,"
            " operation_type TEXT, status TEXT, started_at DATETIME, ended_at DATETIME,"
            " deleted BOOLEAN DEFAULT 0)"
        )
    yield engine
    engine.dispose()


@pytest.fixture
def known(engine: Any) -> KnownBanks:
    return KnownBanks(lambda: engine)


def test_the_first_start_gives_the_bank_an_id_and_the_database_knows_it(
    known: KnownBanks, tmp_path: Path
) -> None:
    given = identity.confirm(open_bank(tmp_path), ONE, known)
    assert identity.read(open_bank(tmp_path)) == given
    row = known.get(ONE)
    assert row is not None
    assert (row.bank_id, row.since) == (given, EVER)
    assert identity.confirm(open_bank(tmp_path), ONE, known) == given


def test_a_bank_that_has_its_id_already_is_adopted(known: KnownBanks, tmp_path: Path) -> None:
    given = identity.bank_id(open_bank(tmp_path))
    assert identity.confirm(open_bank(tmp_path), ONE, known) == given
    row = known.get(ONE)
    assert row is not None
    assert row.bank_id == given


def test_two_providers_on_one_bank_have_one_id(known: KnownBanks, tmp_path: Path) -> None:
    ids = {identity.confirm(open_bank(tmp_path), provider, known) for provider in (ONE, TWO, ONE)}
    assert len(ids) == 1


def test_an_empty_folder_in_the_place_of_the_bank_is_not_the_bank_and_stays_empty(
    known: KnownBanks, tmp_path: Path
) -> None:
    given = identity.confirm(open_bank(tmp_path / "bank"), ONE, known)
    empty = open_bank(tmp_path / "empty")
    with pytest.raises(BankNotOurs) as caught:
        identity.confirm(empty, ONE, known)
    assert (caught.value.expected, caught.value.found) == (given, None)
    for word in (ONE, given, f"karbor-manila bank accept {ONE}", "mounted"):
        assert word in str(caught.value)
    assert list(empty.list_objects("/")) == []


def test_another_bank_is_not_the_bank(known: KnownBanks, tmp_path: Path) -> None:
    given = identity.confirm(open_bank(tmp_path / "bank"), ONE, known)
    other = identity.bank_id(open_bank(tmp_path / "other"))
    with pytest.raises(BankNotOurs) as caught:
        identity.confirm(open_bank(tmp_path / "other"), ONE, known)
    assert (caught.value.expected, caught.value.found) == (given, other)


def test_the_right_bank_is_confirmed_as_soon_as_it_is_there(
    known: KnownBanks, tmp_path: Path
) -> None:
    identity.confirm(open_bank(tmp_path / "bank"), ONE, known)
    bank = open_bank(tmp_path / "bank")
    (tmp_path / "bank").rename(tmp_path / "away")
    (tmp_path / "bank" / "karbor").mkdir(parents=True)
    for ask in (identity.confirm, identity.compare, identity.check):
        with pytest.raises(BankNotOurs):
            ask(bank, ONE, known)
    (tmp_path / "bank").rename(tmp_path / "empty")
    (tmp_path / "away").rename(tmp_path / "bank")
    identity.confirm(bank, ONE, known)
    identity.check(bank, ONE, known)


def test_a_bank_that_was_never_confirmed_is_not_taken_on_trust(
    known: KnownBanks, tmp_path: Path
) -> None:
    identity.bank_id(open_bank(tmp_path))
    with pytest.raises(BankUnreadable):
        identity.check(open_bank(tmp_path), ONE, known)


@pytest.mark.parametrize("broken", [["get"], ["get", "list"]])
def test_a_bank_that_cannot_be_read_is_no_other_bank(
    known: KnownBanks, tmp_path: Path, broken: list[str]
) -> None:
    bank = open_bank(tmp_path, FaultyPlugin)
    identity.confirm(bank, ONE, known)
    outage(bank, *broken)
    with pytest.raises(BankUnreadable) as caught:
        identity.confirm(bank, ONE, known)
    assert not isinstance(caught.value, BankNotOurs)


@pytest.mark.parametrize("operation", ["get", "list"])
def test_a_read_that_fails_once_refuses_nothing(
    known: KnownBanks, tmp_path: Path, operation: str
) -> None:
    class Once(FaultyPlugin):
        def get_object(self, key: str, context: Any = None) -> Any:
            try:
                return super().get_object(key, context)
            finally:
                self.out -= {"get"}

        def list_objects(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().list_objects(*args, **kwargs)
            finally:
                self.out -= {"list"}

    bank = open_bank(tmp_path, Once)
    given = identity.confirm(bank, ONE, known)
    outage(bank, "get", operation)
    assert identity.confirm(bank, ONE, known) == given


def test_to_compare_changes_nothing(known: KnownBanks, tmp_path: Path) -> None:
    bank = open_bank(tmp_path)
    assert identity.compare(bank, ONE, known) is None
    assert list(bank.list_objects("/")) == []
    given = identity.bank_id(bank)
    assert identity.compare(bank, ONE, known) == given
    assert known.get(ONE) is None


@pytest.mark.parametrize("after", [False, True])
def test_who_dies_while_a_bank_gets_its_id_leaves_what_the_next_one_confirms(
    known: KnownBanks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    class Mortal(FaultyPlugin):
        def update_object(self, key: str, value: Any, context: Any = None) -> None:
            if after:
                super().update_object(key, value, context)
            raise Died

    with pytest.raises(Died):
        identity.confirm(open_bank(tmp_path, Mortal), ONE, known)
    assert known.get(ONE) is None
    left = identity.read(open_bank(tmp_path))
    assert (left is not None) == after
    given = identity.confirm(open_bank(tmp_path), ONE, known)
    assert left in (None, given)


def test_many_who_start_at_once_agree_on_one_id(engine: Any, tmp_path: Path) -> None:
    """Two hosts, two providers on one bank; each has seen that it has no id before one gives it."""
    looked = threading.Barrier(4)

    class Slow(FaultyPlugin):
        first = True

        def list_objects(self, *args: Any, **kwargs: Any) -> Any:
            found = super().list_objects(*args, **kwargs)
            if self.first:
                self.first = False
                assert found == []
                looked.wait(60)
            return found

    ids: list[str] = []

    def start(provider: str) -> None:
        host = KnownBanks(lambda: engine)
        ids.append(identity.confirm(open_bank(tmp_path, Slow), provider, host))

    threads = [threading.Thread(target=start, args=(name,)) for name in (ONE, TWO) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4
    assert set(ids) == {identity.read(open_bank(tmp_path))}


def test_who_looks_while_another_gives_the_id_takes_it_for_the_providers_bank(
    engine: Any, tmp_path: Path
) -> None:
    def other_host() -> str:
        return identity.confirm(open_bank(tmp_path), ONE, KnownBanks(lambda: engine))

    class Overtaken(FaultyPlugin):
        """Another host starts right after the first look at the id, which finds none."""

        def get_object(self, key: str, context: Any = None) -> Any:
            try:
                return super().get_object(key, context)
            finally:
                if key.endswith(identity.KEY) and not ids:
                    ids.append("")
                    ids[0] = other_host()

    ids: list[str] = []
    found = identity.confirm(open_bank(tmp_path, Overtaken), ONE, KnownBanks(lambda: engine))
    assert [found] == ids


# -- what an operator accepts -----------------------------------------------------------------


def test_another_bank_can_be_accepted(known: KnownBanks, tmp_path: Path) -> None:
    identity.confirm(open_bank(tmp_path / "bank"), ONE, known)
    other = open_bank(tmp_path / "other")
    their = identity.bank_id(other)
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    row = identity.accept(other, ONE, known)
    assert row.bank_id == their
    assert row.since >= before
    assert identity.confirm(other, ONE, known) == their


def test_an_empty_bank_that_is_accepted_gets_a_new_id(known: KnownBanks, tmp_path: Path) -> None:
    """The snapshots of the old one are no orphans of the new one."""
    old = identity.confirm(open_bank(tmp_path / "bank"), ONE, known)
    assert identity.accept(open_bank(tmp_path / "new"), ONE, known).bank_id != old


def test_a_bank_that_lost_its_id_object_gets_the_known_one_back(
    known: KnownBanks, tmp_path: Path
) -> None:
    bank = open_bank(tmp_path)
    given = identity.confirm(bank, ONE, known)
    bank.update_object("/checkpoints/c1/index.json", {})
    stored(tmp_path, identity.KEY).unlink()
    with pytest.raises(BankNotOurs):
        identity.confirm(bank, ONE, known)
    assert identity.accept(bank, ONE, known).bank_id == given
    assert identity.confirm(bank, ONE, known) == given


# -- what the database knows of checkpoints ----------------------------------------------------


def log(
    engine: Any,
    checkpoint: str,
    status: str = "available",
    *,
    kind: str = "protect",
    provider: str = ONE,
    started: str = "2026-11-01 10:00:00.000000",
    ended: str | None = "2026-11-01 11:00:00.000000",
) -> None:
    with engine.begin() as connection:
        connection.execute(
            "INSERT INTO operation_logs VALUES (?, ?, ?, ?, ?, ?, 0)",
            (checkpoint, provider, kind, status, started, ended),
        )


def hold(folder: Path, checkpoint: str) -> None:
    open_bank(folder).update_object(f"/checkpoints/{checkpoint}/index.json", {})


def test_an_empty_folder_is_given_no_id_when_the_database_knows_checkpoints(
    known: KnownBanks, engine: Any, tmp_path: Path
) -> None:
    """The first start after an upgrade, before the bank is mounted."""
    log(engine, "c1")
    with pytest.raises(BankNotOurs, match="c1"):
        identity.confirm(open_bank(tmp_path), ONE, known)
    assert list(open_bank(tmp_path).list_objects("/")) == []
    hold(tmp_path, "c1")
    assert identity.confirm(open_bank(tmp_path), ONE, known)


def test_what_an_older_release_wrote_under_the_mount_is_not_adopted(
    known: KnownBanks, engine: Any, tmp_path: Path
) -> None:
    identity.bank_id(open_bank(tmp_path))
    log(engine, "c1")
    with pytest.raises(BankNotOurs):
        identity.confirm(open_bank(tmp_path), ONE, known)
    assert known.get(ONE) is None


@pytest.mark.parametrize(
    "of_it",
    [
        {"status": "deleted"},
        {"ended": None},
        {"kind": "restore"},
        {"provider": TWO},
    ],
)
def test_what_need_not_be_in_the_bank_keeps_no_bank_from_being_used(
    known: KnownBanks, engine: Any, tmp_path: Path, of_it: dict[str, Any]
) -> None:
    log(engine, "c1", **of_it)
    assert identity.confirm(open_bank(tmp_path), ONE, known)


def missing(known: KnownBanks, tmp_path: Path) -> list[str]:
    return identity.missing(open_bank(tmp_path), ONE, known)


def test_a_bank_that_was_put_back_lacks_what_the_database_knows(
    known: KnownBanks, engine: Any, tmp_path: Path
) -> None:
    identity.confirm(open_bank(tmp_path), ONE, known)
    for number in range(4):
        log(engine, f"c{number}", started=f"2999-01-0{number + 1} 00:00:00.000000")
    log(engine, "c3", "deleted", started="2999-02-01 00:00:00.000000")
    log(engine, "copy", kind="copy", started="2999-01-09 00:00:00.000000")
    log(engine, "failed", "error", started="2999-01-08 00:00:00.000000")
    hold(tmp_path, "c1")
    assert missing(known, tmp_path) == ["copy", "failed", "c2", "c0"]
    identity.accept(open_bank(tmp_path), ONE, known)
    assert missing(known, tmp_path) == ["copy", "failed", "c2", "c0"]  # made later than that


def test_what_was_made_before_the_bank_had_its_id_need_not_be_in_it(
    known: KnownBanks, engine: Any, tmp_path: Path
) -> None:
    identity.confirm(open_bank(tmp_path), ONE, known)
    log(engine, "c1", started="2020-01-01 00:00:00.000000")
    assert missing(known, tmp_path) == []


def test_what_a_bank_lacks_when_it_is_accepted_is_given_up(
    known: KnownBanks, engine: Any, tmp_path: Path
) -> None:
    bank = open_bank(tmp_path)
    identity.confirm(bank, ONE, known)
    bank.update_object(identity.KEY, bank.get_object(identity.KEY) | {"born": "2020-01-01T00:00Z"})
    log(engine, "c1")
    assert missing(known, tmp_path) == ["c1"]
    identity.accept(bank, ONE, known)
    assert missing(known, tmp_path) == []


@pytest.mark.parametrize("born", [None, "", "yesterday", 7, "2020-01-01T00:00:00"])
def test_a_birthday_that_cannot_be_read_leaves_everything_to_be_asked_for(
    known: KnownBanks, engine: Any, tmp_path: Path, born: Any
) -> None:
    bank = open_bank(tmp_path)
    given = identity.confirm(bank, ONE, known)
    bank.update_object(identity.KEY, {"id": given, "born": born})
    log(engine, "c1")
    assert missing(known, tmp_path) == ["c1"]
