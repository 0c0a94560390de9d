# SPDX-License-Identifier: Apache-2.0
"""Files in a folder by key, written atomically and durably, listed in order.

It knows nothing of Karbor but the keys' alphabet. The layout is that of Karbor's file-system bank:
``<root>/<container>/<key>``. Everything raises OSError.
"""

import contextlib
import errno
import itertools
import os
import posixpath
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from karbor_manila.bank.filesystem.owner import Owner
from karbor_manila.bank.filesystem.staging import FOLDER_MODE, StagingDirectory, sync

# Karbor lets no other keys through (karbor/services/protection/bank_plugin.py, Bank). So a file
# with another name is no object: "lost+found", or what an editor left.
_NAME = re.compile(r"[A-Za-z0-9_.\-@]+")
# An NFS client gives this name to what is removed or replaced while it is being read.
_NFS_REMAINS = re.compile(r"\.nfs[0-9a-f]{24}")
_NAME_LENGTH = 255

_GONE = {errno.ENOENT, errno.ESTALE}
_ABSENT = "there is no such object"
_ATTEMPTS = 100
_SCANS = 10


class KeyedFolder:
    """The container. Several threads, processes and hosts may work in one at the same time.

    :param container: an absolute path
    :param staging: where files are made before they are put into the container
    """

    def __init__(self, container: Path, staging: StagingDirectory) -> None:
        self._container = container
        self._staging = staging
        self._mount: Path | None = None
        self._device = 0

    def create(self) -> None:
        """Make the container and its parents if they are missing. Nothing else ever does."""
        chain = (self._container, *self._container.parents)
        for path in reversed([path for path in chain if not path.exists()]):
            path.mkdir(FOLDER_MODE, exist_ok=True)
            Owner.of(path.parent).give_folder(path, FOLDER_MODE)
            sync(path.parent)
        self.check()

    def check(self) -> None:
        """Raise OSError unless the container is there, on the file system that it was on at first,
        or on one that was mounted over that: the empty folder under a mount that is gone must not
        be taken for the bank."""
        if self._mount and not self._mount.is_mount():
            raise OSError(errno.ENODEV, "its file system is not mounted any more")
        found = self._container.stat()
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "the bank's container is no folder")
        if not self._mount or found.st_dev != self._device:
            path = self._container.resolve()
            self._mount = next(above for above in (path, *path.parents) if above.is_mount())
            self._device = found.st_dev
            self._staging.forget()

    def read(self, key: str) -> bytes:
        """The content; FileNotFoundError when there is no such key in a bank that is there."""
        path = self._path(key)
        for _attempt in range(_ATTEMPTS):
            try:
                # A pipe would never end, and pathlib's is_file hides errors in some Pythons.
                regular = stat.S_ISREG(path.stat().st_mode)
                content = path.read_bytes() if regular else None
                break
            except (FileNotFoundError, NotADirectoryError):
                content = None
                break
            except OSError as error:
                if error.errno != errno.ESTALE:  # replaced by another host, NFS says
                    raise
        else:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        self.check()
        if content is None:
            raise FileNotFoundError(errno.ENOENT, _ABSENT)
        return content

    def write(self, key: str, content: bytes) -> None:
        """Have the content under the key for good, or raise and leave what was there."""
        path = self._path(key)
        self.check()
        made = self._staging.write(content)
        try:
            self._put(made, path)
        except BaseException:  # nothing is swallowed: a killed green thread leaves no file either
            with contextlib.suppress(OSError):  # the first error tells more than this one
                made.unlink()
            self._prune(path.parent)
            raise

    def remove(self, key: str) -> None:
        """Remove the file and the folders that are empty without it."""
        path = self._path(key)
        self.check()
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise FileNotFoundError(errno.ENOENT, _ABSENT) from error
        for folder in self._within(path.parent):
            try:
                sync(folder)
                break
            except OSError as error:
                if error.errno not in _GONE:  # by another deletion, and so was our file
                    raise
        self._prune(path.parent)

    def keys(
        self, prefix: str, marker: str | None = None, *, descending: bool = False
    ) -> Iterator[str]:
        """Keys that begin with the prefix, in the order of plain strings or its reverse.

        Only folders that can hold some are read.

        :param marker: begin after this key
        """
        prefix = _canonical(prefix)
        marker = None if marker is None else _canonical(marker)
        folder, _, start = prefix.rpartition("/")
        yield from self._walk(f"{folder}/", start, marker, descending)
        self.check()

    def _walk(self, above: str, start: str, marker: str | None, descending: bool) -> Iterator[str]:
        # With their slashes folders sort among files as their keys do: "a.b" < "a/b" < "ab".
        names = (name for name in self._names(above) if name.startswith(start))
        for name in sorted(names, reverse=descending):
            key = above + name
            if marker is not None and _all_passed(key, marker, descending):
                continue
            if name.endswith("/"):
                yield from self._walk(key, "", marker, descending)
            elif key != marker and (marker is None or (key < marker) == descending):
                yield key

    def _names(self, above: str) -> set[str]:
        """The names in a folder; a folder's ends in a slash.

        On some file systems (seen on tmpfs, 119 lists of 896) a list misses a file that is replaced
        while it is made. So it is made again until nothing changed meanwhile.
        """
        folder = Path(f"{self._container}{above}")
        found: set[str] = set()
        for _attempt in range(_SCANS):
            try:
                changed = folder.stat().st_mtime_ns
                with os.scandir(folder) as entries:
                    scanned = {_listed(entry) for entry in entries} - {""}
                if folder.stat().st_mtime_ns == changed:
                    return scanned
            except (FileNotFoundError, NotADirectoryError):
                return set()  # check() tells whether it is the container that is gone
            found |= scanned
        return found  # all of it was there at some time since we were asked

    def _path(self, key: str) -> Path:
        names = key.strip("/").split("/")
        for name in names:
            if not _NAME.fullmatch(name) or name in {".", ".."} or _NFS_REMAINS.fullmatch(name):
                raise OSError(errno.EINVAL, f"a key cannot have {name!r} in it")
            if len(name) > _NAME_LENGTH:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        if key.endswith("/"):
            raise OSError(errno.EINVAL, "a key cannot end in a slash")
        return self._container.joinpath(*names)

    def _within(self, folder: Path) -> Iterator[Path]:
        """The folder and those above it, up to the container."""
        chain = (folder, *folder.parents)
        yield from itertools.islice(chain, chain.index(self._container) + 1)

    def _put(self, made: Path, path: Path) -> None:
        for _attempt in range(_ATTEMPTS):
            try:
                self._make_parents(path.parent)
                made.replace(path)
                break
            except IsADirectoryError:
                # An empty folder is no object; Karbor's bank leaves some.
                try:
                    path.rmdir()
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise OSError(errno.EISDIR, "there are objects below that name") from error
            except NotADirectoryError as error:
                raise OSError(errno.ENOTDIR, "an object has the name of its folder") from error
            except OSError as error:
                # A deletion found the folder empty and took it away.
                if error.errno not in _GONE or not made.exists():
                    raise
                self.check()
        else:
            raise OSError(errno.EBUSY, "its folder is removed again and again")
        try:
            sync(path.parent)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            self.check()  # deleted by another already, or the bank is gone

    def _make_parents(self, folder: Path) -> None:
        owner = Owner.of(self._container)
        for path in reversed(list(self._within(folder))[:-1]):
            if not path.is_dir():
                with contextlib.suppress(FileExistsError):
                    path.mkdir(FOLDER_MODE)
                sync(path.parent)
            owner.give_folder(path)  # also one that root died over before it was given away

    def _prune(self, folder: Path) -> None:
        for path in list(self._within(folder))[:-1]:
            with contextlib.suppress(OSError):  # not empty, as a rule; and if it is, no harm done
                path.rmdir()


def _canonical(key: str) -> str:
    """One slash in front, no empty parts, and the slash at the end if there was one."""
    path = posixpath.normpath("/" + key.lstrip("/"))
    return path + "/" if key.endswith("/") and path != "/" else path


def _all_passed(key: str, marker: str, descending: bool) -> bool:
    """Whether what begins with this key comes before the marker, all of it."""
    return not marker.startswith(key) and (key > marker if descending else key < marker)


def _listed(entry: os.DirEntry[str]) -> str:
    """The name of an object or folder; empty for anything else."""
    if not _NAME.fullmatch(entry.name) or _NFS_REMAINS.fullmatch(entry.name):
        return ""
    if entry.is_dir():
        return entry.name + "/"
    return entry.name if entry.is_file() else ""
