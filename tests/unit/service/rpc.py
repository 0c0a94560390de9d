# SPDX-License-Identifier: Apache-2.0
"""Our manager as Karbor's API meets it, and checkpoints in the states that it may find."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects, rpc
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin
from oslo_messaging._drivers import common as rpc_common

from karbor_manila.bank import identity
from karbor_manila.recovery import claims, lease
from tests.unit.banks import open_bank
from tests.unit.karbor_stage import Service

UNKNOWN = str(uuid.UUID(int=0xDEAD))


def over_rpc(error: BaseException) -> Any:
    """An error as Karbor's API gets it from oslo.messaging."""
    sent = rpc_common.serialize_remote_exception((type(error), error, None))
    return rpc_common.deserialize_remote_exception(sent, rpc.get_allowed_exmods())


def refusal(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What the API gets when this is refused."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is what tests look at
        call(*args, **kwargs)
    return over_rpc(caught.value)


def left_by(service: Service, status: str, *, alive: bool) -> Any:
    """A checkpoint that another process of this machine works on, or did before it died."""
    bank = open_bank(service.folder / "bank")
    theirs = type(service.provider.get_checkpoint_collection())(bank).create(
        service.plan(service.share())
    )
    claims.Claims(60.0).take(
        theirs.id, "protect", provider_id=service.provider.id, checkpoint_id=theirs.id, bank=bank
    )
    theirs.status = status
    theirs.commit()
    lease.renew(bank)
    if not alive:
        key = f"{identity.PREFIX}/leases/{bank.get_owner_id()}"
        bank.update_object(key, bank.get_object(key) | {"ticks": 1})  # a pid used again
    return service.checkpoint(theirs.id)


def begun(
    service: Service, operation: str, checkpoint_id: str, given: Any = None, context: Any = None
) -> tuple[Any, Callable[[], Any]]:
    """The record of a restore or verification, and the RPC that Karbor's API then makes."""
    if operation == "restore":
        record = service.record(objects.Restore, checkpoint_id, given, context)
        return record, lambda: service.call("restore", record, None, context=context)
    record = service.record(objects.Verification, checkpoint_id, given, context)
    return record, lambda: service.call("verification", record, context=context)


def fail_in_the_index(monkeypatch: pytest.MonkeyPatch, entry: int) -> None:
    """The bank fails once, when this entry of a checkpoint is taken out of its index."""
    original = FileSystemBankPlugin.delete_object
    seen: list[str] = []

    def fails_once(self: Any, key: str, context: Any = None) -> None:
        if key.startswith("/indices/"):
            seen.append(key)
            if len(seen) == entry:
                raise karbor_exception.BankDeleteObjectFailed(reason="503", key=key)
        original(self, key, context)

    monkeypatch.setattr(FileSystemBankPlugin, "delete_object", fails_once)


def listed(service: Service, **kwargs: Any) -> list[str]:
    kwargs.setdefault("filters", {})
    found = service.call("list_checkpoints", service.provider.id, **kwargs)
    return [item["id"] for item in found]


def fail_with(error: Exception) -> Callable[..., Any]:
    def fails(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return fails


STRANGE = ConnectionError("swift")  # neither Karbor's nor swallowed by its Swift and S3 banks
