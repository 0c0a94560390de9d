# SPDX-License-Identifier: Apache-2.0
"""Trees are copied exactly, and are whole or absent under their names."""

import os
import stat
from pathlib import Path

import pytest

from sandbox.manila import tree


@pytest.fixture
def shares(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "shares").mkdir()
    return tmp_path / "shares"


@pytest.fixture
def scratch(shares):
    return shares.parent / "scratch"


@pytest.fixture
def full(shares, scratch):
    """A share with one of everything that a copy could lose."""
    tree.create(shares / "full", scratch)
    data = shares / "full" / tree.DATA
    (data / "deep" / "er").mkdir(parents=True)
    (data / "deep" / "file").write_bytes(os.urandom(100_000))
    (data / "deep" / "file").chmod(0o640)
    (data / "hard").hardlink_to(data / "deep" / "file")
    (data / "dangling").symlink_to("no/where")
    with (data / "sparse").open("wb") as stream:
        stream.seek(20 * 1024 * 1024)
        stream.write(b"end")
    os.mkfifo(data / "fifo")
    os.utime(data / "deep" / "file", ns=(1, 981173106_789000000))
    (data / "deep" / "er").chmod(0o500)
    os.utime(data / "deep", ns=(1, 915148800_000000001))
    data.chmod(0o2775)
    return shares / "full"


def facts(top):
    """Answer what must be equal in a copy, by relative path."""
    found = {}
    inodes = {}
    for path in [top / tree.DATA, *sorted((top / tree.DATA).rglob("*"))]:
        status = path.lstat()
        content = None
        if stat.S_ISREG(status.st_mode):
            content = path.read_bytes()
        elif stat.S_ISLNK(status.st_mode):
            content = path.readlink()
        first = inodes.setdefault(status.st_ino, path.relative_to(top))
        found[path.relative_to(top)] = (
            status.st_mode,
            status.st_uid,
            status.st_gid,
            status.st_mtime_ns,
            content,
            first,
        )
    return found


def test_copy_is_exact(full, shares, scratch):
    before = facts(full)
    tree.copy(full, shares / "copy", scratch)
    assert facts(shares / "copy") == before
    assert facts(full) == before
    sparse = (shares / "copy" / tree.DATA / "sparse").stat()
    assert sparse.st_size == 20 * 1024 * 1024 + 3
    assert sparse.st_blocks * 512 < 1024 * 1024
    assert list(scratch.iterdir()) == []


def test_copy_keeps_what_is_there(full, shares, scratch):
    tree.copy(full, shares / "copy", scratch)
    (full / tree.DATA / "hard").write_bytes(b"changed")
    before = facts(shares / "copy")
    tree.copy(full, shares / "copy", scratch)
    assert facts(shares / "copy") == before


def test_copies_do_not_share_bytes(full, shares, scratch):
    before = facts(full)
    tree.copy(full, shares / "copy", scratch)
    (shares / "copy" / tree.DATA / "deep" / "file").write_bytes(b"changed")
    assert facts(full) == before


def test_failed_copy_leaves_nothing(shares, scratch):
    with pytest.raises(tree.CopyFailed, match="absent"):
        tree.copy(shares / "absent", shares / "copy", scratch)
    assert list(shares.iterdir()) == []
    assert list(scratch.iterdir()) == []


def test_create_is_repeatable(shares, scratch):
    tree.create(shares / "one", scratch)
    (shares / "one" / tree.DATA / "file").write_text("kept")
    tree.create(shares / "one", scratch)
    assert (shares / "one" / tree.DATA / "file").read_text() == "kept"
    assert list(scratch.iterdir()) == []


def test_replace_reverts(full, shares, scratch):
    before = facts(full)
    tree.copy(full, shares / "snapshot", scratch)
    (full / tree.DATA / "hard").unlink()
    (full / tree.DATA / "new").write_text("later")
    tree.replace(full, shares / "snapshot", scratch)
    assert facts(full) == before
    assert facts(shares / "snapshot") == before
    assert list(scratch.iterdir()) == []


def test_failed_replace_leaves_the_target(full, shares, scratch):
    before = facts(full)
    with pytest.raises(tree.CopyFailed):
        tree.replace(full, shares / "absent", scratch)
    assert facts(full) == before
    assert list(scratch.iterdir()) == []


def test_replace_needs_a_target(full, shares, scratch):
    with pytest.raises(FileNotFoundError):
        tree.replace(shares / "absent", full, scratch)
    assert not (shares / "absent").exists()


class Killed(BaseException):
    """Stands for the end of the process: no handler of the code under test may mend it."""


@pytest.mark.parametrize("survived", range(6))
def test_replace_survives_a_kill_after_every_step(full, shares, scratch, monkeypatch, survived):
    """Whatever step was the last, the share is the old one or the new one after recovery."""
    old = facts(full)
    tree.copy(full, shares / "snapshot", scratch)
    (full / tree.DATA / "hard").unlink()
    changed = facts(full)
    left = [survived]

    def dying(step):
        def wrapped(*args, **kwargs):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return step(*args, **kwargs)

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(tree, "_copy_data", dying(tree._copy_data))
        patch.setattr(tree, "_sync_tree", dying(lambda top: None))
        patch.setattr(Path, "rename", dying(Path.rename))
        patch.setattr(tree, "_sync", dying(tree._sync))
        patch.setattr(tree, "_rmtree", dying(tree._rmtree))
        with pytest.raises(Killed):
            tree.replace(full, shares / "snapshot", scratch)
    tree.recover(shares, scratch)
    assert facts(full) in (old, changed)
    assert facts(shares / "snapshot") == old
    assert list(scratch.iterdir()) == []


def test_remove_is_repeatable(full, shares, scratch):
    tree.remove(full, scratch)
    tree.remove(full, scratch)
    assert list(shares.iterdir()) == []
    assert list(scratch.iterdir()) == []


def test_used_bytes_counts_blocks_once(shares, scratch):
    tree.create(shares / "one", scratch)
    data = shares / "one" / tree.DATA
    empty = tree.used_bytes(shares / "one")
    with (data / "file").open("wb") as stream:
        stream.write(b"x" * 1_000_000)
        os.fsync(stream.fileno())
    (data / "again").hardlink_to(data / "file")
    os.truncate(data / "file", 10_000_000)
    assert 1_000_000 <= tree.used_bytes(shares / "one") - empty < 1_100_000


def test_recover_empties_scratch(full, shares, scratch):
    (scratch / "full.abc").mkdir()
    (scratch / "full.abc" / tree.DATA).mkdir()
    before = facts(full)
    tree.recover(shares, scratch)
    assert facts(full) == before
    assert list(scratch.iterdir()) == []
