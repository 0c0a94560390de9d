# SPDX-License-Identifier: Apache-2.0
"""Our file-system bank under kills, and with other processes and threads at work in its folder."""

import contextlib
import itertools
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from karbor_manila.bank.filesystem import staging as bank_staging
from tests.unit.bank.filesystem_stage import ours, staging
from tests.unit.banks import stored

SHM = Path("/dev/shm")  # noqa: S108 - the one file system that loses names from lists


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


# Kills


def test_a_killed_writer_leaves_the_old_value_or_the_new_one(tmp_path, bank):
    key = "/checkpoints/1/index.json"
    values = [{"turn": turn, "filling": [turn] * 5000} for turn in range(10)]
    dice = random.Random(1)
    for _kill in range(60):
        with child(lambda turn: bank.update_object(key, values[turn % 10])):
            for _look in range(dice.randrange(20)):
                assert bank.get_object(key) in values
        assert bank.get_object(key) in values
        assert bank.list_objects() == [key]
    for left in staging(tmp_path).iterdir():
        os.utime(left, (0, 0))
    ours(tmp_path)
    assert list(staging(tmp_path).iterdir()) == []


def test_a_killed_deletion_leaves_objects_that_can_be_listed_read_and_written(tmp_path, bank):
    keys = [f"/a/{number}/b/c" for number in range(5)]

    def work(turn: int) -> None:
        key = keys[turn % 5]
        bank.update_object(key, turn)
        bank.delete_object(key)

    dice = random.Random(2)
    for _kill in range(40):
        with child(work):
            for _look in range(dice.randrange(300)):  # some time, up to several deletions
                stored(tmp_path, keys[0]).exists()
        for key in bank.list_objects("/a/"):
            assert isinstance(bank.get_object(key), int)
            bank.delete_object(key)
        assert bank.list_objects() == []


def test_staged_files_of_the_living_are_left_alone(tmp_path, bank, monkeypatch):
    now = 1_800_000_000
    monkeypatch.setattr(bank_staging, "time", SimpleNamespace(time=lambda: now))
    bank.update_object("/a", 1)
    old, young = staging(tmp_path) / "old", staging(tmp_path) / "young"
    for path, age in ((old, 2 * 24 * 3600), (young, 3600)):
        path.write_text("half")
        os.utime(path, (now - age,) * 2)
    (staging(tmp_path) / "folder").mkdir()
    ours(tmp_path)
    assert not old.exists()
    assert young.exists()


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
    # A kill may leave an empty folder; it is no object and in no one's way.
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
