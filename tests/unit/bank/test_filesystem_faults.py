# SPDX-License-Identifier: Apache-2.0
"""Our file-system bank on disks that fail, and in folders that are gone, or not mounted."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception

from tests.unit.bank.filesystem_stage import ours, staging
from tests.unit.banks import stored

GET, UPDATE = karbor_exception.BankGetObjectFailed, karbor_exception.BankUpdateObjectFailed
LIST, DELETE = karbor_exception.BankListObjectsFailed, karbor_exception.BankDeleteObjectFailed


def failing(error: int, real: Callable[..., Any], when: Callable[..., bool]) -> Callable[..., Any]:
    """The function, that fails when told to."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if when(*args):
            raise OSError(error, os.strerror(error))
        return real(*args, **kwargs)

    return call


def path_of(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


# Disks that fail


def test_a_value_is_on_disk_before_it_has_its_name_and_the_names_follow(
    bank, tmp_path, monkeypatch
):
    done = []
    real, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: done.append(path_of(fd)) or real(fd))
    monkeypatch.setattr(Path, "replace", lambda *paths: done.append("named") or replace(*paths))
    bank.update_object("/a/b/c", 1)
    container = str(tmp_path / "karbor")
    draft = done.pop(0)
    assert Path(draft).parent == staging(tmp_path)
    assert done == [container, f"{container}/a", "named", f"{container}/a/b"]
    done.clear()
    bank.delete_object("/a/b/c")
    assert done == [f"{container}/a/b"]


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("where", ["write", "fsync", "replace", "mkdir"])
def test_a_write_that_fails_leaves_the_old_value_and_nothing_else(
    bank, tmp_path, monkeypatch, where, error
):
    bank.update_object("/a", "old")
    with monkeypatch.context() as patch:
        if where == "replace":
            patch.setattr(Path, "replace", failing(error, Path.replace, lambda *_: True))
        elif where == "mkdir":
            new = stored(tmp_path, "/new")
            patch.setattr(Path, "mkdir", failing(error, Path.mkdir, lambda path, *_: path == new))
        else:
            drafts = failing(error, os.fsync, lambda fd: str(staging(tmp_path)) in path_of(fd))
            patch.setattr(os, "fsync", drafts)
        for key in ("/new/b",) if where == "mkdir" else ("/a", "/new/b"):
            with pytest.raises(UPDATE, match=os.strerror(error)):
                bank.update_object(key, "new")
    assert bank.get_object("/a") == "old"
    assert bank.list_objects() == ["/a"]
    assert list(staging(tmp_path).iterdir()) == []
    assert not stored(tmp_path, "/new").exists()
    bank.update_object("/new/b", "new")
    assert bank.get_object("/new/b") == "new"


def test_a_folder_that_cannot_be_synced_is_told(bank, tmp_path, monkeypatch):
    folder = str(stored(tmp_path, "/a"))
    bank.update_object("/a/b", "old")
    monkeypatch.setattr(os, "fsync", failing(errno.EIO, os.fsync, lambda fd: path_of(fd) == folder))
    with pytest.raises(UPDATE, match=os.strerror(errno.EIO)):
        bank.update_object("/a/b", "new")
    assert bank.get_object("/a/b") in {"old", "new"}
    with pytest.raises(DELETE, match=os.strerror(errno.EIO)):
        bank.delete_object("/a/b")


def test_a_file_system_without_fsync_for_folders_will_do(bank, monkeypatch):
    folders = failing(errno.EINVAL, os.fsync, lambda fd: Path(path_of(fd)).is_dir())
    monkeypatch.setattr(os, "fsync", folders)
    bank.update_object("/a/b", "new")
    assert bank.get_object("/a/b") == "new"


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_list_that_cannot_be_complete_is_an_error(bank, tmp_path, monkeypatch, error):
    for key in ("/a/1", "/b/2", "/c/3"):
        bank.update_object(key, 1)
    broken = stored(tmp_path, "/b")
    monkeypatch.setattr(os, "scandir", failing(error, os.scandir, lambda path: path == broken))
    with pytest.raises(LIST, match=os.strerror(error)):
        bank.list_objects()
    with pytest.raises(LIST, match=os.strerror(error)):
        bank.list_objects("/b/")
    assert bank.list_objects("/c/") == ["/c/3"]


def test_no_error_tells_where_the_bank_is(bank, tmp_path, monkeypatch):
    bank.update_object("/a/b", 1)
    for name in ("stat", "unlink", "replace"):
        real = getattr(Path, name)
        inside = failing(errno.EIO, real, lambda path, *_: tmp_path in path.parents)
        monkeypatch.setattr(Path, name, inside)
    for error, call in (
        (LIST, lambda: bank.list_objects("/a/")),
        (GET, lambda: bank.get_object("/a/b")),
        (UPDATE, lambda: bank.update_object("/a/b", 2)),
        (DELETE, lambda: bank.delete_object("/a/b")),
    ):
        with pytest.raises(error) as raised:
            call()
        assert str(tmp_path) not in str(raised.value)


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO])
def test_an_object_that_cannot_be_read_is_not_taken_for_absent(bank, monkeypatch, error):
    bank.update_object("/a", 1)
    monkeypatch.setattr(Path, "read_bytes", failing(error, Path.read_bytes, lambda *_: True))
    with pytest.raises(GET, match=os.strerror(error)):
        bank.get_object("/a")


def test_an_object_that_another_host_replaces_is_read_again(bank, monkeypatch):
    bank.update_object("/a", "new")
    stale = [True, True, False]
    monkeypatch.setattr(
        Path, "read_bytes", failing(errno.ESTALE, Path.read_bytes, lambda *_: stale.pop(0))
    )
    assert bank.get_object("/a") == "new"


@pytest.mark.parametrize("error", [errno.EXDEV, errno.EACCES, errno.EROFS])
def test_a_container_that_is_a_file_system_of_its_own_has_its_staging_inside(
    tmp_path, monkeypatch, error
):
    monkeypatch.setattr(Path, "rename", failing(error, Path.rename, lambda *_: True))
    bank = ours(tmp_path)
    bank.update_object("/a/b", 1)
    assert bank.get_object("/a/b") == 1
    assert bank.list_objects() == ["/a/b"]
    assert stored(tmp_path, "~karbor-manila").is_dir()
    assert list(staging(tmp_path).iterdir()) == []


# A bank that is not there


def everything_fails(bank: Any, match: str) -> None:
    for error, call in (
        (LIST, bank.list_objects),
        (LIST, lambda: bank.list_objects("/a/")),
        (GET, lambda: bank.get_object("/a/b")),
        (UPDATE, lambda: bank.update_object("/a/b", "new")),
        (UPDATE, lambda: bank.update_object("/c", "new")),
        (DELETE, lambda: bank.delete_object("/a/b")),
    ):
        with pytest.raises(error, match=match):
            call()


@pytest.mark.parametrize("gone", [".", "karbor"])
def test_a_folder_that_is_gone_is_an_error_and_is_not_made_again(tmp_path, gone):
    root = tmp_path / "bank"
    bank = ours(root)
    bank.update_object("/a/b", "old")
    (root / gone).rename(tmp_path / "away")
    everything_fails(bank, "No such file")
    assert not (root / "karbor").exists()
    (tmp_path / "away").rename(root / gone)
    assert bank.get_object("/a/b") == "old"


def test_the_empty_folder_under_a_lost_mount_is_not_the_bank(tmp_path, monkeypatch):
    mounted = {tmp_path}
    monkeypatch.setattr(Path, "is_mount", lambda path: path in mounted)
    bank = ours(tmp_path)
    bank.update_object("/a/b", "old")
    mounted.clear()
    shutil.move(stored(tmp_path, "/a"), tmp_path / "away")
    everything_fails(bank, "its file system is not mounted any more")
    mounted.add(tmp_path)
    assert bank.list_objects() == []


def test_a_list_during_which_the_folder_goes_is_an_error(bank, tmp_path, monkeypatch):
    for number in range(5):
        bank.update_object(f"/a/{number}/b", 1)
    scandir = os.scandir

    def go(path: Path) -> Any:
        if path.name == "2":
            stored(tmp_path, "").rename(tmp_path / "away")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", go)
    with pytest.raises(LIST):
        bank.list_objects()


def test_a_bank_that_was_not_there_at_start_says_so_and_is_used_when_it_comes(tmp_path, caplog):
    root = tmp_path / "bank"
    root.write_text("no folder")
    bank = ours(root)
    assert "is not at hand" in caplog.text
    assert bank.get_owner_id()
    everything_fails(bank, "Not a directory|no such object")
    root.unlink()
    everything_fails(bank, "No such file")
    stored(root, "").mkdir(parents=True)
    bank.update_object("/a/b", 1)
    assert bank.list_objects() == ["/a/b"]


# A bank that is mounted after the start


@pytest.fixture
def mount():
    """Mounts memory over a folder, where that is allowed."""
    mounted = []

    def mount(folder):
        command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, check=False).returncode:
            pytest.skip("nothing can be mounted here")
        mounted.append(folder)

    yield mount
    for folder in reversed(mounted):
        subprocess.run(["umount", "-l", str(folder)], check=False, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("place", [".", "karbor"])
def test_a_bank_that_is_mounted_after_the_start_is_used_and_missed_when_it_goes(
    tmp_path, mount, place
):
    bank = ours(tmp_path)
    bank.update_object("/under", "the mount")
    mount(tmp_path / place)
    (tmp_path / "karbor").mkdir(exist_ok=True)
    with pytest.raises(karbor_exception.BankGetObjectFailed):
        bank.get_object("/under")
    bank.update_object("/in", "the bank")
    assert bank.list_objects("/") == ["/in"]
    subprocess.run(["umount", "-l", str(tmp_path / place)], check=True)
    for ask in (bank.list_objects, lambda: bank.get_object("/under")):
        with pytest.raises(karbor_exception.KarborException):
            ask()
    with pytest.raises(karbor_exception.BankUpdateObjectFailed):
        bank.update_object("/in", "the folder under the mount")
