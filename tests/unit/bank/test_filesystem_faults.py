# SPDX-License-Identifier: Apache-2.0
"""Our file-system bank under kills, failing disks, lost mounts and others at work in its folder."""

import contextlib
import errno
import itertools
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception

from karbor_manila.bank.filesystem.plugin import FileSystemBankPlugin
from tests.unit.banks import open_bank, stored

GET, UPDATE = karbor_exception.BankGetObjectFailed, karbor_exception.BankUpdateObjectFailed
LIST, DELETE = karbor_exception.BankListObjectsFailed, karbor_exception.BankDeleteObjectFailed

SHM = Path("/dev/shm")  # noqa: S108 - the one file system that loses names from lists


def ours(folder: Path) -> Any:
    return open_bank(folder, FileSystemBankPlugin)


def desk(folder: Path) -> Path:
    return folder / ".karbor.karbor-manila"


@pytest.fixture
def bank(tmp_path):
    return ours(tmp_path)


@contextlib.contextmanager
def child(work: Callable[[int], None]) -> Iterator[int]:
    """A process that does this work with 0, 1, 2 and so on until it is killed."""
    ready, tell = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            for turn in itertools.takewhile(lambda _: os.getppid() == parent, itertools.count()):
                work(turn)
                if turn == 0:
                    os.write(tell, b"x")
        finally:
            os._exit(1)  # not by way of pytest
    try:
        os.close(tell)
        assert os.read(ready, 1), "the child could not work"
        yield pid
    finally:
        os.close(ready)
        os.kill(pid, signal.SIGKILL)
        _pid, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), "the child failed by itself"


def failing(error: int, real: Callable[..., Any], when: Callable[..., bool]) -> Callable[..., Any]:
    """The function, that fails when told to."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if when(*args):
            raise OSError(error, os.strerror(error))
        return real(*args, **kwargs)

    return call


def path_of(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


# Kills


def test_a_killed_writer_leaves_the_old_value_or_the_new_one(tmp_path, bank):
    key = "/checkpoints/1/index.json"
    values = [{"turn": turn, "filling": [turn] * 5000} for turn in range(10)]
    dice = random.Random(1)
    for _kill in range(60):
        with child(lambda turn: bank.update_object(key, values[turn % 10])):
            until = time.monotonic() + dice.uniform(0, 0.03)
            while time.monotonic() < until:
                assert bank.get_object(key) in values
        assert bank.get_object(key) in values
        assert bank.list_objects() == [key]
    for left in desk(tmp_path).iterdir():
        os.utime(left, (0, 0))
    ours(tmp_path)
    assert list(desk(tmp_path).iterdir()) == []


def test_a_killed_deletion_leaves_objects_that_can_be_listed_read_and_written(bank):
    keys = [f"/a/{number}/b/c" for number in range(5)]

    def work(turn: int) -> None:
        key = keys[turn % 5]
        bank.update_object(key, turn)
        bank.delete_object(key)

    dice = random.Random(2)
    for _kill in range(40):
        with child(work):
            time.sleep(dice.uniform(0, 0.01))
        for key in bank.list_objects("/a/"):
            assert isinstance(bank.get_object(key), int)
            bank.delete_object(key)
        assert bank.list_objects() == []


def test_drafts_of_the_living_are_left_alone(tmp_path, bank):
    bank.update_object("/a", 1)
    old, young = desk(tmp_path) / "old", desk(tmp_path) / "young"
    for path, age in ((old, 2 * 24 * 3600), (young, 3600)):
        path.write_text("half")
        os.utime(path, (time.time() - age,) * 2)
    (desk(tmp_path) / "folder").mkdir()
    ours(tmp_path)
    assert not old.exists()
    assert young.exists()


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
    assert Path(draft).parent == desk(tmp_path)
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
            drafts = failing(error, os.fsync, lambda fd: str(desk(tmp_path)) in path_of(fd))
            patch.setattr(os, "fsync", drafts)
        for key in ("/new/b",) if where == "mkdir" else ("/a", "/new/b"):
            with pytest.raises(UPDATE, match=os.strerror(error)):
                bank.update_object(key, "new")
    assert bank.get_object("/a") == "old"
    assert bank.list_objects() == ["/a"]
    assert list(desk(tmp_path).iterdir()) == []
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
def test_a_container_that_is_a_file_system_of_its_own_has_its_desk_inside(
    tmp_path, monkeypatch, error
):
    monkeypatch.setattr(Path, "rename", failing(error, Path.rename, lambda *_: True))
    bank = ours(tmp_path)
    bank.update_object("/a/b", 1)
    assert bank.get_object("/a/b") == 1
    assert bank.list_objects() == ["/a/b"]
    assert stored(tmp_path, "~karbor-manila").is_dir()
    assert list(desk(tmp_path).iterdir()) == []


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


# Others at work


def test_a_write_whose_folder_is_taken_away_makes_it_again(bank, tmp_path, monkeypatch):
    replace = Path.replace
    turns = []

    def take_away(path: Path, target: Path) -> Any:
        turns.append(target)
        if len(turns) < 4:
            shutil.rmtree(stored(tmp_path, "/a"))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", take_away)
    bank.update_object("/a/b/c", 1)
    assert bank.get_object("/a/b/c") == 1
    assert len(turns) == 4


def test_writes_and_deletions_in_one_folder_do_not_disturb_each_other(bank, tmp_path):
    """Processes and threads; each object is one worker's own, the folders are everybody's."""

    def work(worker: str, turn: int) -> None:
        key = f"/a/b/{turn % 2}/{worker}"
        bank.update_object(key, turn)
        assert bank.get_object(key) == turn
        assert key in bank.list_objects("/a/b/")
        bank.delete_object(key)
        assert key not in bank.list_objects("/a/")

    def thread(worker: str) -> None:
        for turn in range(150):
            work(worker, turn)

    with (
        child(lambda turn: work("child-1", turn)),
        child(lambda turn: work("child-2", turn)),
        ThreadPoolExecutor(3) as pool,
    ):
        list(pool.map(thread, ["t-1", "t-2", "t-3"]))
    for key in bank.list_objects():
        bank.delete_object(key)
    # A kill may leave an empty folder; it is no object and in nobody's way.
    assert [path for path in stored(tmp_path, "").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("place", ["tmp", "shm"])
def test_a_list_misses_nothing_that_is_replaced_meanwhile(tmp_path, place):
    if place == "shm" and not os.access(SHM, os.W_OK):
        pytest.skip("no /dev/shm")
    folder = tmp_path if place == "tmp" else SHM / f"karbor-manila-test-{os.getpid()}"
    try:
        bank = ours(folder)
        keys = sorted(f"/indices/{number}" for number in range(1000))
        for key in keys:
            stored(folder, key).parent.mkdir(exist_ok=True)
            stored(folder, key).write_text("1")

        def replace(turn: int) -> None:
            draft = folder / "draft"
            draft.write_text("1")
            draft.replace(stored(folder, keys[turn % 1000]))

        with child(replace):
            for _turn in range(30):
                assert bank.list_objects("/indices/") == keys
    finally:
        if place == "shm":
            shutil.rmtree(folder)


def test_a_list_that_was_disturbed_is_made_again(bank, monkeypatch):
    for key in ("/a/1", "/a/2"):
        bank.update_object(key, 1)
    scandir, turns = os.scandir, []

    @contextlib.contextmanager
    def forgetful(path: Path) -> Iterator[Any]:
        turns.append(path)
        with scandir(path) as entries:
            found = list(entries)
        if len(turns) == 1:
            found = [entry for entry in found if entry.name != "2"]
            bank.update_object("/a/2", 2)
        yield found

    monkeypatch.setattr(os, "scandir", forgetful)
    assert bank.list_objects("/a/") == ["/a/1", "/a/2"]
    assert len(turns) == 2


def test_readers_in_threads_see_whole_values_while_others_write(bank):
    values = ["a" * 100_000, "b" * 100_000]
    bank.update_object("/a", values[0])
    over = threading.Event()

    def write() -> None:
        for turn in range(200):
            bank.update_object("/a", values[turn % 2])
        over.set()

    with ThreadPoolExecutor(2) as pool:
        job = pool.submit(write)
        while not over.is_set() and not job.done():
            assert bank.get_object("/a") in values
        job.result()


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
