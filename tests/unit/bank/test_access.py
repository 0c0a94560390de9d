# SPDX-License-Identifier: Apache-2.0
"""Karbor's S3 and Swift banks as they are, on clients that fail as botocore and swiftclient do."""

import datetime
from typing import Any
from unittest import mock

import botocore.exceptions
import pytest
import swiftclient
from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugin import Bank
from karbor.services.protection.bank_plugins.s3_bank_plugin import S3BankPlugin
from karbor.services.protection.bank_plugins.swift_bank_plugin import SwiftBankPlugin
from oslo_config import cfg

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints, fencing, identity
from karbor_manila.bank.errors import BankUnreadable, RecordInvalid
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.recovery import lease
from tests.unit.bank.stage import INTENT, RECORD
from tests.unit.banks import make_checkpoint, open_provider


class Store:
    """What the client of an object store does, in memory; ``errors`` are raised first."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.errors: list[Exception] = []
        self.hidden = False

    def _reached(self) -> None:
        if self.errors:
            raise self.errors.pop()

    def keys(self, prefix: str | None) -> list[str]:
        self._reached()
        return [] if self.hidden else sorted(k for k in self.objects if k.startswith(prefix or ""))


class S3(Store):
    def put_object(self, Bucket: str, Key: str, Body: str, Metadata: Any) -> None:  # noqa: N803
        self._reached()
        self.objects[Key] = (Body.encode(), Metadata)

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        self._reached()
        if Key not in self.objects:
            raise self.answer(404)
        body, metadata = self.objects[Key]
        return {"Body": mock.Mock(read=lambda: body), "Metadata": metadata}

    def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803
        self._reached()
        self.objects.pop(Key, None)

    def list_objects(self, Bucket: str, Prefix: str, **_kwargs: Any) -> Any:  # noqa: N803
        found = [{"Key": key} for key in self.keys(Prefix)]
        return {"IsTruncated": False} | ({"Contents": found} if found else {})

    @staticmethod
    def answer(status: int) -> Exception:
        said = {"Error": {"Code": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return botocore.exceptions.ClientError(said, "GetObject")

    @staticmethod
    def broken() -> Exception:
        return botocore.exceptions.EndpointConnectionError(endpoint_url="https://s3.example.com")


class Swift(Store):
    def put_object(self, container: str, obj: str, contents: str, headers: Any) -> None:
        self._reached()
        self.objects[obj] = (contents.encode(), headers)

    def get_object(self, container: str, obj: str) -> Any:
        self._reached()
        if obj not in self.objects:
            raise self.answer(404)
        body, headers = self.objects[obj]
        return headers, body

    def delete_object(self, container: str, obj: str) -> None:
        self._reached()
        if self.objects.pop(obj, None) is None:
            raise self.answer(404)

    def get_container(self, container: str, prefix: str | None = None, **_kwargs: Any) -> Any:
        return {}, [{"name": key} for key in self.keys(prefix)]

    @staticmethod
    def answer(status: int) -> Exception:
        return swiftclient.ClientException("no", http_status=status)

    @staticmethod
    def broken() -> Exception:
        return ConnectionResetError(104, "Connection reset by peer")


@pytest.fixture(params=[(S3BankPlugin, S3), (SwiftBankPlugin, Swift)], ids=["s3", "swift"])
def bank(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    kind, client = request.param
    conf = cfg.ConfigOpts()
    conf(args=[])
    plugin = kind(conf)
    plugin._connection = client()
    return Bank(plugin)


@pytest.fixture
def store(bank: Any) -> Any:
    return bank._plugin._connection


@pytest.fixture
def ledger(bank: Any) -> ShareSection:
    section = bank.get_sub_section("/checkpoints/c/resource-data/share/")
    return ShareSection(section, lambda _seconds: None)


def test_a_broken_connection_is_repeated_wherever_it_breaks(
    store: Any, ledger: ShareSection
) -> None:
    ledger.begin(INTENT)
    for work in (
        lambda: ledger.complete(RECORD),
        ledger.record,
        ledger.restores,
        lambda: ledger.end(INTENT),
    ):
        store.errors = [store.broken() for _ in range(bank_access.ATTEMPTS - 1)]
        work()
    assert ledger.record() == RECORD
    assert ledger.intent() is None


def test_a_store_that_stays_away_is_told_without_its_addresses(
    store: Any, ledger: ShareSection
) -> None:
    store.errors = [store.broken() for _ in range(100)]
    with pytest.raises(BankUnreadable) as caught:
        ledger.record()
    assert "example.com" not in str(caught.value)


@pytest.mark.parametrize("status", [500, 503, 429, 403])
def test_what_the_server_refuses_is_not_absent_though_the_list_lags_behind(
    store: Any, ledger: ShareSection, status: int
) -> None:
    ledger.complete(RECORD)
    store.hidden = True
    store.errors = [store.answer(status)]
    assert ledger.record() == RECORD
    ledger_errors = [store.answer(status) for _ in range(bank_access.ATTEMPTS)]
    store.errors = ledger_errors
    with pytest.raises(BankUnreadable):
        ledger.record()


def test_what_is_absent_is_absent(ledger: ShareSection) -> None:
    assert ledger.record() is None
    assert ledger.intent() is None


@pytest.mark.parametrize("status", [500, 503, 429, 403])
def test_a_checkpoint_that_the_server_does_not_give_is_not_absent_though_the_list_lags_behind(
    bank: Any, store: Any, status: int
) -> None:
    provider = open_provider(bank)
    made = make_checkpoint(bank, datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC))
    store.hidden = True
    for get in (
        lambda: checkpoints.get(provider, made.id),
        lambda: fencing.checkpoint(made, lambda: None),
    ):
        store.errors = [store.answer(status)]
        assert get().id == made.id
        store.errors = [store.answer(status) for _ in range(bank_access.ATTEMPTS)]
        with pytest.raises(BankUnreadable):
            get()
    with pytest.raises(karbor_exception.CheckpointNotFound):
        checkpoints.get(provider, "another")


def test_a_look_tells_value_absent_damaged_and_unreadable_apart(bank: Any, store: Any) -> None:
    def look(key: str) -> bank_access.Stored:
        return bank_access.look(lambda: bank.get_object(key), lambda: key in bank.list_objects())

    bank.update_object("/a", {"b": 1})
    assert look("/a") == bank_access.Stored(bank_access.Outcome.VALUE, {"b": 1})
    assert look("/none") == bank_access.Stored(bank_access.Outcome.ABSENT)
    (key,) = store.objects
    store.objects[key] = (b"{", store.objects[key][1])
    assert look("/a") == bank_access.Stored(bank_access.Outcome.DAMAGED)
    store.errors = [store.broken()]
    with pytest.raises(Exception, match=r"endpoint|reset"):
        look("/a")


def test_a_bank_keeps_its_id_through_broken_connections(bank: Any, store: Any) -> None:
    store.errors = [store.broken()]
    known = identity.bank_id(bank)
    store.errors = [store.broken()]
    assert identity.read(bank) == known
    store.hidden = True
    store.errors = [store.answer(503)]
    assert identity.bank_id(bank) == known


def test_a_body_that_is_no_value_is_damage(store: Any, ledger: ShareSection) -> None:
    ledger.complete(RECORD)
    (key,) = store.objects
    store.objects[key] = (b'{"version": 2, ', store.objects[key][1])
    with pytest.raises(RecordInvalid):
        ledger.record()


def test_a_lease_is_read_through_broken_connections_and_refusals(bank: Any, store: Any) -> None:
    lease.renew(bank)
    owner = str(bank.get_owner_id())
    store.hidden = True
    for error in (store.broken(), store.answer(503)):
        store.errors = [error]
        assert lease._read(bank, owner) is not None
    store.errors = [store.broken() for _ in range(100)]
    with pytest.raises(BankUnreadable):
        lease._read(bank, owner)
    store.errors.clear()
    assert lease._read(bank, "nobody") is None
