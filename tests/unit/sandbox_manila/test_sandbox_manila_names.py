# SPDX-License-Identifier: Apache-2.0
"""Shares that are mounted under a name; needs Manila."""

from pathlib import Path

import pytest

exception = pytest.importorskip("manila.exception")
pytest.importorskip("sandbox.manila.driver")

from sandbox.manila import tree  # noqa: E402

SHARE = {"id": "instance", "share_id": "share", "mount_point_name": "home"}
SNAPSHOT = {
    "id": "moment-instance",
    "snapshot_id": "moment",
    "share_id": "instance",
    "share_instance_id": "instance",
}


def mounted(exports):
    (location,) = exports
    return Path(location["path"].partition(":")[2])


def test_a_share_is_mounted_by_its_name(backend):
    folder = mounted(backend.create_share(None, SHARE))
    assert folder == backend.mounts / "home"
    (folder / "file").write_text("then")
    assert (backend.shares / "instance" / tree.DATA / "file").read_text() == "then"
    backend.create_snapshot(None, SNAPSHOT)
    (folder / "file").unlink()
    backend.revert_to_snapshot(None, SNAPSHOT, [], [])
    assert (folder / "file").read_text() == "then"
    told = backend.ensure_shares(None, [SHARE])
    assert mounted(told["instance"]["export_locations"]) == folder


def test_a_name_is_free_again_after_its_share(backend):
    mounted(backend.create_share(None, SHARE))
    backend.delete_share(None, SHARE)
    assert list(backend.mounts.iterdir()) == []
    again = {**SHARE, "id": "again"}
    folder = mounted(backend.create_share(None, again))
    backend.delete_share(None, SHARE)  # of the first one once more: the name is not its own now
    assert folder.resolve() == backend.shares / "again" / tree.DATA


def test_a_name_is_one_share_s(backend):
    folder = mounted(backend.create_share(None, SHARE))
    with pytest.raises(exception.ShareBackendException, match="under home"):
        backend.create_share(None, {**SHARE, "id": "second"})
    assert folder.resolve() == backend.shares / "instance" / tree.DATA
    tree.remove(backend.shares / "instance", backend.scratch)
    assert mounted(backend.create_share(None, {**SHARE, "id": "second"})) == folder
    assert folder.resolve() == backend.shares / "second" / tree.DATA
