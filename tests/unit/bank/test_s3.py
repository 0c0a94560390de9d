# SPDX-License-Identifier: Apache-2.0
"""Our bank in S3 as its client sees it: the bucket, Karbor's labels, order. The contract on a real
server is tests/functional/test_s3_contract.py."""

import io
import logging

import pytest
from botocore.exceptions import ConnectionClosedError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from karbor.services.protection.bank_plugin import Bank
from karbor.services.protection.bank_plugins.s3_bank_plugin import S3BankPlugin as KarborsBank
from oslo_config import cfg

from karbor_manila.bank import access, opening
from karbor_manila.bank.s3 import options
from karbor_manila.bank.s3.plugin import S3BankPlugin

KEYS = ("an-access-key", "a-secret-key")
HEAD = {"Bucket": "karbor"}


def configured(**values):
    conf = cfg.ConfigOpts()
    conf(args=[])
    options.register(conf)
    conf.set_override("s3_endpoint", "http://s3.example", options.CLIENT)
    conf.set_override("s3_access_key", KEYS[0], options.CLIENT)
    conf.set_override("s3_secret_key", KEYS[1], options.CLIENT)
    for name, value in values.items():
        conf.set_override(name, value, options.BANK)
    return conf


@pytest.fixture
def plugin():
    return S3BankPlugin(configured())


@pytest.fixture
def server(plugin):
    with Stubber(plugin._store._client) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def writes(plugin):
    with Stubber(plugin._store._writer) as stub:
        yield stub
        stub.assert_no_pending_responses()


def body(content):
    return StreamingBody(io.BytesIO(content), len(content))


def listed(*keys):
    return {"Contents": [{"Key": key} for key in keys], "IsTruncated": False}


def test_a_bucket_that_is_not_there_is_made_once_and_never_again(plugin, server):
    server.add_client_error("head_bucket", "404", http_status_code=404, expected_params=HEAD)
    server.add_response("create_bucket", {}, HEAD)
    server.add_response("list_objects_v2", {"IsTruncated": False})
    server.add_client_error("list_objects_v2", "NoSuchBucket", http_status_code=404)
    assert plugin.list_objects("/") == []
    with pytest.raises(Exception, match="its container is not there"):
        plugin.list_objects("/")


@pytest.mark.parametrize("status", [200, 403])
def test_a_bucket_that_is_there_is_used_though_it_may_not_be_looked_at(
    plugin, server, writes, status
):
    if status == 200:
        server.add_response("head_bucket", {}, HEAD)
    else:
        server.add_client_error("head_bucket", "403", http_status_code=403)
    writes.add_response("delete_object", {}, {"Bucket": "karbor", "Key": "/a"})
    plugin.delete_object("/a")


def test_another_process_may_have_made_it_first(plugin, server):
    server.add_client_error("head_bucket", "404", http_status_code=404)
    server.add_client_error("create_bucket", "BucketAlreadyOwnedByYou", http_status_code=409)
    server.add_response("list_objects_v2", {"IsTruncated": False})
    assert plugin.list_objects("/") == []


def test_a_command_makes_no_bucket():
    with opening.as_found():
        plugin = S3BankPlugin(configured())
    with Stubber(plugin._store._client) as server:
        server.add_client_error("list_objects_v2", "NoSuchBucket", http_status_code=404)
        with pytest.raises(Exception, match="its container is not there"):
            plugin.list_objects("/")


def test_what_karbors_bank_wrote_is_read_and_what_ours_writes_is_read_by_karbors(
    plugin, server, writes
):
    """By the label of Karbor's, which is the name of a piece of metadata here."""
    label = "x-object-meta-serialized"
    server.add_response("head_bucket", {})
    for content, mark in ((b'{"a": 1}', "True"), ("hällo".encode(), "False"), (b"123", "False")):
        server.add_response("get_object", {"Body": body(content), "Metadata": {label: mark}})
    assert [plugin.get_object("/a") for _ in range(3)] == [{"a": 1}, "hällo", "123"]
    put = {"Bucket": "karbor", "Key": "/a", "Body": b'"123"', "Metadata": {label: "True"}}
    writes.add_response("put_object", {}, put)
    plugin.update_object("/a", "123")
    theirs = KarborsBank(configured())
    theirs._connection = plugin._store._client
    server.add_response("get_object", {"Body": body(put["Body"]), "Metadata": put["Metadata"]})
    assert Bank(theirs).get_object("/a") == "123"


def test_an_object_that_lost_its_label_is_read_by_its_content(plugin, server):
    server.add_response("head_bucket", {})
    server.add_response("get_object", {"Body": body(b'{"a": 1}'), "Metadata": {}})
    assert plugin.get_object("/a") == {"a": 1}


def test_keys_are_in_order_whatever_the_servers_and_have_their_slash(plugin, server):
    server.add_response("head_bucket", {})
    found = listed("o/a/b", "o/a-b", "o/a.b", "o/ab")
    server.add_response("list_objects_v2", found)
    server.add_response("list_objects_v2", found)
    assert plugin.list_objects("/o/") == ["/o/a-b", "/o/a.b", "/o/a/b", "/o/ab"]
    assert plugin.list_objects("/o/", limit=2, marker="/o/ab", sort_dir="desc") == [
        "/o/a/b",
        "/o/a.b",
    ]


def test_the_client_repeats_no_write_and_what_reads_as_often_as_the_option_says():
    conf = configured()
    conf.set_override("s3_retry_attempts", 7, options.CLIENT)
    store = S3BankPlugin(conf)._store
    attempts = [
        client.meta.config.retries["total_max_attempts"]
        for client in (store._client, store._writer)
    ]
    assert attempts == [7, 1]


def test_where_one_connection_is_dead_those_that_idled_with_it_cost_no_failures(
    plugin, server, monkeypatch
):
    """After a balancer has failed over, for one."""
    server.add_response("head_bucket", {}, HEAD)
    closed, failures = [], iter([ConnectionClosedError(endpoint_url="http://s3.example")])

    def put(**_request):
        for error in failures:
            raise error

    monkeypatch.setattr(access, "pause", lambda _seconds: None)
    monkeypatch.setattr(plugin._store._writer, "put_object", put)
    monkeypatch.setattr(plugin._store._writer, "close", lambda: closed.append(True))
    plugin.update_object("/a", 1)
    assert closed == [True]


def test_without_a_bucket_the_provider_is_not_loaded():
    with pytest.raises(cfg.RequiredOptError, match="bank_s3_object_bucket"):
        S3BankPlugin(configured(bank_s3_object_bucket=""))


def test_neither_log_nor_error_has_the_credentials(plugin, caplog):
    """botocore logs the headers of signed requests at DEBUG."""
    with caplog.at_level(logging.DEBUG), Stubber(plugin._store._client) as server:
        server.add_client_error("head_bucket", "500", http_status_code=500)
        with pytest.raises(Exception) as failed:  # noqa: PT011
            plugin.get_object("/a")
    assert not [key for key in KEYS if key in caplog.text + str(failed.value)]
    assert logging.getLogger("botocore.auth").getEffectiveLevel() >= logging.WARNING
