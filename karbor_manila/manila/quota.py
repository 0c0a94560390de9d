# SPDX-License-Identifier: Apache-2.0
"""Whether a project's quota suffices for the snapshots of its shares."""

from collections.abc import Collection, Mapping

from karbor_manila.manila.errors import QuotaTooSmall
from karbor_manila.manila.views import View


def check(limits: Mapping[str, int], shares: Collection[View]) -> None:
    """Compare what the snapshots of these shares need with what is left.

    :param limits: the project's absolute limits and what is used of them, as Manila shows them
        (GET /limits); -1 is no limit
    :raises QuotaTooSmall: they do not all fit, by number or by size
    """
    gigabytes = sum(int(share["size"]) for share in shares)
    _check(limits, "snapshots", "TotalShareSnapshots", len(shares))
    _check(limits, "snapshot gigabytes", "TotalSnapshotGigabytes", gigabytes)


def check_copies(limits: Mapping[str, int], sizes: Collection[int]) -> None:
    """As :func:`check`, for new shares of these sizes in GiB and a snapshot of each."""
    check_shares(limits, sizes)
    check(limits, [{"size": size} for size in sizes])


def check_backups(limits: Mapping[str, int], sizes: Collection[int]) -> None:
    """As :func:`check`, for the backups of shares of these sizes in GiB."""
    _check(limits, "backups", "TotalShareBackups", len(sizes))
    _check(limits, "backup gigabytes", "TotalBackupGigabytes", sum(sizes))


def check_shares(
    limits: Mapping[str, int],
    sizes: Collection[int],
    more: int = 0,
    replicated: Collection[int] = (),
) -> None:
    """As :func:`check`, for new shares of these sizes in GiB.

    :param more: GiB by which shares that are there grow
    :param replicated: the sizes of those whose type has a ``replication_type``: such a share counts
        as a replica too (manila/share/api.py, create)
    """
    _check(limits, "shares", "TotalShares", len(sizes))
    _check(limits, "share gigabytes", "TotalShareGigabytes", sum(sizes) + more)
    if replicated:
        _check(limits, "share replicas", "TotalShareReplicas", len(replicated))
        _check(limits, "replica gigabytes", "TotalReplicaGigabytes", sum(replicated))


def check_group_snapshots(limits: Mapping[str, int], number: int) -> None:
    """As :func:`check`, for so many group snapshots; their size counts nowhere
    (manila/share_group/api.py, create_share_group_snapshot). Manila tells since 2.58."""
    _check(limits, "group snapshots", "TotalShareGroupSnapshots", number)


def check_group_restore(
    limits: Mapping[str, int], members: Collection[int], own: int | None = None
) -> None:
    """As :func:`check`, for a new share group with shares of these sizes in GiB.

    :param own: the size of a share that is made of one of them besides, by a snapshot
    """
    _check(limits, "share groups", "TotalShareGroups", 1)
    check_shares(limits, [*members, *([own] if own else [])])
    if own:
        check(limits, [{"size": own}])


def _check(limits: Mapping[str, int], what: str, name: str, needed: int) -> None:
    most = int(limits.get(f"max{name}", -1))
    left = most - int(limits.get(f"t{name[1:]}Used", 0))
    if most >= 0 and left < needed:
        raise QuotaTooSmall(what, needed, max(left, 0), most)
