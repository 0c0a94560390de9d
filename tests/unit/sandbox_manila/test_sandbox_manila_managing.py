# SPDX-License-Identifier: Apache-2.0
"""Shares and snapshots that are given up and taken back; what is told of them. Needs Manila."""

import pytest

exception = pytest.importorskip("manila.exception")
pytest.importorskip("sandbox.manila.driver")

from sandbox.manila import tree  # noqa: E402

SHARE = {"id": "instance", "share_id": "share", "share_proto": "NFS"}
SNAPSHOT = {
    "id": "moment-instance",
    "snapshot_id": "moment",
    "share_id": "instance",
    "share_instance_id": "instance",
}


@pytest.fixture
def location(backend):
    """The export location of a share with a file in it."""
    (found,) = backend.create_share(None, SHARE)
    (backend.shares / "instance" / tree.DATA / "file").write_text("then")
    return found["path"]


@pytest.mark.parametrize("by_server", [False, True])
def test_a_share_is_taken_by_its_export_location(backend, location, rule, by_server):
    backend.update_access(None, SHARE, [rule(1)], [rule(1)], [], [])
    assert backend.rules.read("instance")
    again = {"id": "again", "share_id": "s", "export_location": location}
    if by_server:
        backend.unmanage_with_server(SHARE)
        taken = backend.manage_existing_with_server(again, {})
    else:
        backend.unmanage(SHARE)
        taken = backend.manage_existing(again, {})
    assert backend.rules.read("instance") == []
    assert taken["size"] == 1
    path = taken["export_locations"][0]["path"].partition(":")[2]
    assert path == str(backend.shares / "again" / tree.DATA)
    assert (backend.shares / "again" / tree.DATA / "file").read_text() == "then"


@pytest.mark.parametrize("by_server", [False, True])
def test_a_snapshot_is_taken_by_its_provider_location(backend, location, by_server):
    made = backend.create_snapshot(None, SNAPSHOT)
    again = {"id": "again", "provider_location": made["provider_location"]}
    if by_server:
        backend.unmanage_snapshot_with_server(SNAPSHOT)
        taken = backend.manage_existing_snapshot_with_server(again, {})
    else:
        backend.unmanage_snapshot(SNAPSHOT)
        taken = backend.manage_existing_snapshot(again, {})
    assert taken["provider_location"] == str(backend.snapshots / "again")
    backend.create_share_from_snapshot(None, {"id": "copy", "share_id": "c"}, again)
    assert (backend.shares / "copy" / tree.DATA / "file").read_text() == "then"


def test_what_is_not_ours_is_not_taken(backend, location, tmp_path):
    tree.create(tmp_path / "elsewhere", backend.scratch)
    elsewhere = tmp_path / "elsewhere" / tree.DATA
    for path in (f"127.0.0.1:{elsewhere}", "127.0.0.1:/", "", None):
        share = {"id": "again", "share_id": "s", "export_location": path}
        with pytest.raises(exception.ManageInvalidShare):
            backend.manage_existing(share, {})
    for path in (str(elsewhere.parent), str(backend.shares / "instance"), None):
        with pytest.raises(exception.ManageInvalidShareSnapshot):
            backend.manage_existing_snapshot({"id": "again", "provider_location": path}, {})


def test_usage_is_what_the_files_occupy(backend, location):
    (backend.shares / "instance" / tree.DATA / "file").write_bytes(b"x" * 1_000_000)
    gone = {"id": "gone", "share_id": "g"}
    (told,) = backend.update_share_usage_size(None, [SHARE, gone])
    assert told["id"] == "instance"
    assert 1_000_000 <= told["used_size"] * 1024**3 < 1_100_000
    assert backend.update_share_usage_size(None, None) == []


def test_hooks_are_told_the_directories(backend, location):
    (told,) = backend.get_periodic_hook_data(None, [SHARE])
    assert f"127.0.0.1:{told['directory']}" == location


def test_the_status_is_that_of_the_files(backend, location):
    assert backend.get_share_status(SHARE)["status"] == "available"
    assert backend.get_share_status({"id": "gone", "share_id": "g"}) == {"status": "error"}
