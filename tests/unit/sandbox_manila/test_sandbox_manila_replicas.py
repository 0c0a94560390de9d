# SPDX-License-Identifier: Apache-2.0
"""Replicas and migrations between two backends, as Manila's share manager asks; needs Manila."""

import pytest

exception = pytest.importorskip("manila.exception")
pytest.importorskip("sandbox.manila.driver")

from sandbox.manila import knobs, tree  # noqa: E402

ACTIVE = {
    "id": "first",
    "share_id": "share",
    "share_proto": "NFS",
    "host": "h@near#near",
    "replica_state": "active",
}
REPLICA = {
    "id": "second",
    "share_id": "share",
    "share_proto": "NFS",
    "host": "h@far#far",
    "replica_state": "in_sync",
}
BOTH = [ACTIVE, REPLICA]
RULE = {"id": "r", "access_type": "ip", "access_to": "10.0.0.1", "access_level": "rw"}


def snapshot(replica, status="available"):
    return {
        "id": f"moment-{replica['id']}",
        "snapshot_id": "moment",
        "share_id": replica["id"],
        "share_instance_id": replica["id"],
        "status": status,
    }


SNAPSHOTS = [snapshot(ACTIVE), snapshot(REPLICA)]
PAIRS = [{"active_replica_snapshot": SNAPSHOTS[0], "share_replica_snapshot": SNAPSHOTS[1]}]


@pytest.fixture
def near(make_backend):
    """The backend of the active replica, with a file in it."""
    made = make_backend("near", replication_domain="sandbox")
    made.create_share(None, ACTIVE)
    (made.shares / "first" / tree.DATA / "file").write_text("then")
    return made


@pytest.fixture
def far(make_backend, near):
    return make_backend("far", replication_domain="sandbox")


def held(backend, name):
    return (backend.shares / name / tree.DATA / "file").read_text()


def write(backend, text, name="first"):
    (backend.shares / name / tree.DATA / "file").write_text(text)


def test_a_replica_has_files_snapshots_and_rules(near, far):
    near.create_snapshot(None, SNAPSHOTS[0])
    write(near, "now")
    made = far.create_replica(None, BOTH, REPLICA, [RULE], PAIRS)
    assert made["replica_state"] == "in_sync"
    assert made["export_locations"][0]["path"].endswith(f"far/shares/second/{tree.DATA}")
    assert held(far, "second") == "now"
    assert (far.snapshots / "moment-second" / tree.DATA / "file").read_text() == "then"
    assert [rule["level"] for rule in far.rules.read("second")] == ["ro"]


def test_a_replica_follows_and_takes_over(near, far):
    far.create_replica(None, BOTH, REPLICA, [RULE], [])
    write(near, "later")
    assert far.update_replica_state(None, BOTH, REPLICA, [], []) == "in_sync"
    assert held(far, "second") == "later"
    write(near, "last")
    promoted = far.promote_replica(None, BOTH, REPLICA, [RULE], quiesce_wait_time=1)
    assert promoted == [
        {"id": "first", "replica_state": "in_sync"},
        {"id": "second", "replica_state": "active"},
    ]
    assert held(far, "second") == "last"
    assert [rule["level"] for rule in far.rules.read("second")] == ["rw"]


def test_a_replica_of_cephfs_lets_in_who_has_a_key(near, far):
    both = [{**replica, "share_proto": "CEPHFS"} for replica in BOTH]
    rules = [RULE, {**RULE, "id": "k", "access_type": "cephx", "access_to": "alice"}]
    far.create_replica(None, both, both[1], rules, [])
    assert far.rules.read("second") == [{"type": "cephx", "to": "alice", "level": "ro"}]
    far.promote_replica(None, both, both[1], rules)
    assert far.rules.read("second") == [{"type": "cephx", "to": "alice", "level": "rw"}]


def test_a_replica_outlives_the_active_one(near, far):
    far.create_replica(None, BOTH, REPLICA, [], [])
    tree.remove(near.shares / "first", near.scratch)
    assert far.update_replica_state(None, BOTH, REPLICA, [], []) == "out_of_sync"
    promoted = far.promote_replica(None, BOTH, REPLICA, [])
    assert promoted[0] == {"id": "first", "replica_state": "out_of_sync"}
    assert held(far, "second") == "then"
    with pytest.raises(exception.ReplicationException):
        far.create_replica(None, BOTH, {**REPLICA, "id": "third"}, [], [])


def test_a_snapshot_is_of_all_replicas(near, far):
    far.create_replica(None, BOTH, REPLICA, [], [])
    made = near.create_replicated_snapshot(None, BOTH, SNAPSHOTS)
    assert [(one["id"], one["status"]) for one in made] == [
        ("moment-first", "available"),
        ("moment-second", "available"),
    ]
    write(near, "now")
    near.revert_to_replicated_snapshot(None, ACTIVE, BOTH, SNAPSHOTS[0], SNAPSHOTS, [], [])
    assert held(near, "first") == "then"
    gone = near.delete_replicated_snapshot(None, BOTH, SNAPSHOTS)
    assert [one["status"] for one in gone] == ["deleted", "deleted"]
    assert list(near.snapshots.iterdir()) == list(far.snapshots.iterdir()) == []


def test_a_snapshot_that_was_left_over_is_made_or_deleted(near, far):
    near.create_snapshot(None, SNAPSHOTS[0])
    creating = snapshot(REPLICA, "creating")
    made = far.update_replicated_snapshot(None, BOTH, REPLICA, SNAPSHOTS, creating)
    assert made["status"] == "available"
    assert (far.snapshots / "moment-second" / tree.DATA / "file").read_text() == "then"
    with pytest.raises(exception.SnapshotResourceNotFound):
        far.update_replicated_snapshot(
            None, BOTH, REPLICA, SNAPSHOTS, snapshot(REPLICA, "deleting")
        )
    assert list(far.snapshots.iterdir()) == []
    failed = far.update_replicated_snapshot(None, BOTH, REPLICA, [], creating)
    assert failed["status"] == "error"


def test_a_replica_is_deleted_with_its_snapshots(near, far):
    near.create_snapshot(None, SNAPSHOTS[0])
    far.create_replica(None, BOTH, REPLICA, [RULE], PAIRS)
    for _ in range(2):
        far.delete_replica(None, BOTH, [SNAPSHOTS[1]], REPLICA)
    for kept in far.root.iterdir():
        assert list(kept.iterdir()) == []
    assert held(near, "first") == "then"


def test_there_has_to_be_an_active_replica(near, far):
    far.create_replica(None, BOTH, REPLICA, [], [])
    with pytest.raises(exception.ReplicationException):
        far.promote_replica(None, [REPLICA], REPLICA, [])
    with pytest.raises(exception.ReplicationException):
        far.create_replica(None, [REPLICA], REPLICA, [], [])


def test_the_scheduler_is_told_the_kind(near, make_backend):
    assert near.get_share_stats(refresh=True)["replication_type"] == "readable"
    assert "replication_type" not in make_backend("alone").get_share_stats(refresh=True)


DESTINATION = {"id": "moved", "share_id": "share", "host": "h@far#far"}
MAPPINGS = {"moment-first": {"id": "moment-moved"}}
MOVE = (ACTIVE, DESTINATION, [SNAPSHOTS[0]], MAPPINGS)


def test_a_migration_loses_nothing_that_is_written_meanwhile(near, far, tmp_path):
    knobs.write(tmp_path / "delays", {"migration_continue": {"steps": 2, "id": "share"}})
    near.create_snapshot(None, SNAPSHOTS[0])
    assert near.migration_check_compatibility(None, ACTIVE, DESTINATION)["compatible"]
    near.migration_start(None, *MOVE)
    write(near, "meanwhile")
    assert near.migration_get_progress(None, *MOVE) == {"total_progress": 0}
    assert near.migration_continue(None, *MOVE) is False
    assert near.migration_get_progress(None, *MOVE) == {"total_progress": 50}
    assert near.migration_continue(None, *MOVE) is True
    answer = near.migration_complete(None, *MOVE)
    assert held(far, "moved") == "meanwhile"
    assert answer["export_locations"][0]["path"].endswith(f"far/shares/moved/{tree.DATA}")
    update = answer["snapshot_updates"]["moment-moved"]
    assert update["provider_location"] == str(far.snapshots / "moment-moved")
    assert (far.snapshots / "moment-moved" / tree.DATA / "file").read_text() == "then"
    assert list(near.shares.iterdir()) == list(near.snapshots.iterdir()) == []
    assert near.migration_complete(None, *MOVE) == answer


def test_a_migration_that_is_cancelled_leaves_nothing(near, far):
    near.create_snapshot(None, SNAPSHOTS[0])
    near.migration_start(None, *MOVE)
    near.migration_cancel(None, *MOVE)
    assert list(far.shares.iterdir()) == list(far.snapshots.iterdir()) == []
    assert held(near, "first") == "then"


def test_other_drivers_are_no_place_to_migrate_to(near):
    elsewhere = {**DESTINATION, "host": "h@netapp#pool"}
    assert not near.migration_check_compatibility(None, ACTIVE, elsewhere)["compatible"]
