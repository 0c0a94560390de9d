# SPDX-License-Identifier: Apache-2.0
"""Where a file is made before it is put into the bank's container in one move."""

import contextlib
import errno
import os
import time
import uuid
from pathlib import Path

import eventlet.patcher
import eventlet.tpool

from karbor_manila.bank.filesystem.owner import Owner
from karbor_manila.common import native

# Never more open than Karbor's bank (0755 and 0644 less the umask): names and descriptions of
# shares stand in it. The umask of the process takes away more.
FOLDER_MODE, _FILE_MODE = 0o750, 0o640

_NOT_BESIDE = {errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS}


class StagingDirectory:
    """It is beside the container, where no list shows it, neither ours nor Karbor's bank's.

    If files cannot be moved from there (the container is a file system of its own, or its parent
    is read-only) it is in the container, under a name that no key can have.
    """

    def __init__(self, container: Path) -> None:
        self._container = container
        self._beside = container.parent / f".{container.name}.karbor-manila"
        self._inside = container / "~karbor-manila"
        self._place: Path | None = None

    def forget(self) -> None:
        """The container is on another file system than before: the place is looked for anew."""
        self._place = None

    def clean(self, age: float) -> None:
        """Remove what dead processes left here for more than ``age`` seconds."""
        for place in (self._beside, self._inside):
            for path in _entries(place):
                with contextlib.suppress(OSError):
                    if time.time() - path.stat().st_mtime > age:
                        path.unlink()

    def write(self, content: bytes) -> Path:
        """The content in a new file here, on disk, which belongs to the container's owner.

        :raises OSError: nothing is left of it
        """
        owner = Owner.of(self._container)
        if self._place is None:
            self._place = self._find_place(owner)
        self._make(self._place, owner)
        path = self._place / uuid.uuid4().hex
        try:
            with open(path, "xb", opener=_open_private) as file:
                owner.give_file(file.fileno())
                file.write(content)
                file.flush()
                _fsync(file.fileno())
        except BaseException:  # nothing is swallowed: a killed green thread leaves no file either
            path.unlink(missing_ok=True)
            raise
        return path

    @staticmethod
    def _make(place: Path, owner: Owner) -> None:
        place.mkdir(FOLDER_MODE, exist_ok=True)
        owner.give_folder(place)

    def _find_place(self, owner: Owner) -> Path:
        probe = uuid.uuid4().hex
        try:
            self._make(self._beside, owner)
            (self._beside / probe).mkdir()
            # Folders and files move alike, and no list shows an empty folder.
            (self._beside / probe).rename(self._container / f"~{probe}")
        except OSError as error:
            with contextlib.suppress(OSError):
                (self._beside / probe).rmdir()
            if error.errno not in _NOT_BESIDE:
                raise
            return self._inside
        (self._container / f"~{probe}").rmdir()
        return self._beside


def _entries(place: Path) -> list[Path]:
    try:
        return list(place.iterdir())
    except OSError:
        return []


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, _FILE_MODE)


def _fsync(descriptor: int) -> None:
    """Wait for the disk; in Karbor's process, where all threads are green ones, aside of them."""
    if eventlet.patcher.is_monkey_patched("thread") and not native.is_native():
        eventlet.tpool.execute(os.fsync, descriptor)
    else:
        os.fsync(descriptor)


def sync(folder: Path) -> None:
    """Have a folder's entries on disk: fsync of a file says nothing of its name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # file systems that cannot, and need not, do it
            raise
    finally:
        os.close(descriptor)
