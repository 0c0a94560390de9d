# SPDX-License-Identifier: Apache-2.0
"""What is complete is never undone, whatever fails afterwards; the reconciliation says the rest.

Every write to the bank and to Karbor's database after the point of completion fails, once or for
long, with Karbor's errors or with those of a bank's client, before or after it was done.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin
from oslo_db import exception as db_exception

from karbor_manila.bank import access as bank_access
from karbor_manila.bank.filesystem import plugin as bank_plugin
from tests.unit.karbor_stage import SHARE, Service, started, told


class BrokenConnection(Exception):
    """As botocore or swiftclient raise it: Karbor's banks let it through."""


FOREIGN: Callable[[], Exception] = BrokenConnection


def karbors() -> Exception:
    return karbor_exception.BankUpdateObjectFailed(reason="503", key="any")


BANK, DATABASE = "bank", "database"


class Writes:
    """The writes of a piece of work, counted; from one of them on some fail.

    :ivar names: the writes that were asked for, in order
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self._fails: range = range(0)
        self._late = False
        self._make: Callable[[], Exception] = karbors
        self._kind = ""
        for kind, owner, methods in (
            (BANK, FileSystemBankPlugin, ("update_object", "delete_object")),
            (BANK, bank_plugin.FileSystemBankPlugin, ("update_object", "delete_object")),
            (DATABASE, objects.OperationLog, ("save",)),
            (DATABASE, objects.Restore, ("save",)),
        ):
            for method in methods:
                monkeypatch.setattr(owner, method, self._watched(kind, owner, method))
        monkeypatch.setattr("time.sleep", lambda _seconds: None)

    def fail(
        self, first: int, times: int, *, late: bool, make: Callable[[], Exception] = karbors
    ) -> None:
        """From the write ``first`` on (from 1) so many writes of its kind fail."""
        self.names.clear()
        self._fails, self._late, self._make = range(first, first + times), late, make

    def stop(self) -> None:
        self._fails = range(0)

    def _watched(self, kind: str, owner: Any, method: str) -> Any:
        original = getattr(owner, method)

        def watched(this: Any, *args: Any, **kwargs: Any) -> Any:
            key = str(args[0]) if kind == BANK else owner.__name__
            if "/leases/" in key:
                return original(this, *args, **kwargs)
            self.names.append(f"{kind} {method} {key}")
            here = len(self.names)
            if here == self._fails.start:
                self._kind = kind
            fails = here in self._fails and kind == self._kind
            if fails and not self._late:
                raise self._error()
            result = original(this, *args, **kwargs)
            if fails:
                raise self._error()
            return result

        return watched

    def _error(self) -> Exception:
        return db_exception.DBConnectionError() if self._kind == DATABASE else self._make()


@pytest.fixture
def service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Service]:
    plugin = getattr(request, "param", "karbor-fs-bank-plugin")
    with started(tmp_path, monkeypatch, bank=plugin) as service:
        yield service


@pytest.fixture
def writes(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Writes]:
    logging.disable(logging.CRITICAL)
    yield Writes(monkeypatch)
    logging.disable(logging.NOTSET)


def reconcile(service: Service) -> list[str]:
    return list(service.manager.reconciliation.run().values())


def pages(checkpoint: Any, share: str) -> set[str]:
    return set(checkpoint.get_resource_bank_section(share).list_objects())


#: How a write fails: for how many writes, and whether it is done all the same.
TROUBLES = {
    "once": (1, False),
    "for long": (bank_access.ATTEMPTS, False),
    "for long, done": (bank_access.ATTEMPTS, True),
    "to the end": (10**6, False),
}


@pytest.fixture(params=TROUBLES)
def trouble(request: pytest.FixtureRequest) -> tuple[int, bool]:
    return TROUBLES[request.param]


def after(names: list[str], part: str) -> list[int]:
    """The numbers of the writes from the first one on that names ``part``."""
    first = next(n for n, name in enumerate(names, start=1) if part in name)
    return list(range(first, len(names) + 1))


def assert_kept(service: Service, checkpoint_id: str, share: str) -> None:
    checkpoint = service.checkpoint(checkpoint_id)
    assert checkpoint.status == "available"
    assert told(checkpoint).get("reasons", {}) == {}
    assert pages(checkpoint, share) == {"metadata", "status"}
    section = checkpoint.get_resource_bank_section(share)
    assert section.get_object("metadata")["snapshot_id"] in service.cloud.snapshots
    assert section.get_object("status") == "available"
    assert service.manager.claims.all() == []
    assert [(log.status, bool(log.ended_at)) for log in service.logs()][-1] == ("available", True)


@pytest.mark.parametrize(
    ("service", "make"),
    [("karbor-manila-fs-bank-plugin", karbors), ("karbor-fs-bank-plugin", FOREIGN)],
    ids=["ours", "client"],
    indirect=["service"],
)
def test_a_protection_with_a_record_stays_whatever_fails_afterwards(
    service: Service, writes: Writes, trouble: tuple[int, bool], make: Callable[[], Exception]
) -> None:
    share, (times, late) = service.share(), trouble
    service.protect(service.plan(share))
    writes.names.clear()
    service.protect(service.plan(share))
    for nth in after(writes.names, f"{share}/metadata"):
        writes.fail(nth, times, late=late, make=make)
        before = set(service.cloud.snapshots)
        checkpoint_id = service.call("protect", service.plan(share))
        service.run()
        name = writes.names[nth - 1]
        if name.endswith("/metadata") and times > 1 and not late:
            # The record itself: nobody has seen it, and nothing is complete. It is undone, or left
            # to the reconciliation; what is in Manila has its checkpoint in any case.
            writes.stop()
            reconcile(service)
            kept = "metadata" in pages(service.checkpoint(checkpoint_id), share)
            assert len(set(service.cloud.snapshots) - before) <= 1
            assert (service.checkpoint(checkpoint_id).status == "available") == kept
            continue
        assert len(set(service.cloud.snapshots) - before) == 1, name
        writes.stop()
        assert "" not in reconcile(service), name
        assert_kept(service, checkpoint_id, share)
        assert reconcile(service) == []


def copied(service: Service, plan: Any) -> str:
    (pair,) = service.call("copy", plan)
    service.run()
    return str(pair["checkpoint_copy_id"])


def test_a_copy_with_a_record_stays_whatever_fails_afterwards(
    service: Service, writes: Writes, trouble: tuple[int, bool]
) -> None:
    share, (times, late) = service.share(), trouble
    plan = service.plan(share)
    service.protect(plan)
    copied(service, plan)
    plan = service.plan(share)
    service.protect(plan)
    writes.names.clear()
    copied(service, plan)
    for nth in after(writes.names, f"{share}/metadata"):
        plan = service.plan(share)
        service.protect(plan)
        writes.fail(nth, times, late=late, make=FOREIGN)
        copy_id = copied(service, plan)
        name = writes.names[nth - 1]
        writes.stop()
        reconcile(service)
        if name.endswith("/metadata") and times > 1 and not late:
            made = service.checkpoint(copy_id)
            kept = "metadata" in pages(made, share)
            assert (made.status == "available") == kept
            continue
        assert_kept(service, copy_id, share)
        assert reconcile(service) == []


def made_shares(service: Service, share: str) -> list[dict[str, Any]]:
    return [view for view in service.cloud.shares.values() if view["id"] != share]


def test_a_restored_share_stays_whatever_fails_afterwards(
    service: Service, writes: Writes, trouble: tuple[int, bool]
) -> None:
    share, (times, late) = service.share(), trouble
    checkpoint = service.protect(service.plan(share))
    writes.names.clear()
    service.restore(checkpoint.id)
    # The share has its id in the intent; then Karbor's restore says that it is being made.
    numbers = after(writes.names, "/restores/")[2:]
    for nth in numbers:
        for view in made_shares(service, share):
            del service.cloud.shares[view["id"]]
        record = service.record(objects.Restore, checkpoint.id)
        service.call("restore", record, None)
        writes.fail(nth, times, late=late, make=FOREIGN)
        service.run()
        name = writes.names[nth - 1]
        writes.stop()
        assert len(made_shares(service, share)) == 1, name
        assert "" not in reconcile(service), name
        reconcile(service)
        (view,) = made_shares(service, share)
        saved = service.saved(record)
        assert saved.status == "success", name
        assert saved.resources_status == {f"{SHARE}#{view['id']}": "available"}, name
        assert pages(service.checkpoint(checkpoint.id), share) == {"metadata", "status"}, name
        assert service.manager.claims.all() == []


def test_a_share_that_was_put_back_is_told_so_whatever_fails_afterwards(
    service: Service, writes: Writes, trouble: tuple[int, bool]
) -> None:
    share, (times, late) = service.share(_text="then"), trouble
    checkpoint = service.protect(service.plan(share))
    given = {f"{SHARE}#{share}": {"share_id": share}}
    writes.names.clear()
    service.restore(checkpoint.id, given)
    last = after(writes.names, "/restores/")[-1]
    asked = [n for n, name in enumerate(writes.names, 1) if "update_object" in name][-1]
    for nth in range(asked + 2, last + 1):
        service.cloud.shares[share]["_text"] = "now"
        record = service.record(objects.Restore, checkpoint.id, given)
        service.call("restore", record, None)
        writes.fail(nth, times, late=late, make=FOREIGN)
        service.run()
        name = writes.names[nth - 1]
        writes.stop()
        reconcile(service)
        reconcile(service)
        saved = service.saved(record)
        assert service.cloud.shares[share]["_text"] == "then"
        assert pages(service.checkpoint(checkpoint.id), share) == {"metadata", "status"}, name
        # With the database away to the very end nobody knows who has seen the share put back.
        unknown = "database" in name and times > bank_access.ATTEMPTS
        assert saved.status == "success" or unknown, (name, saved.resources_reason)
