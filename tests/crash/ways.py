# SPDX-License-Identifier: Apache-2.0
"""The ways to keep a share: for each driver, the shares that it can keep, and what keeps them in
Manila, as their owner sees it.
"""

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from manilaclient import exceptions as manila_errors

from sandbox.manila.config import BACKEND
from sandbox.tenant import Tenant, wait

SNAPSHOT = "snapshot"
GROUP_SNAPSHOT = "group snapshot"
BACKUP = "backup"
KINDS = (SNAPSHOT, GROUP_SNAPSHOT, BACKUP)

_SECONDS = 120
#: Statuses that pass by themselves.
IN_PASSING = (
    "creating",
    "creating_from_snapshot",
    "deleting",
    "reverting",
    "restoring",
    "backup_creating",
    "backup_restoring",
)
_DELETABLE = ("available", "error")
_FAILED_RESTORE = "backup_restoring_error"


@dataclass(frozen=True)
class Kept:
    """Something in Manila that keeps shares.

    :ivar kind: ``snapshot``, ``group snapshot`` or ``backup``
    :ivar shares: the ids of the shares that it keeps
    :ivar view: all that Manila shows of it
    """

    kind: str
    id: str
    status: str
    shares: tuple[str, ...]
    view: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"


@dataclass(frozen=True)
class Rule:
    """Who may mount a snapshot, and whether it is in force."""

    id: str
    snapshot_id: str
    share_id: str
    to: str
    state: str

    def __str__(self) -> str:
        return f"access of {self.to} {self.state}"


class Way:
    """By snapshots, and what other drivers have in common with that."""

    driver = "snapshot"
    #: Options of the driver, and of Karbor's provider, as ``Stack(share_options=...)`` takes them.
    options: ClassVar[dict[str, Any]] = {}
    #: What can be killed of what it can do.
    operations: ClassVar[tuple[str, ...]] = (
        "protect",
        "verify",
        "restore",
        "drill",
        "in place",
        "in place with safety copy",
        "browse",
        "browse, taken back",
        "browse, over",
        "copy",
        "in place past a newer one",
        "browse, deleted",
        "delete",
    )
    #: Those that are looked at unless others are named.
    usual: ClassVar[tuple[str, ...]] = ("protect", "verify", "restore", "delete")
    #: What it can leave in Manila that keeps shares.
    kinds: ClassVar[tuple[str, ...]] = (SNAPSHOT,)
    #: Whether it keeps all that belong together at once, in share groups.
    together = False
    #: How many shares a scenario with two processes has.
    few = 1
    #: Options with which what never ends is over soon.
    hasty: ClassVar[dict[str, Any]] = {}

    def share_options(self) -> dict[str, Any]:
        """For the provider's file."""
        return {"default_driver": self.driver, **self.options}

    def make(self, tenant: Tenant, names: list[str]) -> list[Any]:
        """Shares of 1 GiB that this driver can keep, available."""
        made = [tenant.manila.shares.create("NFS", 1, name=name) for name in names]
        return [tenant.wait_share(share.id) for share in made]


class GroupWay(Way):
    """By the snapshots of a share group that has all shares of a plan."""

    driver = "group"
    kinds = (SNAPSHOT, GROUP_SNAPSHOT)
    together = True
    operations = (
        "protect",
        "verify",
        "restore",
        "restore of one",
        "restore as a group",
        "drill",
        "copy",
        "delete",
    )
    usual = operations
    few = 2

    def make(self, tenant: Tenant, names: list[str]) -> list[Any]:
        """All in one new group, whose snapshots are of one moment."""
        manila = tenant.manila
        kind = manila.share_group_types.find(name="sandbox")
        group = manila.share_groups.create(name="group", share_group_type=kind.id)
        wait(
            f"share group {group.id}",
            lambda: manila.share_groups.get(group.id),
            lambda seen: seen.status == "available",
            _SECONDS,
        )
        made = [
            manila.shares.create("NFS", 1, name=name, share_group_id=group.id) for name in names
        ]
        return [tenant.wait_share(share.id) for share in made]


class BackupWay(Way):
    """By backups of the backend's own type."""

    driver = "backup"
    kinds = (SNAPSHOT, BACKUP)
    options: ClassVar[dict[str, Any]] = {"karbor_manila_driver_backup/backup_type": BACKEND}
    hasty: ClassVar[dict[str, Any]] = {"karbor_manila_driver_backup/backup_timeout": 2}
    operations = (
        "protect",
        "verify",
        "restore",
        "drill",
        "in place",
        "into another share",
        "copy",
        "delete",
    )
    usual = operations


WAYS: dict[str, Way] = {way.driver: way for way in (Way(), GroupWay(), BackupWay())}


# -- what a tenant has in Manila ------------------------------------------------------------------


def kept(tenant: Tenant, kinds: Collection[str] = KINDS) -> list[Kept]:
    """All of these kinds that keeps shares of the tenant's project."""
    lists = {SNAPSHOT: _snapshots, GROUP_SNAPSHOT: _group_snapshots, BACKUP: _backups}
    return [each for kind in kinds for each in lists[kind](tenant)]


def rules(tenant: Tenant) -> list[Rule]:
    """All access to the project's snapshots."""
    found = []
    for snapshot in tenant.snapshots():
        with contextlib.suppress(manila_errors.NotFound):
            found += [
                Rule(it.id, snapshot.id, snapshot.share_id, it.access_to, it.state)
                for it in tenant.manila.share_snapshots.access_list(snapshot)
            ]
    return found


def groups(tenant: Tenant) -> list[Any]:
    """The project's share groups."""
    found: list[Any] = tenant.manila.share_groups.list()
    return found


def _snapshots(tenant: Tenant) -> Iterator[Kept]:
    for it in tenant.snapshots():
        yield Kept(SNAPSHOT, it.id, it.status, (it.share_id,), it.to_dict())


def _group_snapshots(tenant: Tenant) -> Iterator[Kept]:
    for it in tenant.manila.share_group_snapshots.list():
        view = it.to_dict()
        shares = tuple(member["share_id"] for member in view.get("members") or [])
        yield Kept(GROUP_SNAPSHOT, it.id, it.status, shares, view)


def _backups(tenant: Tenant) -> Iterator[Kept]:
    for it in tenant.manila.share_backups.list():
        yield Kept(BACKUP, it.id, it.status, (it.share_id,), it.to_dict())


def clean(tenant: Tenant, admin: Tenant) -> None:
    """Remove all that the project has in Manila, and wait until it is gone.

    :param admin: mends what only an administrator can
    """
    manila = tenant.manila
    _until_gone(
        tenant,
        {
            GROUP_SNAPSHOT: manila.share_group_snapshots.delete,
            BACKUP: manila.share_backups.delete,
            SNAPSHOT: manila.share_snapshots.delete,
        },
    )
    for share in tenant.shares():
        if share.status == _FAILED_RESTORE:  # no tenant gets out of it
            admin.manila.shares.reset_state(share.id, "error")
    remove_shares(tenant, [share.id for share in tenant.shares()])
    _remove_groups(tenant, groups(tenant))


def remove_shares(tenant: Tenant, share_ids: Collection[str]) -> None:
    """Remove shares and the groups that they were in, and wait until they are gone."""
    doomed = [share for share in tenant.shares() if share.id in share_ids]
    for share in doomed:
        if share.status in _DELETABLE:
            tenant.manila.shares.delete(share.id, share_group_id=share.share_group_id)
    wait(
        "the end of shares",
        lambda: [share for share in tenant.shares() if share.id in share_ids],
        lambda left: not left,
        _SECONDS,
    )
    with_them = {share.share_group_id for share in doomed}
    with_others = {share.share_group_id for share in tenant.shares()}
    left = with_them - with_others
    _remove_groups(tenant, [group for group in groups(tenant) if group.id in left])


def _remove_groups(tenant: Tenant, doomed: Collection[Any]) -> None:
    ids = {group.id for group in doomed}
    for group in doomed:
        tenant.manila.share_groups.delete(group)
    wait(
        "the end of share groups",
        lambda: [group for group in groups(tenant) if group.id in ids],
        lambda left: not left,
        _SECONDS,
    )


def reset(admin: Tenant, thing: Kept, status: str) -> None:
    """Set the status of what keeps shares, unless it is gone."""
    manila = admin.manila
    resets = {
        SNAPSHOT: manila.share_snapshots.reset_state,
        GROUP_SNAPSHOT: manila.share_group_snapshots.reset_state,
        BACKUP: manila.share_backups.reset_status,
    }
    with contextlib.suppress(manila_errors.NotFound):
        resets[thing.kind](thing.id, status)


def remove_by_force(admin: Tenant, thing: Kept) -> None:
    """Begin to remove what keeps shares, whatever its status is."""
    manila = admin.manila
    removals = {
        SNAPSHOT: manila.share_snapshots.force_delete,
        GROUP_SNAPSHOT: manila.share_group_snapshots.delete,
        BACKUP: manila.share_backups.delete,
    }
    if thing.kind != SNAPSHOT:  # there is no force for the others
        reset(admin, thing, "error")
    with contextlib.suppress(manila_errors.NotFound):
        removals[thing.kind](thing.id)


def _until_gone(tenant: Tenant, removals: dict[str, Any]) -> None:
    for it in kept(tenant):
        if it.status in _DELETABLE:
            removals[it.kind](it.id)
    wait("the end of all that keeps shares", lambda: kept(tenant), lambda left: not left, _SECONDS)
