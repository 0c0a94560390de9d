# SPDX-License-Identifier: Apache-2.0
"""What every client of the fake Manila sees: shares, snapshots, time, and the faults to come."""

import datetime
import itertools
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from karbor_manila.common.clock import Clock
from karbor_manila.manila.errors import ManilaRefused, ManilaTransient

View = dict[str, Any]


class FakeClock(Clock):
    """Seconds that pass only when somebody sleeps or waits."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def utcnow(self) -> datetime.datetime:
        return datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
            seconds=self.seconds
        )

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def wait(self, condition: Any, seconds: float) -> None:
        self.seconds += max(seconds, 0.001)


class Died(BaseException):
    """The process was killed here."""


@dataclass
class Fault:
    """What goes wrong at the n-th call of a method; ``after`` means once the work was done."""

    method: str
    error: Callable[[], BaseException]
    nth: int = 1
    times: int = 1
    after: bool = False
    seen: int = 0
    hits: int = 0

    def due(self, method: str, *, after: bool) -> bool:
        if method != self.method or after != self.after:
            return False
        self.seen += 1
        if not self.nth <= self.seen < self.nth + self.times:
            return False
        self.hits += 1
        return True


@dataclass
class Cloud:
    """What every client of the same Manila sees."""

    clock: FakeClock
    shares: dict[str, View] = field(default_factory=dict)
    snapshots: dict[str, View] = field(default_factory=dict)
    backups: dict[str, View] = field(default_factory=dict)
    #: Shares whose backup, or the restore into which, does not go on.
    stuck: set[str] = field(default_factory=set)
    groups: dict[str, View] = field(default_factory=dict)
    group_snapshots: dict[str, View] = field(default_factory=dict)
    messages: list[View] = field(default_factory=list)
    share_types: set[str] = field(default_factory=lambda: {"default"})
    type_ids: dict[str, str] = field(default_factory=dict)  # of some of them, by their names
    access: dict[str, list[View]] = field(default_factory=dict)
    #: By id. A network that is None is gone.
    type_specs: dict[str, dict[str, str]] = field(default_factory=dict)
    networks: dict[str, View | None] = field(default_factory=dict)
    #: Locks of deletion, by the id of the share.
    locks: dict[str, list[View]] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    #: What an administrator is shown of them, by project.
    quotas: dict[str, View] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    #: What others do right before the next call of a method, by its name; done once.
    meanwhile: dict[str, list[Callable[[], Any]]] = field(default_factory=dict)
    #: What lists leave out though it is there, and whether they count as if it were not.
    hidden: set[str] = field(default_factory=set)
    hides_well: bool = False
    faults: list[Fault] = field(default_factory=list)
    counter: Any = field(default_factory=lambda: itertools.count(1))
    lock: Any = field(default_factory=threading.RLock)

    def add_share(self, project_id: str, **fields: Any) -> View:
        share = {
            "id": str(uuid.uuid4()),
            "name": "share",
            "description": None,
            "status": "available",
            "size": 1,
            "share_proto": "NFS",
            "share_type": "type-id",
            "share_type_name": "default",
            "share_network_id": None,
            "availability_zone": "nova",
            "snapshot_support": True,
            "create_share_from_snapshot_support": True,
            "revert_to_snapshot_support": True,
            "mount_snapshot_support": False,
            "access_rules_status": "active",
            "task_state": None,
            "project_id": project_id,
            "metadata": {},
            "is_soft_deleted": False,
            "snapshot_id": None,
            "is_public": False,
            "has_replicas": False,
            "source_backup_id": None,
            "share_group_id": None,
            "source_share_group_snapshot_member_id": None,
        } | fields
        self.shares[share["id"]] = share
        return share

    def add_group(self, project_id: str, **fields: Any) -> View:
        group = {
            "id": str(uuid.uuid4()),
            "name": "group",
            "description": None,
            "status": "available",
            "project_id": project_id,
            "share_group_type_id": "group-type-id",
            "consistent_snapshot_support": "host",
            "source_share_group_snapshot_id": None,
            "created_at": None,
        } | fields
        self.groups[group["id"]] = group
        return group

    def transfer(self, share_id: str, project_id: str) -> None:
        """The share belongs to another project from now on, and its snapshots go along
        (manila/transfer/api.py)."""
        self.shares[share_id]["project_id"] = project_id
        for view in self.snapshots.values():
            if view["share_id"] == share_id:
                view["project_id"] = project_id
        # Manila transfers no share in a group; what its database says may still be changed.
        group_id = self.shares[share_id]["share_group_id"]
        for view in (*self.groups.values(), *self.group_snapshots.values()):
            if group_id and group_id in (view["id"], view.get("share_group_id")):
                view["project_id"] = project_id

    def plan(self, method: str, error: Callable[[], BaseException], **kwargs: Any) -> Fault:
        fault = Fault(method, error, **kwargs)
        self.faults.append(fault)
        return fault

    def assert_hit(self) -> None:
        missed = [fault for fault in self.faults if not fault.hits]
        assert not missed, f"planned faults were never hit: {missed}"


def transient() -> ManilaTransient:
    return ManilaTransient("do it", "HTTP 503, Service Unavailable")


def refused(status: int = 400) -> ManilaRefused:
    return ManilaRefused("do it", status, "no")


# What a share that is made from a snapshot has of the snapshot's share as it is then.
TAKEN_OVER = (
    "share_type",
    "share_type_name",
    "share_network_id",
    "availability_zone",
    "snapshot_support",
    "create_share_from_snapshot_support",
    "revert_to_snapshot_support",
    "mount_snapshot_support",
)


def check_clone(parent: View, asked: Mapping[str, Any]) -> None:
    """manila/api/v2/shares.py (_create) and manila/share/api.py (create), in their order."""
    network, share_type = asked.get("share_network_id"), asked.get("share_type")
    if network and network != parent["share_network_id"]:
        raise ManilaRefused("create", 400, "Share network ID should be the same")
    if not parent["create_share_from_snapshot_support"]:
        raise ManilaRefused("create", 400, "A new share may not be created from it")
    zone = asked.get("availability_zone")
    if zone and zone != parent["availability_zone"]:
        raise ManilaRefused("create", 400, "The specified zone must be the same")
    if share_type and share_type not in (parent["share_type"], parent["share_type_name"]):
        raise ManilaRefused("create", 400, "Invalid share type specified")


def has(view: View, metadata: Mapping[str, str] | None) -> bool:
    """Whether a view is in a list by this metadata."""
    return all(view["metadata"].get(name) == value for name, value in (metadata or {}).items())
