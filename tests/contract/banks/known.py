# SPDX-License-Identifier: Apache-2.0
"""Identity: another bank, an empty one, and one that is not given are told apart."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_db.sqlalchemy import engines

from karbor_manila.bank import access, identity
from karbor_manila.bank.errors import BankNotOurs, BankUnreadable
from karbor_manila.bank.testing import BankWorld, Fault
from karbor_manila.database.known_banks import KnownBanks
from tests.fakes import database

_PROVIDER = "provider"
_OUT = [Fault.ERROR, Fault.BUSY, Fault.GONE, Fault.DENIED, Fault.SILENT]


class Known:
    """The database knows which bank a provider has: what is in its place need not be it."""

    @pytest.fixture
    def known(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KnownBanks]:
        """What Karbor's database knows of banks: nothing yet."""
        monkeypatch.setattr(access, "pause", lambda _seconds: None)
        engine = engines.create_engine(f"sqlite:///{tmp_path / 'known.sqlite'}")
        database.fill(engine)
        yield KnownBanks(lambda: engine)
        engine.dispose()

    def test_a_bank_is_known_from_its_first_use_on(
        self, world: BankWorld, known: KnownBanks
    ) -> None:
        given = identity.confirm(world.open(), _PROVIDER, known)
        assert identity.confirm(world.open(), _PROVIDER, known) == given
        row = known.get(_PROVIDER)
        assert row is not None
        assert row.bank_id == given == identity.read(world.open())

    def test_an_empty_one_in_its_place_is_told_and_stays_empty(
        self, world: BankWorld, known: KnownBanks
    ) -> None:
        given = identity.confirm(world.open(), _PROVIDER, known)
        access.remove(world.open(), identity.KEY, "be emptied")
        with pytest.raises(BankNotOurs) as caught:
            identity.confirm(world.open(), _PROVIDER, known)
        assert (caught.value.expected, caught.value.found) == (given, None)
        assert identity.read(world.open()) is None

    def test_another_one_in_its_place_is_told_with_both_ids(
        self, world: BankWorld, known: KnownBanks
    ) -> None:
        given = identity.confirm(world.open(), _PROVIDER, known)
        bank = world.open()
        bank.update_object(identity.KEY, {"id": "another", "born": "2026-11-26T00:00:00+00:00"})
        with pytest.raises(BankNotOurs) as caught:
            identity.confirm(bank, _PROVIDER, known)
        assert (caught.value.expected, caught.value.found) == (given, "another")
        assert identity.read(bank) == "another"

    @pytest.mark.parametrize("fault", _OUT)
    @pytest.mark.parametrize("is_known", [True, False])
    def test_one_that_is_not_given_is_neither_another_nor_a_new_one(
        self, world: BankWorld, known: KnownBanks, is_known: bool, fault: Fault
    ) -> None:
        world.requires(fault)
        bank = world.open()
        given = identity.bank_id(bank)
        if is_known:
            identity.confirm(bank, _PROVIDER, known)
        raises = pytest.raises(BankUnreadable)
        with world.befalling(fault, bank) as asked, raises as caught:
            identity.confirm(asked, _PROVIDER, known)
        assert not isinstance(caught.value, BankNotOurs)
        assert identity.confirm(world.open(), _PROVIDER, known) == given

    def test_one_that_takes_no_write_is_used_when_it_is_known_and_not_begun_when_it_is_new(
        self, world: BankWorld, known: KnownBanks
    ) -> None:
        world.requires(Fault.FULL)
        with world.trouble(Fault.FULL), pytest.raises(BankUnreadable):
            identity.confirm(world.open(), _PROVIDER, known)
        assert known.get(_PROVIDER) is None
        given = identity.confirm(world.open(), _PROVIDER, known)
        with world.trouble(Fault.FULL):
            assert identity.confirm(world.open(), _PROVIDER, known) == given

    def test_an_id_that_cannot_be_read_is_not_replaced(
        self, world: BankWorld, known: KnownBanks
    ) -> None:
        identity.confirm(world.open(), _PROVIDER, known)
        world.spoil(identity.KEY)
        for ask in (identity.confirm, identity.compare):
            with pytest.raises(BankUnreadable) as caught:
                ask(world.open(), _PROVIDER, known)
            assert not isinstance(caught.value, BankNotOurs)

    @pytest.mark.parametrize("damaged", ["", "x" * 256, "\U0001f600", "a\nb", None])
    def test_an_id_that_no_bank_is_given_is_damaged(
        self, world: BankWorld, known: KnownBanks, damaged: str | None
    ) -> None:
        """A database would cut it, or refuse it."""
        bank = world.open()
        bank.update_object(identity.KEY, {"id": damaged})
        with pytest.raises(BankUnreadable, match="damaged"):
            identity.confirm(bank, _PROVIDER, known)
        assert known.get(_PROVIDER) is None
