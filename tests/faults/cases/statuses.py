# SPDX-License-Identifier: Apache-2.0
"""What is to be protected, restored or deleted is not as it should be."""

from typing import TYPE_CHECKING

from tests.faults import calls, plants
from tests.faults.case import Case

if TYPE_CHECKING:
    from tests.faults.world import World


def extending(world: "World") -> None:
    """The owner has the share extended."""
    shares = world.site.alpha.manila.shares
    shares.extend(world.shares[0].id, 2)
    world.await_manila(lambda: shares.get(world.shares[0].id).status == "extending")


def share_is_mended(world: "World") -> None:
    """As soon as Karbor has seen the share, its migration ends."""
    world.await_call(calls.SHARE)
    world.site.admin.manila.shares.reset_state(world.shares[0].id, "available")


def snapshot_is_mended(world: "World") -> None:
    """As soon as Karbor was refused the deletion, the snapshot becomes available."""
    world.await_call(calls.DROP_SNAPSHOT)
    world.set_kept("available")


def cloning(world: "World") -> None:
    """The owner has a share made of the snapshot."""
    (snapshot,) = world.kept()
    shares = world.site.alpha.manila.shares
    world.owned.add(shares.create("NFS", 1, snapshot_id=snapshot.id, name="clone").id)


def clone_is_whole(world: "World") -> None:
    """The owner's new share was not spoilt by the end of its snapshot."""
    (clone,) = world.owned
    shares = world.site.alpha.manila.shares
    world.await_manila(lambda: not shares.get(clone).status.startswith("creating"))
    status = shares.get(clone).status
    if status != "available":
        raise AssertionError(f"the share that was being made of the snapshot is {status}")


def cases() -> list[Case]:
    """What is to be protected, restored or deleted is not as it should be."""
    return [
        *(
            Case(
                name=f"protect: the share is {status}",
                operations=("protect",),
                plant=plants.share_is(status),
                fails=True,
                says=(f"its status is {status!r}",),
            )
            for status in ("error", "deleting", "error_deleting")
        ),
        Case(
            name="protect: the share is gone",
            operations=("protect",),
            plant=plants.share_gone,
            fails=True,
            says=("no such share",),
        ),
        Case(
            name="protect: the share is being extended, and is soon ready",
            operations=("protect",),
            plant=plants.all_of(plants.slow(extend_share=2), plants.beforehand(extending)),
            ours_only=True,
        ),
        Case(
            name="protect: the share migrates, and is soon there",
            operations=("protect",),
            plant=plants.share_is("migrating"),
            meanwhile=share_is_mended,
            ours_only=True,
        ),
        *(
            Case(
                name=f"{operation}: the snapshot is gone",
                operations=(operation,),
                plant=plants.kept_gone,
                fails=True,
                says=("does not show it in this project any more",),
            )
            for operation in ("restore", "verify")
        ),
        *(
            Case(
                name=f"{operation}: the snapshot is {status}",
                operations=(operation,),
                plant=plants.kept_is(status),
                fails=True,
                says=(f"its status is {status!r}",),
            )
            for operation in ("restore", "verify")
            for status in ("error", "error_deleting")
        ),
        Case(name="delete: the snapshot is gone", operations=("delete",), plant=plants.kept_gone),
        Case(
            name="delete: the snapshot is error",
            operations=("delete",),
            plant=plants.kept_is("error"),
        ),
        Case(
            name="delete: the snapshot is error_deleting until an administrator mends it",
            operations=("delete",),
            plant=plants.kept_is("error_deleting", mended="error"),
            fails=True,
            says=("openstack share snapshot", "Delete the checkpoint again"),
        ),
        Case(
            name="delete: the snapshot is being made, and is soon there",
            operations=("delete",),
            plant=plants.kept_is("creating"),
            meanwhile=snapshot_is_mended,
            ours_only=True,
        ),
        Case(
            name="delete: a share is being made of the snapshot",
            operations=("delete",),
            plant=plants.all_of(
                plants.slow(create_share_from_snapshot=2), plants.beforehand(cloning)
            ),
            then=clone_is_whole,
        ),
    ]
