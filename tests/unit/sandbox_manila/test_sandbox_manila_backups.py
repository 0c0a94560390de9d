# SPDX-License-Identifier: Apache-2.0
"""Backups as Manila's share manager and data service ask for them; needs Manila."""

import pytest

exception = pytest.importorskip("manila.exception")
pytest.importorskip("sandbox.manila.driver")

from sandbox.manila import knobs, tree  # noqa: E402
from sandbox.manila.backend import data as data_service  # noqa: E402

SHARE = {"id": "instance", "share_id": "share"}
OTHER = {"id": "other-instance", "share_id": "other"}
BACKUP = {"id": "backup", "share_id": "share", "backup_type": "directories"}

CONTINUE = ("create_backup_continue", "restore_backup_continue")
FIRST = ("create_backup", "restore_backup")


@pytest.fixture
def data(backend):
    """The folder of a share with one file."""
    backend.create_share(None, SHARE)
    folder = backend.shares / "instance" / tree.DATA
    (folder / "file").write_text("then")
    return folder


def looks(backend, method, *about):
    """What Manila is told until the end."""
    told = []
    while "100" not in told:
        told.append(getattr(backend, method)(None, *about)["total_progress"])
    return told


def test_a_backup_survives_its_share(backend, data):
    backend.create_backup(None, SHARE, BACKUP)
    assert looks(backend, "create_backup_continue", SHARE, BACKUP) == ["100"]
    backend.delete_share(None, SHARE)
    backend.create_share(None, OTHER)
    assert backend.restore_to_target_support
    backend.restore_backup(None, BACKUP, OTHER)
    assert looks(backend, "restore_backup_continue", BACKUP, OTHER) == ["100"]
    restored = backend.shares / "other-instance" / tree.DATA / "file"
    assert restored.read_text() == "then"


def test_a_restore_in_place_brings_the_files_back(backend, data):
    backend.create_backup(None, SHARE, BACKUP)
    (data / "file").unlink()
    backend.restore_backup(None, BACKUP, SHARE)
    assert (data / "file").read_text() == "then"
    backend.delete_backup(None, BACKUP, SHARE)
    backend.delete_backup(None, BACKUP, SHARE)
    assert list(backend.backups.iterdir()) == []
    assert (data / "file").read_text() == "then"


def test_progress_is_shown_in_the_steps_asked_for(backend, data, tmp_path):
    three = [{"steps": 3, "id": "backup"}, {"steps": 2}, {"steps": 9, "id": "another"}]
    knobs.write(tmp_path / "delays", dict.fromkeys(CONTINUE, three))
    backend.create_backup(None, SHARE, BACKUP)
    assert looks(backend, "create_backup_continue", SHARE, BACKUP) == ["33", "66", "100"]
    backend.restore_backup(None, BACKUP, SHARE)
    assert looks(backend, "restore_backup_continue", BACKUP, SHARE) == ["33", "66", "100"]
    assert list(backend.restored.iterdir()) == []


def test_what_has_not_begun_is_not_at_its_end(backend, data):
    """Manila looks at whatever is in work, also before the first call has come."""
    look = backend.create_backup_continue(None, SHARE, BACKUP)
    assert look == {"total_progress": "0"}
    backend.create_backup(None, SHARE, BACKUP)
    look = backend.restore_backup_continue(None, BACKUP, SHARE)
    assert look == {"total_progress": "0"}
    assert looks(backend, "create_backup_continue", SHARE, BACKUP) == ["100"]


@pytest.mark.parametrize("about", ["backup", "share", "instance"])
def test_what_fails_at_first_is_told_at_the_next_look(backend, data, tmp_path, about):
    knobs.write(tmp_path / "faults", {kind: {"id": about} for kind in FIRST})
    with pytest.raises(exception.ShareBackendException):
        backend.create_backup(None, SHARE, BACKUP)
    with pytest.raises(exception.BackupException):
        backend.create_backup_continue(None, SHARE, BACKUP)
    with pytest.raises(exception.ShareBackendException):
        backend.restore_backup(None, BACKUP, SHARE)
    backend.delete_backup(None, BACKUP, SHARE)
    assert backend.create_backup_continue(None, SHARE, BACKUP) == {"total_progress": "0"}


def test_other_types_and_lost_things_are_refused(backend, data):
    with pytest.raises(exception.BackupException, match="tape"):
        backend.create_backup(None, SHARE, {**BACKUP, "backup_type": "tape"})
    with pytest.raises(exception.ShareResourceNotFound):
        backend.create_backup(None, OTHER, BACKUP)
    with pytest.raises(exception.ShareBackupNotFound):
        backend.restore_backup(None, BACKUP, SHARE)
    backend.create_backup(None, SHARE, BACKUP)
    with pytest.raises(exception.ShareResourceNotFound):
        backend.restore_backup(None, BACKUP, OTHER)


@pytest.fixture
def service(tmp_path, backend, monkeypatch):
    """The data service's driver; shares are those of the backend."""
    conf = data_service.CONF
    conf.set_override("sandbox_backup_root", str(tmp_path / "of the service"))
    conf.set_override("sandbox_faults_file", str(tmp_path / "faults"))

    def instance(_context, number):
        folder = backend.shares / number / tree.DATA
        return {"export_locations": [{"path": f"127.0.0.1:{folder}"}]}

    monkeypatch.setattr(data_service.db, "share_instance_get", instance)
    yield data_service.DirectoryBackupDriver()
    conf.clear_override("sandbox_backup_root")
    conf.clear_override("sandbox_faults_file")


def as_share(instance):
    return {"id": instance["share_id"], "instance": instance}


def test_the_data_service_keeps_a_share_and_gives_it_back(backend, service, data):
    backend.create_share(None, OTHER)
    service.backup(None, BACKUP, as_share(SHARE))
    assert service.get_backup_progress(None, BACKUP, as_share(SHARE)) == "0"
    (data / "file").unlink()
    service.restore(None, BACKUP, as_share(SHARE))
    service.restore(None, BACKUP, as_share(OTHER))
    assert (data / "file").read_text() == "then"
    assert (backend.shares / "other-instance" / tree.DATA / "file").read_text() == "then"
    assert service.get_restore_progress(None, BACKUP, as_share(OTHER)) == "0"
    service.delete(None, BACKUP)
    service.delete(None, BACKUP)
    with pytest.raises(exception.ShareBackupNotFound):
        service.restore(None, BACKUP, as_share(SHARE))


def test_the_data_service_fails_when_asked_to(service, data, tmp_path):
    knobs.write(tmp_path / "faults", {"data_backup": {"id": "share"}, "data_delete": True})
    with pytest.raises(exception.ShareBackendException):
        service.backup(None, BACKUP, as_share(SHARE))
    with pytest.raises(exception.BackupException):
        service.get_backup_progress(None, BACKUP, as_share(SHARE))
    with pytest.raises(exception.ShareBackendException):
        service.delete(None, BACKUP)


def test_progress_counts_the_bytes_that_are_there(service, data):
    (data / "file").write_bytes(b"x" * 100_000)
    half = service.scratch / "backup.abc" / tree.DATA
    half.mkdir(parents=True)
    (half / "file").write_bytes(b"x" * 50_000)
    percent = int(service.get_backup_progress(None, BACKUP, as_share(SHARE)))
    assert 20 < percent < 80
