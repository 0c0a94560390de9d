# SPDX-License-Identifier: Apache-2.0
"""Replicas, migrations and share servers of the sandbox's backends, through Manila's API."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from manilaclient import exceptions

from sandbox.manila import knobs
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.snapshots import snapshot_of


@pytest.fixture
def admin(stack: Stack) -> Tenant:
    return Tenant(stack.info, "admin")


@pytest.fixture
def delays(stack: Stack) -> Iterator[Path]:
    path = stack.state.directory("manila") / "delays.json"
    yield path
    path.unlink(missing_ok=True)


def wait_replica(tenant: Tenant, replica: str, state: str) -> Any:
    return wait(
        f"the replica becoming {state}",
        lambda: tenant.manila.share_replicas.get(replica),
        lambda seen: (seen.status, seen.replica_state) == ("available", state),
        40,
    )


def add_replica(tenant: Tenant, share: Any) -> Any:
    made = tenant.manila.share_replicas.create(share.id)
    return wait_replica(tenant, made.id, "in_sync")


def drop_replicas(tenant: Tenant, share: Any) -> None:
    def others() -> list[Any]:
        listed = tenant.manila.share_replicas.list(share.id)
        return [one for one in listed if one.replica_state != "active"]

    for replica in others():
        tenant.manila.share_replicas.delete(replica.id)
    wait("the end of the replicas", others, lambda left: not left, 40)


def test_a_replica_takes_over_and_snapshots_stay(
    empty_alpha: Tenant, admin: Tenant, stack: Stack
) -> None:
    share = empty_alpha.make_share("replicated", share_type="replicated")
    near = empty_alpha.folder(share.id)
    fill(near, "then")
    then = contents(near)
    replica = add_replica(empty_alpha, share)
    far = stack.info.shares.with_name("exports-of-mirror") / "shares" / replica.id / "data"
    assert contents(far) == then
    snapshot = snapshot_of(empty_alpha, share)

    fill(near, "now")
    now = contents(near)
    wait("the replica's update", lambda: contents(far), lambda seen: seen == now, 60)
    shutil.rmtree(near.parent)
    wait_replica(empty_alpha, replica.id, "out_of_sync")
    admin.manila.share_replicas.reset_replica_state(replica.id, "in_sync")
    empty_alpha.manila.share_replicas.promote(replica.id)
    wait_replica(empty_alpha, replica.id, "active")
    assert empty_alpha.folder(share.id) == far
    assert contents(far) == now

    empty_alpha.manila.shares.revert_to_snapshot(share.id, snapshot.id)
    empty_alpha.wait_share(share.id)
    assert contents(far) == then
    copy = empty_alpha.make_share("copy", share_type="replicated", snapshot_id=snapshot.id)
    assert contents(empty_alpha.folder(copy.id)) == then
    drop_replicas(empty_alpha, share)


def test_a_share_moves_to_another_backend_with_its_snapshots(
    empty_alpha: Tenant, admin: Tenant, delays: Path, stack: Stack
) -> None:
    share = empty_alpha.make_share("moving")
    near = empty_alpha.folder(share.id)
    fill(near, "then")
    then = contents(near)
    snapshot = snapshot_of(empty_alpha, share)
    knobs.write(delays, {"migration_continue": {"steps": 2}})
    admin.manila.shares.migration_start(
        share.id,
        "sandbox@mirror#mirror",
        force_host_assisted_migration=False,
        preserve_metadata=True,
        writable=True,
        nondisruptive=False,
        preserve_snapshots=True,
    )

    def done(seen: Any) -> bool:
        assert seen.task_state != "migration_error"
        return bool(seen.task_state == "migration_driver_phase1_done")

    wait("the first phase", lambda: admin.manila.shares.get(share.id), done, 40)
    fill(near, "now")
    now = contents(near)
    admin.manila.shares.migration_complete(share.id)
    wait(
        "the migration",
        lambda: admin.manila.shares.get(share.id),
        lambda seen: (seen.status, seen.task_state) == ("available", "migration_success"),
        40,
    )
    far = empty_alpha.folder(share.id)
    assert far.parents[2] == stack.info.shares.with_name("exports-of-mirror")
    assert contents(far) == now
    assert not near.parent.exists()
    empty_alpha.manila.shares.revert_to_snapshot(share.id, snapshot.id)
    empty_alpha.wait_share(share.id)
    assert contents(far) == then


def test_a_group_of_the_other_backend_is_not_of_one_moment(empty_alpha: Tenant) -> None:
    groups = empty_alpha.manila.share_groups
    made = groups.create(
        share_group_type=empty_alpha.manila.share_group_types.find(name="loose").id,
        share_types=[empty_alpha.manila.share_types.find(name="mirror").id],
    )
    group = wait("the group", lambda: groups.get(made.id), lambda it: it.status != "creating", 120)
    assert (group.status, group.consistent_snapshot_support) == ("available", None)
    groups.delete(group)


def test_shares_of_a_network_have_a_server(
    empty_alpha: Tenant, admin: Tenant, stack: Stack
) -> None:
    servers = stack.info.shares.with_name("exports-of-servers") / "servers"
    before = set(servers.iterdir())
    network = empty_alpha.manila.share_networks.create(name="net")
    share = empty_alpha.make_share("served", share_type="servers", share_network=network.id)
    (location,) = empty_alpha.manila.share_export_locations.list(share.id)
    assert location.path.startswith("10.254.0.")
    (server,) = set(servers.iterdir()) - before

    fill(empty_alpha.folder(share.id), "then")
    then = contents(empty_alpha.folder(share.id))
    snapshot = snapshot_of(empty_alpha, share)
    fill(empty_alpha.folder(share.id), "now")
    copy = empty_alpha.make_share(
        "copy", share_type="servers", share_network=network.id, snapshot_id=snapshot.id
    )
    assert contents(empty_alpha.folder(copy.id)) == then
    with pytest.raises(exceptions.Conflict):
        empty_alpha.manila.share_networks.delete(network.id)

    empty_alpha.clean()
    admin.manila.share_servers.delete(server.name)
    wait("the end of the server", server.exists, lambda there: not there, 120)
    empty_alpha.manila.share_networks.delete(network.id)


def test_a_clean_project_has_neither_replicated_nor_locked_shares(empty_alpha: Tenant) -> None:
    """What a test leaves behind must not be in the way of the next one."""
    share = empty_alpha.make_share("replicated", share_type="replicated")
    add_replica(empty_alpha, share)
    locked = empty_alpha.make_share("locked")
    empty_alpha.manila.resource_locks.create(locked.id, "share", lock_reason="a test")

    empty_alpha.clean()

    assert empty_alpha.shares() == []
