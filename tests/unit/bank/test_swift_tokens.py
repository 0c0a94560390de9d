# SPDX-License-Identifier: Apache-2.0
"""Tokens of Keystone that run out, or are revoked, under swiftclient's own connections."""

import hashlib
from typing import Any

import pytest
from swiftclient import client as swift
from swiftclient.exceptions import ClientException

from karbor_manila.bank import access
from karbor_manila.bank.objects.once_more import once_more
from karbor_manila.bank.swift.connections import Access
from karbor_manila.bank.swift.store import SwiftStore

_ACCESS = Access(
    auth_url="http://keystone.example/v3",
    user="karbor",
    project="service",
    user_domain="Default",
    project_domain="Default",
    catalog=("object-store", "public"),
    timeout=5.0,
    retries=1,
    backoff=2,
    cacert=None,
    insecure=False,
    key="secret-key",
)


class Keystone:
    """As much of a session as is used; :attr:`token` is the one that it knows."""

    def __init__(self) -> None:
        self.made = 1
        self.valid = True

    @property
    def token(self) -> str:
        return f"token-{self.made}"

    def get_token(self) -> str:
        if not self.valid:
            self.made += 1
            self.valid = True
        return self.token

    def get_endpoint(self, **_options: Any) -> str:
        return "http://swift.example/v1/AUTH_bank"

    def invalidate(self) -> bool:
        self.valid = False
        return True


class Swift:
    """Answers 401 to each token but one."""

    def __init__(self) -> None:
        self.accepts = "token-1"
        self.asked: list[str] = []

    def _look(self, token: str) -> None:
        self.asked.append(token)
        if token != self.accepts:
            raise ClientException("Unauthorized", http_status=401)

    def put_object(self, _url: str, token: str, *_args: Any, **kwargs: Any) -> None:
        self._look(token)
        kwargs["response_dict"]["status"] = 201

    def get_object(self, _url: str, token: str, *_args: Any, **_kwargs: Any) -> Any:
        self._look(token)
        return {"etag": hashlib.md5(b"1", usedforsecurity=False).hexdigest()}, b"1"


@pytest.fixture
def keystone(monkeypatch: pytest.MonkeyPatch) -> Keystone:
    made = Keystone()
    monkeypatch.setattr(Access, "session", lambda _self: made)
    return made


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Swift:
    made = Swift()
    monkeypatch.setattr(swift, "put_object", made.put_object)
    monkeypatch.setattr(swift, "get_object", made.get_object)
    monkeypatch.setattr(swift, "sleep", lambda _seconds: None)
    return made


@pytest.fixture
def store(keystone: Keystone, server: Swift) -> SwiftStore:
    """With several connections, each of which was used with the first token."""
    made = SwiftStore(_ACCESS, "karbor")
    connections = made._connections
    with connections.one(), connections.one(), connections.one(), connections.one():
        pass
    for connection in connections._idle:
        connection.url, connection.token = connection.get_auth()
    return made


def test_a_token_that_has_run_out_fails_no_write_on_any_connection(
    store: SwiftStore, keystone: Keystone, server: Swift
) -> None:
    keystone.valid, server.accepts = False, "token-2"  # the session sees by itself that it ran out
    for number in range(4):
        store.put(f"/a/{number}", b"1", {})
    assert set(server.asked) == {"token-2"}


def test_a_revoked_token_costs_one_answer_and_not_one_of_each_connection(
    store: SwiftStore, keystone: Keystone, server: Swift
) -> None:
    server.accepts = "token-2"
    for _number in range(4):
        assert store.get("/a").content == b"1"
        store._connections._idle.rotate()
    assert server.asked == ["token-1", *["token-2"] * 4]
    assert keystone.made == 2


def test_a_revoked_token_fails_no_write(
    store: SwiftStore, server: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "pause", lambda _seconds: None)
    server.accepts = "token-2"
    once_more(lambda: store.put("/a", b"1", {}), within=5.0)
    assert server.asked == ["token-1", "token-2"]


def test_the_client_repeats_no_write_by_itself(
    store: SwiftStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def busy(_url: str, token: str, *_args: Any, **_kwargs: Any) -> None:
        asked.append(token)
        raise ClientException("", http_status=503)

    for name in ("put_object", "delete_object"):
        monkeypatch.setattr(swift, name, busy)
    for write in (lambda: store.put("/a", b"1", {}), lambda: store.delete("/a")):
        with pytest.raises(ClientException):
            write()
    assert len(asked) == 2
