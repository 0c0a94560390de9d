# SPDX-License-Identifier: Apache-2.0
"""Share groups on the sandbox's backend, through Manila's API, with bytes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from manilaclient import api_versions, exceptions

from sandbox.manila import knobs
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.folders import contents, fill


class Group:
    """A share group with two shares that have files in them."""

    def __init__(self, tenant: Tenant, kind: str) -> None:
        self.manila = tenant.manila
        self.tenant = tenant
        group_type = self.manila.share_group_types.find(name=kind)
        made = self.manila.share_groups.create(name="g", share_group_type=group_type.id)
        self.group = self.wait_group(made.id)
        assert self.group.status == "available"
        self.shares = [
            tenant.make_share(name, share_group_id=self.group.id) for name in ("one", "two")
        ]
        for share in self.shares:
            fill(tenant.folder(share.id), f"then {share.name}")

    def wait_group(self, group: str) -> Any:
        return wait(
            "the group",
            lambda: self.manila.share_groups.get(group),
            lambda seen: seen.status != "creating",
            120,
        )

    def snapshot(self, status: str = "available") -> Any:
        made = self.manila.share_group_snapshots.create(self.group.id, name="moment")
        ended = wait(
            "the group's snapshot",
            lambda: self.manila.share_group_snapshots.get(made.id),
            lambda seen: seen.status != "creating",
            120,
        )
        assert ended.status == status
        return ended

    def files(self) -> list[dict[str, bytes]]:
        return [contents(self.tenant.folder(share.id)) for share in self.shares]

    def drop_snapshot(self, snapshot: Any) -> None:
        self.manila.share_group_snapshots.delete(snapshot)
        wait("its end", self.snapshots, lambda left: snapshot.id not in left, 120)

    def snapshots(self) -> dict[str, Any]:
        """The snapshots of this group, by id."""
        listed = self.manila.share_group_snapshots.list()
        return {one.id: one for one in listed if one.share_group_id == self.group.id}

    def drop(self, group: Any, shares: list[Any]) -> None:
        for share in shares:
            self.manila.shares.delete(share, share_group_id=group.id)
        gone = [share.id for share in shares]
        wait(
            "the end of the shares",
            self.tenant.shares,
            lambda left: not [share for share in left if share.id in gone],
            120,
        )
        self.manila.share_groups.delete(group)
        wait(
            "the end of the group",
            lambda: [one.id for one in self.manila.share_groups.list()],
            lambda left: group.id not in left,
            120,
        )


@pytest.fixture
def group(alpha: Tenant) -> Iterator[Group]:
    made = Group(alpha, "sandbox")
    yield made
    for snapshot in made.snapshots().values():
        made.drop_snapshot(snapshot)
    made.drop(made.group, made.shares)


@pytest.fixture
def faults(stack: Stack) -> Iterator[Path]:
    path = stack.state.directory("manila") / "faults.json"
    yield path
    path.unlink(missing_ok=True)


def test_a_group_comes_back_as_a_group_byte_for_byte(
    group: Group, alpha: Tenant, stack: Stack
) -> None:
    then = group.files()
    snapshot = group.snapshot()
    assert group.group.consistent_snapshot_support == "host"
    assert [member["size"] for member in snapshot.members] == [1, 1]
    for share in group.shares:
        assert alpha.snapshots(share.id) == []  # the members are none of the project's snapshots
    for share in group.shares:
        fill(alpha.folder(share.id), "now")

    made = alpha.manila.share_groups.create(source_share_group_snapshot=snapshot.id)
    assert group.wait_group(made.id).status == "available"
    copies = [share for share in alpha.shares() if share.share_group_id == made.id]
    assert sorted((contents(alpha.folder(one.id)) for one in copies), key=repr) == sorted(
        then, key=repr
    )
    assert group.files() != then

    group.drop(made, copies)
    group.drop_snapshot(snapshot)
    groups = {path.name for path in (stack.info.shares / "groups").iterdir()}
    assert group.group.id in groups
    assert made.id not in groups
    members = {member["id"] for member in snapshot.members}
    assert not members & {path.name for path in (stack.info.shares / "snapshots").iterdir()}


def test_a_snapshot_of_a_group_fails_as_a_whole(group: Group, alpha: Tenant, faults: Path) -> None:
    knobs.write(faults, {"create_share_group_snapshot": {"id": group.shares[1].id}})
    failed = group.snapshot("error")
    assert [alpha.manila.shares.get(share.id).status for share in group.shares] == [
        "available",
        "available",
    ]
    knobs.write(faults, {"delete_share_group_snapshot": {"id": failed.id, "times": 1}})
    alpha.manila.share_group_snapshots.delete(failed)
    wait(
        "the deletion that fails",
        lambda: alpha.manila.share_group_snapshots.get(failed.id).status,
        lambda status: status == "error",
        120,
    )


def test_manila_refuses_what_it_says_it_refuses(group: Group, alpha: Tenant) -> None:
    """What preflights have to look for: a group with a snapshot stays, with a share stays."""
    snapshot = group.snapshot()
    with pytest.raises(exceptions.Conflict):
        alpha.manila.share_groups.delete(group.group)
    group.drop_snapshot(snapshot)
    with pytest.raises(exceptions.Conflict):
        alpha.manila.share_groups.delete(group.group)
    assert alpha.manila.api_version >= api_versions.APIVersion("2.55")
