# SPDX-License-Identifier: Apache-2.0
"""A folder of small files, each written whole, by which one process tells another something.

The writer and the reader may be different users of one group. Nothing is made durable by force: who
loses a file with the power of his machine has to have another way to learn of it.
"""

import contextlib
import errno
import grp
import os
import re
import stat
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from karbor_manila.common.errors import FileUnsuitable, SpoolFull, SpoolUnsafe

#: No file is longer than so many bytes.
LONGEST = 65536

#: The folder, within that of the spool, of what the reader could not understand.
ASIDE = "aside"

_NAME = re.compile(r"\d{20}-[0-9a-f]{32}\.json")

# What opening a link, a folder, or a pipe or socket without a writer ends in.
_NO_FILE = frozenset({errno.ELOOP, errno.EISDIR, errno.ENXIO})

# Of the process alone; or with a group, whose members take files away, and whose files are its own.
_ALONE = (0o700, 0o600)
_IN_GROUP = (0o2770, 0o640)


class Spool:
    """The files of one folder, the oldest first.

    :param folder: made when the first file is written, if it is not there
    :param most: so many files are in it at most
    :param group: the name of the group that writer and reader are in; empty when they are one user
    """

    def __init__(self, folder: str | Path, *, most: int, group: str = "") -> None:
        self.folder = Path(folder)
        self._most = most
        self._group = group

    # -- the writer ---------------------------------------------------------------------------

    def put(self, content: bytes) -> str:
        """Write one more file, whole or not at all; its name.

        :raises SpoolFull, SpoolUnsafe: nothing was written
        :raises OSError, KeyError: likewise; the second for a group that this host does not have
        """
        folder_mode, file_mode = _IN_GROUP if self._group else _ALONE
        group = grp.getgrnam(self._group).gr_gid if self._group else -1
        self._make(folder_mode, group)
        if sum(1 for _file in self.folder.iterdir()) >= self._most:
            raise SpoolFull(str(self.folder), self._most)
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}.json"
        part = self.folder / f".{name}"
        try:
            with open(part, "xb", opener=_opener(0)) as stream:  # noqa: PTH123 - its opener
                stream.write(content)
                if self._group:
                    os.fchown(stream.fileno(), -1, group)
                os.fchmod(stream.fileno(), file_mode)  # whatever the umask says
            part.rename(self.folder / name)
        except BaseException:  # nothing is swallowed: whatever ends this leaves no half a file
            with contextlib.suppress(OSError):  # a hidden file is no entry, and is swept later
                part.unlink()
            raise
        return name

    def _make(self, mode: int, group: int) -> None:
        try:
            found = self.folder.stat()
        except FileNotFoundError:
            self.folder.mkdir(mode=0o700, parents=True)
            if self._group:
                os.chown(self.folder, -1, group)
            self.folder.chmod(mode)
            return
        if found.st_mode & stat.S_IWOTH:
            raise SpoolUnsafe(str(self.folder))

    # -- the reader ---------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The files, the oldest first; none while there is no folder.

        :raises SpoolUnsafe, OSError: they cannot be trusted, or not be listed
        """
        try:
            if self.folder.stat().st_mode & stat.S_IWOTH:
                raise SpoolUnsafe(str(self.folder))
            found = [path.name for path in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        # What begins with a dot is being written.
        return sorted(name for name in found if name != ASIDE and not name.startswith("."))

    def read(self, name: str) -> bytes:
        """One file.

        :raises FileNotFoundError: another reader was quicker
        :raises FileUnsuitable: it is none of ours: its name, a link, a folder, its length
        :raises OSError: it cannot be read now, or not by this user
        """
        if not _NAME.fullmatch(name):
            raise FileUnsuitable(name, "its name is none of ours")
        opener = _opener(os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            with open(self.folder / name, "rb", opener=opener) as stream:  # noqa: PTH123 - as above
                if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                    raise FileUnsuitable(name, "it is no file")
                content = stream.read(LONGEST + 1)
        except OSError as error:
            if error.errno in _NO_FILE:
                raise FileUnsuitable(name, error.strerror or "it is no file") from error
            raise
        if len(content) > LONGEST:
            raise FileUnsuitable(name, f"it has more than {LONGEST} bytes")
        return content

    def age(self, name: str) -> float:
        """Seconds since a file was written, by this machine's clock; 0 when it is not there."""
        try:
            return max(0.0, time.time() - os.lstat(self.folder / name).st_mtime)
        except FileNotFoundError:
            return 0.0

    def remove(self, name: str) -> None:
        """What a file says is done with; it may be gone. Raises OSError."""
        (self.folder / name).unlink(missing_ok=True)

    def set_aside(self, name: str, most: int) -> None:
        """Keep a file for somebody to look at.

        :param most: so many are kept; the oldest go
        :raises OSError: it cannot be moved
        """
        path = self.folder / ASIDE
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        # Who can write to the spool could lead us by a link to files that are none of his.
        aside = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            with contextlib.suppress(FileNotFoundError):  # another reader was quicker
                os.rename(self.folder / name, name, dst_dir_fd=aside)  # noqa: PTH104 - by its fd
            for old in sorted(os.listdir(aside))[:-most]:  # noqa: PTH208 - likewise
                with contextlib.suppress(OSError):  # a folder of somebody's: it does not grow
                    os.unlink(old, dir_fd=aside)  # noqa: PTH108 - likewise
        finally:
            os.close(aside)

    def tidy(self, older: float) -> None:
        """Remove what a writer left that died while it wrote, so many seconds ago. Raises
        OSError."""
        with contextlib.suppress(FileNotFoundError):
            for path in self.folder.iterdir():
                if path.name.startswith(".") and self.age(path.name) > older:
                    self.remove(path.name)


def _opener(flags: int) -> Callable[[str, int], int]:
    """Opens a file with more flags, and makes one for its user alone. (Not os.fdopen, in whose
    place eventlet has another one, which closes what it is told not to.)"""
    return lambda path, usual: os.open(path, usual | flags, 0o600)
