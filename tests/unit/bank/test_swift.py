# SPDX-License-Identifier: Apache-2.0
"""Our Swift bank beside a real Swift: options, and answers that a real one gives seldom.

What it promises on a real one: tests/functional/test_swift_contract.py.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from karbor.exception import BankGetObjectFailed
from oslo_config import cfg
from swiftclient.exceptions import ClientException

from karbor_manila.bank import access
from karbor_manila.bank.objects import options
from karbor_manila.bank.opening import as_found
from karbor_manila.bank.swift.connections import Access, Connections
from karbor_manila.bank.swift.plugin import SwiftBankPlugin
from karbor_manila.bank.swift.store import SwiftStore

LOGIN = {
    "swift_auth_url": "http://127.0.0.1:1/v3",
    "swift_tenant_name": "service",
    "swift_user": "karbor",
    "swift_key": "secret-key",
}


def configured(**changes: Any) -> cfg.ConfigOpts:
    """The options of a provider's file, as Karbor gives them to a bank."""
    conf = cfg.ConfigOpts()
    conf(args=[])
    with contextlib.suppress(cfg.RequiredOptError):
        SwiftBankPlugin(conf)  # registers them
    for name, value in {**LOGIN, **changes}.items():
        group = "swift_bank_plugin" if name.startswith("bank_") else "swift_client"
        conf.set_override(name, value, group)
    return conf


class Connection:
    """As much of swiftclient's connection as is used; each call answers what is next in its list,
    and an exception is raised."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {}
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.closed = 0
        self.token = None

    def close(self) -> None:
        self.closed += 1

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args, kwargs))
            answer = self.answers[name].pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer(**kwargs) if callable(answer) else answer

        return call


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> Connection:
    connection = Connection()

    @contextlib.contextmanager
    def one(self: Connections, *, writes: bool = False) -> Iterator[Any]:
        yield connection

    monkeypatch.setattr(Connections, "one", one)
    return connection


@pytest.fixture
def store(swift: Connection) -> SwiftStore:
    conf = configured()
    return SwiftStore(Access.of(conf.swift_client, 5.0), "karbor")


@pytest.mark.parametrize("name", [*LOGIN, "bank_swift_object_container"])
def test_a_bank_that_cannot_log_in_is_not_loaded(name: str) -> None:
    with pytest.raises(cfg.RequiredOptError, match=name):
        SwiftBankPlugin(configured(**{name: ""}))


def test_a_bank_is_opened_without_a_request() -> None:
    SwiftBankPlugin(configured())  # nothing listens at that address


def test_the_key_shows_nowhere() -> None:
    login = Access.of(configured().swift_client, 5.0)
    assert "secret-key" not in repr(login)
    assert login.key == "secret-key"


def test_karbors_options_and_our_deadline_reach_the_client() -> None:
    conf = configured(
        swift_retry_attempts=1,
        swift_retry_backoff=3,
        swift_ca_cert_file="/etc/ca.pem",
        swift_catalog_info="object-store:swift:internalURL",
    )
    conf.set_override("request_timeout", 4.0, options.GROUP)
    login = Access.of(conf.swift_client, conf[options.GROUP].request_timeout)
    session = login.session()
    connection = login.connect(session)
    assert (session.timeout, session.verify) == (4.0, "/etc/ca.pem")
    assert (connection.timeout, connection.retries, connection.starting_backoff) == (4.0, 1, 3)
    assert connection.cacert == "/etc/ca.pem"
    assert connection.os_options == {
        "service_type": "object-store",
        "endpoint_type": "internalURL",
    }


def test_insecure_counts_for_keystone_too() -> None:
    login = Access.of(configured(swift_auth_insecure=True).swift_client, 5.0)
    assert login.session().verify is False
    assert login.connect(login.session()).insecure is True


def test_a_write_that_swift_drops_for_a_newer_one_is_an_error(
    store: SwiftStore, swift: Connection
) -> None:
    def accepted(response_dict: dict[str, Any], **_: Any) -> str:
        response_dict["status"] = 202
        return "etag"

    swift.answers["put_object"] = [accepted]
    with pytest.raises(ClientException, match="newer") as failed:
        store.put("/a", b"1", {})
    assert failed.value.http_status == 409


def test_a_write_says_what_it_is_and_its_checksum(store: SwiftStore, swift: Connection) -> None:
    swift.answers["put_object"] = [lambda response_dict, **_: response_dict.update(status=201)]
    store.put("/a", b"1", {"serialized": "True"})
    ((_name, args, given),) = swift.calls
    assert args == ("karbor", "/a")
    assert given["etag"] == hashlib.md5(b"1", usedforsecurity=False).hexdigest()
    assert given["headers"] == {"x-object-meta-serialized": "True"}


def test_an_object_that_does_not_come_whole_is_an_error(
    store: SwiftStore, swift: Connection
) -> None:
    whole = {"etag": hashlib.md5(b"whole", usedforsecurity=False).hexdigest()}
    swift.answers["get_object"] = [(whole, b"who"), (whole, b"whole")]
    with pytest.raises(ClientException, match="whole"):
        store.get("/a")
    assert store.get("/a").content == b"whole"
    assert {call[2]["headers"]["X-Newest"] for call in swift.calls} == {"true"}


def test_what_is_gone_already_is_deleted(store: SwiftStore, swift: Connection) -> None:
    swift.answers["delete_object"] = [
        ClientException("", http_status=404),
        ClientException("", http_status=409),
    ]
    store.delete("/a")
    with pytest.raises(ClientException):
        store.delete("/a")


def test_a_list_goes_on_until_a_page_is_empty(store: SwiftStore, swift: Connection) -> None:
    pages: list[list[str]] = [["/c", "/b"], ["/a"], []]
    swift.answers["get_container"] = [({}, [{"name": key} for key in page]) for page in pages]
    assert list(store.keys("/", None, limit=None, descending=True)) == ["/c", "/b", "/a"]
    assert [call[2]["marker"] for call in swift.calls] == [None, "/b", "/a"]
    assert {call[2]["query_string"] for call in swift.calls} == {"reverse=true"}


def test_a_list_asks_for_no_more_than_its_limit(store: SwiftStore, swift: Connection) -> None:
    swift.answers["get_container"] = [({}, [{"name": "/a"}, {"name": "/b"}])]
    assert list(store.keys("/", None, limit=2, descending=False)) == ["/a", "/b"]
    assert len(swift.calls) == 1


def test_the_container_is_made_once_and_only_if_there_is_none(
    store: SwiftStore, swift: Connection
) -> None:
    swift.answers["head_container"] = [{}, ClientException("", http_status=404)]
    swift.answers["put_container"] = [None]
    store.create()
    assert [call[0] for call in swift.calls] == ["head_container"]
    store.create()
    assert [call[0] for call in swift.calls][1:] == ["head_container", "put_container"]


def test_a_command_makes_no_container(swift: Connection) -> None:
    with as_found():
        bank = SwiftBankPlugin(configured())
    swift.answers["get_container"] = [({}, [])]
    assert bank.list_objects("/") == []
    assert [call[0] for call in swift.calls] == ["get_container"]


def test_a_connection_is_used_again_unless_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Connection] = []
    monkeypatch.setattr(
        Access, "connect", lambda self, session: made.append(Connection()) or made[-1]
    )
    connections = Connections(Access.of(configured().swift_client, 5.0))
    with connections.one() as first, connections.one() as second:
        assert first is not second
    with connections.one() as again:
        assert again in made
    assert len(made) == 2
    with pytest.raises(KeyError), connections.one() as failed:
        raise KeyError
    assert failed.closed == 1
    with connections.one() as other:
        assert other is not failed


def test_where_one_connection_is_dead_those_that_idled_with_it_cost_no_failures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a balancer has failed over, for one."""
    monkeypatch.setattr(Access, "connect", lambda self, session: Connection())
    connections = Connections(Access.of(configured().swift_client, 5.0))
    with connections.one() as one, connections.one() as two, connections.one() as three:
        old = [one, two, three]
    with pytest.raises(ClientException), connections.one():
        raise ClientException("", http_status=404)  # an answer says nothing of the others
    with pytest.raises(ConnectionResetError), connections.one():
        raise ConnectionResetError
    assert [each.closed for each in old] == [1, 1, 1]
    with connections.one() as new:
        assert new not in old


@pytest.mark.parametrize(("option", "repeated"), [(0, 0), (1, 1), (3, 1)])
def test_the_client_repeats_a_request_once_at_most(option: int, repeated: int) -> None:
    login = Access.of(configured(swift_retry_attempts=option).swift_client, 5.0)
    assert login.connect(login.session()).retries == repeated


def test_a_swift_that_cannot_be_asked_is_not_asked_for_its_list_besides(
    swift: Connection,
) -> None:
    with as_found():
        bank = SwiftBankPlugin(configured())
    swift.answers["get_object"] = [ConnectionRefusedError()]
    with pytest.raises(BankGetObjectFailed, match="could not be asked"):
        access.look(lambda: bank.get_object("/a"), lambda: bool(bank.list_objects("/a")))
    assert [call[0] for call in swift.calls] == ["get_object"]
