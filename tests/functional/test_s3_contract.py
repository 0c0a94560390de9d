# SPDX-License-Identifier: Apache-2.0
"""The banks' contract on a real S3 server: our bank keeps it; what Karbor's own does there."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugin import Bank
from karbor.services.protection.bank_plugins import s3_bank_plugin
from karbor.services.protection.client_factory import ClientFactory

from karbor_manila.bank.s3 import store as bucket
from karbor_manila.bank.s3.plugin import S3BankPlugin
from karbor_manila.bank.testing import BankContract, BankWorld
from sandbox.s3 import config as s3
from tests.functional.s3_store import S3Store, S3World, running


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Store]:
    with running(tmp_path_factory.mktemp("s3")) as store:
        yield store


class TestS3Bank(BankContract):
    @pytest.fixture
    def world(self, store: S3Store, monkeypatch: pytest.MonkeyPatch) -> BankWorld:
        monkeypatch.setattr(bucket, "_PAGE", S3World.page)
        return S3World(store, S3BankPlugin)


@pytest.fixture
def karbors(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> S3World:
    """A world with Karbor's own bank."""
    # It logs in to Keystone to speak to S3, and renews a lease by a loop of its own.
    monkeypatch.setattr(ClientFactory, "_keystone_plugin", object())
    monkeypatch.setattr(s3_bank_plugin, "loopingcall", mock.MagicMock())
    return S3World(store, s3_bank_plugin.S3BankPlugin)


@pytest.fixture
def theirs(karbors: S3World) -> Any:
    """That bank as where the server has nothing against a bucket that is made again."""
    bank: Bank = karbors.open()
    connect = bank._plugin._setup_connection

    def connected() -> Any:
        client = connect()
        client.create_bucket = lambda **_bucket: None
        return client

    bank._plugin._setup_connection = connected
    return bank


def test_karbors_own_bank_cannot_be_opened_a_second_time(karbors: S3World, store: S3Store) -> None:
    S3World(store, S3BankPlugin).open().list_objects("/")  # whoever has made the bucket
    for call, *args in (("update_object", "/a", 1), ("get_object", "/a"), ("list_objects", "/")):
        with pytest.raises(karbor_exception.KarborException, match="BucketAlreadyOwnedByYou"):
            getattr(karbors.open(), call)(*args)


def test_karbors_own_bank_cuts_off_the_keys_of_this_server(theirs: Any, store: S3Store) -> None:
    S3World(store, S3BankPlugin).open().update_object("/checkpoints/an-id/index.json", {})
    section = theirs.get_sub_section("/checkpoints/")
    assert section.list_objects() == ["n-id/index.json"]
    assert theirs.list_objects("/") == []


def test_each_bank_reads_what_the_other_wrote(theirs: Any, store: S3Store) -> None:
    ours = S3World(store, S3BankPlugin).open()
    values = {"/a/text": "Größe", "/a/number-in-text": "123", "/a/dict": {"a": [1, None]}}
    for key, value in values.items():
        theirs.update_object(key, value)
    assert {key: ours.get_object(key) for key in values} == values
    assert ours.list_objects("/a/") == sorted(values)
    for key, value in values.items():
        ours.update_object(key, value)
    assert {key: theirs.get_object(key) for key in values} == values


def test_what_lost_its_metadata_is_read_all_the_same(store: S3Store) -> None:
    """A tool that copies a bank from one server to another may lose it."""
    ours = S3World(store, S3BankPlugin).open()
    values = {"/a/text": "123", "/a/dict": {"a": 1}}
    for key, value in values.items():
        ours.update_object(key, value)
        body = store.client.get_object(Bucket=s3.BUCKET, Key=key)["Body"].read()
        store.client.put_object(Bucket=s3.BUCKET, Key=key, Body=body)
    assert {key: ours.get_object(key) for key in values} == values
