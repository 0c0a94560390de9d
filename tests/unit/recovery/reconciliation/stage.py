# SPDX-License-Identifier: Apache-2.0
"""What the tests of the reconciliation set up and look at."""

import contextlib
import datetime
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from karbor import objects
from karbor.db.sqlalchemy import api as sqlalchemy_api
from oslo_utils import timeutils

from karbor_manila.bank import checkpoints
from tests.fakes.manila import Died
from tests.unit.karbor_stage import (
    SHARE,
    Service,
    told,
)


def reconcile(service: Service) -> list[str]:
    return list(service.manager.reconciliation.run().values())


def killed(service: Service, method: str, *args: Any, **kwargs: Any) -> Service:
    with pytest.raises(Died):
        getattr(service, method)(*args, **kwargs)
    return service.die()


def pages(service: Service, checkpoint: Any, share: str) -> dict[str, Any]:
    section = checkpoint.get_resource_bank_section(share)
    return {key: section.get_object(key) for key in section.list_objects()}


def the_checkpoint(service: Service) -> Any:
    (checkpoint_id,) = service.checkpoints()
    return service.checkpoint(checkpoint_id)


def born(service: Service) -> Service:
    """A new process, for which every request has been on its way for long enough."""
    new = service.die()
    new.manager.reconciliation._grace = 0.0
    return new


def everything(service: Service) -> list[Any]:
    """All checkpoints that the bank has ever held."""
    ids = checkpoints.everything(service.provider.bank)
    return [service.checkpoint(checkpoint_id) for checkpoint_id in ids]


def records(service: Service) -> list[Any]:
    context = service.context(is_admin=True)
    return [
        *objects.RestoreList.get_all(context, None, None),
        *objects.VerificationList.get_all(context, None, None),
    ]


def assert_at_its_end(service: Service) -> None:
    """Nothing is in work, nothing is lost, and what the user is told is so."""
    assert service.manager.claims.all() == []
    assert [log for log in service.logs() if log.ended_at is None] == []
    assert {record.status for record in records(service)} <= {"success", "fail"}
    kept: set[str] = set()
    for checkpoint in everything(service):
        assert checkpoint.status in ("available", "error", "error-deleting", "deleted")
        shares = [item["id"] for item in checkpoint.protection_plan["resources"]]
        held = {share: pages(service, checkpoint, share) for share in shares}
        for share in shares:
            in_doubt = checkpoint.status == "error" and not held[share].get("intent", {}).get(
                "created_id"
            )
            assert (
                set(held[share]) <= {"metadata", "status"} | ({"intent"} if in_doubt else set())
                or "goes with the checkpoint" in (told(checkpoint)["reasons"][f"{SHARE}#{share}"])
            )
        snapshots = {
            page["metadata"]["snapshot_id"] for page in held.values() if "metadata" in page
        }
        kept |= {page["intent"].get("created_id") for page in held.values() if "intent" in page}
        if checkpoint.status == "available":
            assert len(snapshots) == len(shares)
            assert snapshots <= set(service.cloud.snapshots)
        if checkpoint.status == "deleted":
            assert snapshots == set()
            assert checkpoint.id not in service.checkpoints()
        if checkpoint.status == "error":
            assert told(checkpoint)["reasons"]
        kept |= snapshots
    assert set(service.cloud.snapshots) <= kept
    named = {key for record in records(service) for key in record.resources_status}
    for new in service.cloud.shares.values():
        assert not new["snapshot_id"] or f"{SHARE}#{new['id']}" in named
    assert reconcile(service) == []


def assert_nothing_stays(service: Service) -> None:
    """DELETE of all checkpoints leaves nothing in Manila but the users' shares."""
    for checkpoint in everything(service):
        if checkpoint.status != "deleted":
            service.delete(checkpoint.id)
            assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}
    assert service.checkpoints() == []


Prepared = Callable[[Service], Callable[[], Any]]


def protecting(shares: int, failing: int = 0) -> Prepared:
    def prepare(service: Service) -> Callable[[], Any]:
        ids = [service.share() for _ in range(shares)]
        service.cloud.failing |= {f"create_snapshot {share}" for share in ids[:failing]}
        return lambda: service.protect(service.plan(*ids))

    return prepare


def restoring(service: Service) -> Callable[[], Any]:
    checkpoint = service.protect(service.plan(service.share(), service.share()))
    record = service.record(objects.Restore, checkpoint.id)

    def restore() -> None:
        service.call("restore", record, None)
        service.run()

    return restore


def verifying(service: Service) -> Callable[[], Any]:
    checkpoint = service.protect(service.plan(service.share()))
    record = service.record(objects.Verification, checkpoint.id)

    def verify() -> None:
        service.call("verification", record)
        service.run()

    return verify


def deleting(service: Service) -> Callable[[], Any]:
    checkpoint = service.protect(service.plan(service.share(), service.share()))
    return lambda: service.delete(checkpoint.id)


WORK = {
    "protect": protecting(1),
    "protect many": protecting(3, failing=1),
    "restore": restoring,
    "verify": verifying,
    "delete": deleting,
}


def forget(service: Service) -> None:
    """Begin anew with an empty bank and empty tables, which is quicker than another service."""
    ours = (f"karbor-manila/{each}" for each in ("leases", "browses", "deletions"))
    for folder in ("checkpoints", "indices", *ours):
        shutil.rmtree(service.folder / "bank" / "karbor" / folder, ignore_errors=True)
    with sqlalchemy_api.get_engine().begin() as connection:
        for table in ("operation_logs", "restores", "verifications", "karbor_manila_claims"):
            connection.execute(f"DELETE FROM {table}")
    service.cloud.shares.clear()
    service.cloud.snapshots.clear()
    service.cloud.failing.clear()
    service.cloud.messages.clear()
    service.cloud.calls.clear()


def left(service: Service, work: str) -> Service:
    """A process that died in the middle of its work, and the one that comes after it."""
    at, after = MIDDLES[work]
    service.cloud.plan(at, Died, nth=2 if after else 1, after=after)
    with pytest.raises(Died):
        WORK[work](service)()
    service.cloud.faults.clear()
    return born(service)


MIDDLES = {
    "protect many": ("create_snapshot", True),
    "restore": ("create_share", True),
    "delete": ("delete_snapshot", False),
}


ENDS = {"protect many": "error", "restore": "success", "delete": "deleted"}


def reconcile_whatever(service: Service) -> None:
    with contextlib.suppress(Exception):
        reconcile(service)


DAMAGE = [
    "",
    "{",
    "[]",
    "null",
    {},
    {"version": "0.9"},
    {"version": "99"},
    {"version": "0.9", "status": "protecting"},
]


DAMAGES = ["", "{", [], {"version": 0}, {"version": None}]


def unclaimed(service: Service, seconds: float, **fields: Any) -> Any:
    """A restore whose request was lost on its way to the manager."""
    checkpoint = service.protect(service.plan(service.share()))
    record = service.record(objects.Restore, checkpoint.id)
    with sqlalchemy_api.get_engine().begin() as connection:
        moment = timeutils.utcnow() - datetime.timedelta(seconds=seconds)
        connection.execute("UPDATE restores SET created_at = ?", (str(moment),))
        for name, value in fields.items():
            connection.execute(f"UPDATE restores SET {name} = ?", (value,))
    return record


def the_status(service: Service, checkpoint_id: str) -> str:
    return str(service.checkpoint(checkpoint_id).status)
