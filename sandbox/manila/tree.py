# SPDX-License-Identifier: Apache-2.0
"""Directory trees as shares and snapshots: make, copy, replace, remove, measure.

Nothing of Manila here. A tree is a container directory of ours holding the user's files below
``data``. The container is what gets renamed, because renaming a directory into another parent
needs write permission on it, and the mode of ``data`` belongs to the user.

Promise: under its final name a tree is whole or absent, whenever the process dies. Everything is
made or unmade in a scratch directory on the same file system and renamed; :func:`recover` cleans
the scratch directory when nobody works in it.
"""

import contextlib
import glob
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator

DATA = "data"
_REPLACED = ".replaced"


class CopyFailed(Exception):
    """cp did not copy everything; says what it complained about."""

    def __init__(self, source: pathlib.Path, complaint: str):
        self.source = source
        self.complaint = complaint
        super().__init__(f"copying {source} failed: {complaint.strip()}")


def create(target: pathlib.Path, scratch: pathlib.Path, mode: int = 0o777) -> None:
    """Make an empty tree. A tree that exists is left as it is.

    :param mode: permission bits of ``data``; whoever mounts a share may write by default
    """
    if target.exists():
        return
    with _building(target, scratch) as building:
        data = building / DATA
        data.mkdir()
        data.chmod(mode)


def copy(source: pathlib.Path, target: pathlib.Path, scratch: pathlib.Path) -> None:
    """Copy a tree: bytes, holes, modes, owners, times, links, extended attributes.

    Uses reflinks where the file system has them. A target that exists is a whole copy made
    earlier and is left as it is.

    :raises CopyFailed: cp could not read or write something; nothing is left behind
    """
    if target.exists():
        return
    with _building(target, scratch) as building:
        _copy_data(source, building)


def replace(target: pathlib.Path, source: pathlib.Path, scratch: pathlib.Path) -> None:
    """Make an existing tree equal to another one; the other one stays.

    Between two renames the target is absent for an instant; :func:`recover` puts the old tree
    back if the process dies just there.

    :raises CopyFailed: the target is untouched
    :raises FileNotFoundError: there is no such target
    """
    target.stat()
    new = pathlib.Path(tempfile.mkdtemp(prefix=target.name + ".", dir=scratch))
    old = scratch / (target.name + _REPLACED)
    try:
        new.chmod(0o755)
        _copy_data(source, new)
        _sync_tree(new)
        target.rename(old)
        try:
            new.rename(target)
        except OSError:
            old.rename(target)
            raise
    except BaseException:
        _rmtree(new)
        raise
    _sync(target.parent)
    _rmtree(old)


def remove(target: pathlib.Path, scratch: pathlib.Path) -> None:
    """Remove a tree; one that is not there is removed already."""
    doomed = pathlib.Path(tempfile.mkdtemp(prefix=target.name + ".", dir=scratch))
    try:
        with contextlib.suppress(FileNotFoundError):
            target.rename(doomed / "tree")
            _sync(target.parent)
    finally:
        _rmtree(doomed)


def used_bytes(target: pathlib.Path) -> int:
    """Answer the bytes that a tree's files occupy: holes are free, hard links count once."""
    seen: dict[tuple[int, int], int] = {}
    for path in _walk(target / DATA):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue  # removed meanwhile
        seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def begun_bytes(target: pathlib.Path, scratch: pathlib.Path) -> int:
    """Answer the bytes that are copied already for a tree that is being made; 0 for others."""
    return sum(used_bytes(begun) for begun in scratch.glob(glob.escape(target.name) + ".*"))


def recover(trees: pathlib.Path, scratch: pathlib.Path) -> None:
    """Undo what a dead process left half done. Only when no other function here runs.

    :param trees: the directory of the trees that :func:`replace` works on
    """
    for entry in list(scratch.iterdir()):
        if entry.name.endswith(_REPLACED):
            home = trees / entry.name.removesuffix(_REPLACED)
            if not home.exists():
                entry.rename(home)
                continue
        _rmtree(entry)


@contextlib.contextmanager
def _building(target: pathlib.Path, scratch: pathlib.Path) -> Iterator[pathlib.Path]:
    """Give a container to fill, then rename it to its final name; on failure remove it."""
    building = pathlib.Path(tempfile.mkdtemp(prefix=target.name + ".", dir=scratch))
    try:
        building.chmod(0o755)
        yield building
        _sync_tree(building)
        try:
            building.rename(target)
        except OSError:
            # Somebody made the same tree in the meantime; theirs is whole too.
            if not target.exists():
                raise
            _rmtree(building)
    except BaseException:
        _rmtree(building)
        raise
    _sync(target.parent)


def _copy_data(source: pathlib.Path, container: pathlib.Path) -> None:
    done = subprocess.run(
        [
            "cp",
            "--archive",
            "--reflink=auto",
            "--no-target-directory",
            "--",
            str(source / DATA),
            str(container / DATA),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )
    if done.returncode:
        raise CopyFailed(source, done.stderr)


def _walk(top: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yield every path of a tree, itself first; what vanishes meanwhile is left out."""
    yield top
    for directory, names, files in os.walk(top):
        for name in names + files:
            yield pathlib.Path(directory, name)


def _sync_tree(top: pathlib.Path) -> None:
    """Bring a tree to the disk before it gets its name."""
    for path in _walk(top):
        kind = path.lstat().st_mode
        if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
            # Files of mode 0 cannot be opened by their owner; they are not worth a failure.
            with contextlib.suppress(PermissionError):
                _sync(path)


def _sync(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rmtree(top: pathlib.Path) -> None:
    """Remove a tree whatever the modes of its directories."""
    if not top.exists():
        return
    for directory, names, _files in os.walk(top):
        for name in names:
            path = pathlib.Path(directory, name)
            if not path.is_symlink():
                path.chmod(stat.S_IRWXU)
    shutil.rmtree(top)
