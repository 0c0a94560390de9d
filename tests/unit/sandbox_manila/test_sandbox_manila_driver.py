# SPDX-License-Identifier: Apache-2.0
"""The share driver as Manila's share manager calls it; needs Manila."""

import pytest

exception = pytest.importorskip("manila.exception")
pytest.importorskip("sandbox.manila.driver")

from manila.common import constants  # noqa: E402

from sandbox.manila import knobs, tree  # noqa: E402

SHARE = {"id": "instance", "share_id": "share", "share_proto": "NFS"}
CLONE = {"id": "clone-instance", "share_id": "clone"}
SNAPSHOT = {
    "id": "snapshot-instance",
    "snapshot_id": "snapshot",
    "share_id": "instance",
    "share_instance_id": "instance",
    "share": SHARE,
}


@pytest.fixture
def data(backend, tmp_path):
    """The directory that a new share's export location names."""
    exports = backend.create_share(None, SHARE)
    host, _, path = exports[0]["path"].partition(":")
    assert host == "127.0.0.1"
    return tmp_path / path


def test_a_clone_holds_what_the_share_held(backend, data):
    (data / "file").write_text("then")
    backend.create_snapshot(None, SNAPSHOT)
    (data / "file").write_text("now")
    answer = backend.create_share_from_snapshot(None, CLONE, SNAPSHOT, parent_share=SHARE)
    assert answer["status"] == constants.STATUS_AVAILABLE
    clone = data.parents[1] / "clone-instance" / tree.DATA
    assert answer["export_locations"][0]["path"].endswith(str(clone))
    assert (clone / "file").read_text() == "then"
    assert (data / "file").read_text() == "now"


def test_revert_brings_the_files_back(backend, data):
    (data / "file").write_text("then")
    backend.create_snapshot(None, SNAPSHOT)
    (data / "file").unlink()
    backend.revert_to_snapshot(None, SNAPSHOT, [], [])
    assert (data / "file").read_text() == "then"


def test_deletes_are_repeatable(backend, data):
    backend.create_snapshot(None, SNAPSHOT)
    for _ in range(2):
        backend.delete_snapshot(None, SNAPSHOT)
        backend.delete_share(None, SHARE)
    assert not data.exists()
    for kept in backend.root.iterdir():
        assert list(kept.iterdir()) == []


def test_nothing_is_made_from_what_is_not_there(backend):
    with pytest.raises(exception.ShareResourceNotFound):
        backend.create_snapshot(None, SNAPSHOT)
    with pytest.raises(exception.SnapshotResourceNotFound):
        backend.create_share_from_snapshot(None, CLONE, SNAPSHOT)


def test_shrink_refuses_to_lose_data(backend, data):
    backend.extend_share(SHARE, 5)
    backend.shrink_share(SHARE, 1)
    (data / "file").write_bytes(b"x" * 100_000)
    with pytest.raises(exception.ShareShrinkingPossibleDataLoss):
        backend.shrink_share(SHARE, 0)


def test_access_rules_of_unknown_types_end_in_error(backend, data, rule):
    rules = [rule(1, level="ro"), rule(2, "user"), rule(3, "cert"), rule(4, "cephx")]
    answer = backend.update_access(None, SHARE, rules, rules, [], [])
    assert answer == {"4": {"state": "error"}}
    assert [kept["type"] for kept in backend.rules.read("instance")] == ["cert", "ip", "user"]
    assert backend.update_access(None, SHARE, [], [], rules, []) == {}
    assert backend.rules.read("instance") == []


def test_who_is_let_into_cephfs_has_one_key_and_other_rules_end_in_error(
    backend, data, rule, tmp_path
):
    knobs.write(tmp_path / "faults", {"refuse": ["to3"]})
    share = {**SHARE, "share_proto": "CEPHFS"}
    rules = [rule(1, "cephx", "ro"), rule(2, "cephx"), rule(3, "cephx")]
    others = [rule(4), rule(5, "user"), rule(6, "cert")]
    answer = backend.update_access(None, share, rules + others, rules + others, [], [])
    keys = {name: answer.pop(name)["access_key"] for name in ("1", "2")}
    assert answer == {name: {"state": "error"} for name in ("3", "4", "5", "6")}
    assert all(keys.values())
    assert keys["1"] != keys["2"]
    assert backend.rules.read("instance") == [
        {"type": "cephx", "to": "to1", "level": "ro"},
        {"type": "cephx", "to": "to2", "level": "rw"},
    ]
    again = backend.update_access(None, share, rules[:1], [], rules[1:] + others, [])
    assert again == {"1": {"access_key": keys["1"]}}


def test_snapshots_are_read_only(backend, data, rule):
    backend.create_snapshot(None, SNAPSHOT)
    backend.snapshot_update_access(None, SNAPSHOT, [rule(1)], [], [])
    assert [kept["level"] for kept in backend.rules.read("snapshot-instance")] == ["ro"]
    with pytest.raises(exception.InvalidSnapshotAccess):
        backend.snapshot_update_access(None, SNAPSHOT, [rule(1, "cephx")], [], [])


def test_ensure_tells_lost_shares_from_good_ones(backend, data):
    answer = backend.ensure_shares(None, [SHARE, CLONE])
    assert answer["clone-instance"] == {"status": constants.STATUS_ERROR}
    assert answer["instance"]["export_locations"][0]["path"].endswith(str(data))


def test_the_scheduler_is_told_what_it_needs(backend):
    """The keys without which the scheduler fails, and those that the share type asks for."""
    stats = backend.get_share_stats(refresh=True)
    assert {"reserved_snapshot_percentage", "reserved_share_extend_percentage"} <= stats.keys()
    for name in ("snapshot", "create_share_from_snapshot", "revert_to_snapshot", "mount_snapshot"):
        assert stats[f"{name}_support"] is True
    assert stats["pools"] is None


@pytest.mark.parametrize("about", ["share", "instance", "snapshot", "snapshot-instance"])
def test_faults_find_a_snapshot_by_any_id(backend, data, tmp_path, about):
    knobs.write(tmp_path / "faults", {"create_snapshot": {"id": about, "message": "on purpose"}})
    with pytest.raises(exception.ShareBackendException, match="on purpose"):
        backend.create_snapshot(None, SNAPSHOT)
    assert list(backend.snapshots.iterdir()) == []


def test_a_fault_after_the_work_leaves_it_done(backend, data, tmp_path):
    knobs.write(tmp_path / "faults", {"create_snapshot": {"side": "after"}})
    with pytest.raises(exception.ShareBackendException):
        backend.create_snapshot(None, SNAPSHOT)
    assert [path.name for path in backend.snapshots.iterdir()] == ["snapshot-instance"]


def test_the_export_root_must_be_absolute(make_backend):
    with pytest.raises(exception.BadConfigurationException):
        make_backend(sandbox_export_root="relative")
