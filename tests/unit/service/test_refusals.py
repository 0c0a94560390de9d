# SPDX-License-Identifier: Apache-2.0
"""Every request over RPC that comes to nothing says why, in an exception that Karbor's API expects,
and has written nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from karbor import exception as karbor_exception
from karbor import objects
from karbor.services.protection.provider import PluggableProtectionProvider
from oslo_db import exception as db_exception
from oslo_messaging.rpc import dispatcher

from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankNotOurs, BankUnreadable
from karbor_manila.common.errors import ClaimLost, KarborManilaError, Taken
from karbor_manila.database import known_banks
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.database.known_banks import KnownBanks
from karbor_manila.manila.errors import EndpointUnsuitable, ManilaUnavailable
from karbor_manila.recovery.claim_table import ClaimTable
from karbor_manila.recovery.claims import Claims
from karbor_manila.service.flows import building
from tests.unit.karbor_stage import Service, started


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        monkeypatch.setattr("time.sleep", lambda _seconds: None)  # oslo.db's between its attempts
        yield service


class _New(KarborManilaError):
    """An error that nobody has thought of."""


#: What may come out of the depths.
OURS: dict[str, Exception] = {
    "Taken": Taken("it", None),
    "ClaimLost": ClaimLost("it", "another process has taken it over"),
    "BankUnreadable": BankUnreadable("give it", "no answer"),
    "BankNotOurs": BankNotOurs("p", "one", "another"),
    "DatabaseUnreadable": DatabaseUnreadable("it", "DBError"),
    "Misconfigured": EndpointUnsuitable("http://manila", "it is none"),
    "ManilaUnavailable": ManilaUnavailable("list shares", 120, "HTTP 503"),
    "a new one": _New("This is new."),
}

DATABASES: dict[str, Exception] = {
    "away": db_exception.DBConnectionError(Exception("secret")),
    "failing": db_exception.DBError(Exception("secret")),
    "locked": sa.exc.OperationalError("secret", {}, Exception("database is locked")),
}

#: Where they come from, and the requests that get there.
PLACES: dict[str, tuple[Any, str]] = {
    "look for the bank": (identity, "confirm"),
    "claim": (Claims, "take"),
    "confirm the claim": (Claims, "check"),
    "build the flow": (building, "build"),
}
CHANGES = ("protect", "copy", "restore", "verification", "delete")
REQUESTS: dict[str, tuple[str, ...]] = {
    "look for the bank": (*CHANGES, "reset_state", "show_checkpoint", "list_checkpoints"),
    "claim": (*CHANGES, "reset_state"),
    "confirm the claim": (*CHANGES, "reset_state"),
    "build the flow": CHANGES,
}
#: A look at a claim says nothing but that it is lost.
TABLE = [
    (place, request, name)
    for place in PLACES
    for request in REQUESTS[place]
    for name in OURS
    if name == "ClaimLost" or place != "confirm the claim"
]


class Request:
    """One call over RPC, of a user with one available checkpoint."""

    def __init__(self, service: Service, name: str) -> None:
        self.service = service
        self.name = name
        self.plan = service.plan(service.share())
        self.checkpoint = service.protect(self.plan)
        self.record: Any = None
        where = (service.provider.id, self.checkpoint.id)
        self.arguments: tuple[Any, ...] = {
            "protect": (self.plan,),
            "copy": (self.plan,),
            "reset_state": (*where, "error"),
            "list_checkpoints": (service.provider.id,),
        }.get(name, where)
        if name in ("restore", "verification"):
            kind = objects.Restore if name == "restore" else objects.Verification
            self.record = service.record(kind, self.checkpoint.id)
            self.arguments = (self.record, None) if name == "restore" else (self.record,)

    def refused(self) -> Any:
        """The exception that Karbor's API gets."""
        method = getattr(self.service.manager, self.name)
        with pytest.raises(dispatcher.ExpectedException) as caught:
            method(self.service.context(), *self.arguments)
        refusal = caught.value.exc_info[1]
        # It crosses the RPC, and Karbor's API has its sentence.
        assert type(refusal).__module__ == "karbor.exception"
        assert refusal.safe
        if self.name == "reset_state":
            allowed: Any = (karbor_exception.CheckpointNotBeReset, karbor_exception.InvalidInput)
        elif self.name == "protect":  # of anything it makes an HTTP 400 with the sentence
            allowed = (karbor_exception.FlowError, karbor_exception.Invalid)
        else:
            allowed = karbor_exception.Invalid  # HTTP 400
        assert isinstance(refusal, allowed)
        return refusal

    def objects(self) -> dict[str, Any]:
        """The bank: all of the checkpoint that was there."""
        bank = self.service.provider.bank
        keys = bank.list_objects(f"/checkpoints/{self.checkpoint.id}/")
        return {key: bank.get_object(key) for key in keys}


def raising(error: Exception) -> Callable[..., Any]:
    def raise_it(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return raise_it


@pytest.mark.parametrize(("place", "request_", "name"), TABLE, ids=[", ".join(i) for i in TABLE])
def test_an_error_of_ours_reaches_karbors_api_with_its_sentence(
    service: Service, monkeypatch: pytest.MonkeyPatch, place: str, request_: str, name: str
) -> None:
    request = Request(service, request_)
    before = request.objects()
    error = OURS[name]
    with monkeypatch.context() as patch:
        patch.setattr(*PLACES[place], raising(error))
        refusal = request.refused()
        assert str(error).rstrip(".") in refusal.msg
    fails = request_ == "delete" and place == "build the flow"
    if not fails:
        assert request.objects() == before
    elif name in ("ClaimLost", "Taken", "BankNotOurs"):  # none of ours to settle
        assert service.checkpoint(request.checkpoint.id).status == "deleting"
    else:
        assert service.checkpoint(request.checkpoint.id).status == "error-deleting"
    assert service.spawned == []
    assert service.manager.claims.held == frozenset()  # what is not ended is left to others
    if request.record is not None:
        saved = service.saved(request.record)
        if name == "ClaimLost":
            assert (saved.status, saved.resources_reason or {}) == ("in_progress", {})
        else:
            assert saved.status == "fail"
            assert str(error).rstrip(".") in " ".join(saved.resources_reason.values())


@pytest.mark.parametrize("kind", DATABASES)
@pytest.mark.parametrize("table", [ClaimTable, KnownBanks])
@pytest.mark.parametrize("request_", REQUESTS["claim"])
def test_a_database_that_does_not_answer_is_told_and_no_statement_of_it(
    service: Service, monkeypatch: pytest.MonkeyPatch, request_: str, table: Any, kind: str
) -> None:
    request = Request(service, request_)
    before = request.objects()
    with monkeypatch.context() as patch:
        patch.setattr(known_banks, "_RECENT", 0.0)  # the row that was read a moment ago
        patch.setattr(table, "_begin", raising(DATABASES[kind]))
        refusal = request.refused()
    assert "Karbor's database could not be asked for" in refusal.msg
    assert "secret" not in refusal.msg
    assert request.objects() == before
    assert service.spawned == []
    if request.record is not None:
        saved = service.saved(request.record)
        assert saved.status == "fail"
        assert "Karbor's database" in " ".join(saved.resources_reason.values())


@pytest.mark.parametrize("kind", DATABASES)
@pytest.mark.parametrize("request_", CHANGES)
def test_karbors_own_tables_that_do_not_answer_while_a_flow_is_built_are_told(
    service: Service, monkeypatch: pytest.MonkeyPatch, request_: str, kind: str
) -> None:
    request = Request(service, request_)
    with monkeypatch.context() as patch:
        patch.setattr(objects.OperationLog, "create", raising(DATABASES[kind]))
        refusal = request.refused()
    assert "Karbor's database could not be asked for" in refusal.msg
    assert "secret" not in refusal.msg
    assert service.manager.claims.held == frozenset()
    service.manager.reconciliation.run()  # a deletion that was begun leaves its claim to it
    assert service.manager.claims.all() == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("secret"), "An unexpected error (RuntimeError)"),
        (karbor_exception.KarborException("The plugin is broken."), "The plugin is broken."),
    ],
)
def test_a_deletion_that_cannot_be_begun_says_why(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    monkeypatch.setattr(PluggableProtectionProvider, "load_plugins", raising(error))
    with pytest.raises(dispatcher.ExpectedException) as caught:
        service.manager.delete(service.context(), service.provider.id, checkpoint.id)
    refusal = caught.value.exc_info[1]
    assert isinstance(refusal, karbor_exception.FlowError)
    assert f"Failed to create delete checkpoint flow. {said}" in refusal.msg
    assert "secret" not in refusal.msg
