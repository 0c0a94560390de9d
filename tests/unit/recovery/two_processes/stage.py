# SPDX-License-Identifier: Apache-2.0
"""What the tests of two processes do to them."""

from collections.abc import Callable
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects

from karbor_manila.bank import identity
from tests.unit.karbor_stage import SHARE, Service


def seems_dead(service: Service) -> None:
    """From now on the others take this process for dead."""
    bank = service.provider.bank
    key = f"{identity.PREFIX}/leases/{bank.get_owner_id()}"
    bank.update_object(key, bank.get_object(key) | {"ticks": 1})


def refused(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(karbor_exception.InvalidInput) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def in_place(share_id: str, **fields: Any) -> dict[str, Any]:
    return {f"{SHARE}#{share_id}": {"share_id": share_id, **fields}}


SKIPPED = {"include": False}


def reason_of(record: Any) -> str:
    return " ".join((record.resources_reason or {}).values())


def begun(service: Service, checkpoint_id: str, parameters: Any = None) -> Any:
    """A restore that Karbor's API has accepted and that has not run yet."""
    record = service.record(objects.Restore, checkpoint_id, parameters)
    service.call("restore", record, None)
    return record


def taken_over(service: Service, other: Service, act: Callable[[], Any] = lambda: None) -> Any:
    """What happens while the first process is suspended: the other takes over, a user acts."""

    def meanwhile() -> None:
        seems_dead(service)
        service.cloud.clock.sleep(120)
        assert all(other.manager.reconciliation.run().values())
        act()

    return meanwhile


def made(service: Service) -> list[str]:
    """The keys of all objects of checkpoints."""
    keys: list[str] = service.provider.bank.list_objects("/checkpoints/")
    return keys


def sleeping(patch: pytest.MonkeyPatch, where: Any, name: str, nth: int, act: Any) -> None:
    """Whoever calls this function for the n-th time sleeps right before, and ``act`` happens."""
    original = getattr(where, name)
    calls: list[int] = []

    def late(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == nth:
            act()
        return original(*args, **kwargs)

    patch.setattr(where, name, late)


def broken(*_args: Any, **_kwargs: Any) -> Any:
    raise RuntimeError("no such plugin")


def stands(service: Service, log: Any) -> tuple[Any, ...]:
    """How a log is now."""
    (now,) = [each for each in service.logs() if each.id == log.id]
    return now.status, now.ended_at, now.error_info
