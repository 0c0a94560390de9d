# SPDX-License-Identifier: Apache-2.0
"""Whose the files of a file-system bank are: the user's that the bank's folder belongs to.

An operator's command may run as root, and what it writes the service has to read and to replace.
"""

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """User, group and mode of the folder that others are made like."""

    uid: int
    gid: int
    mode: int

    @classmethod
    def of(cls, folder: Path) -> "Owner":
        """Those of a folder, which is there; raises OSError."""
        found = folder.stat()
        return cls(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))

    @property
    def is_us(self) -> bool:
        """Whether what this process makes belongs to the owner anyway."""
        return self.uid == os.geteuid()

    def give_file(self, descriptor: int) -> None:
        """A file that this process has just made becomes the owner's, as open as the folder is.

        :raises OSError: root may not give it away; another user gives what he can
        """
        if not self.is_us:
            self._give(descriptor, self.mode & 0o666)

    def give_folder(self, folder: Path, mode: int | None = None) -> None:
        """As above; a folder that another user made is left to that user.

        :param mode: by default that of the owner's folder
        """
        if self.is_us:
            return
        # Never through a link: root would give away whatever it leads to.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(descriptor).st_uid == os.geteuid():
                self._give(descriptor, self.mode if mode is None else mode)
        finally:
            os.close(descriptor)

    def _give(self, descriptor: int, mode: int) -> None:
        if os.geteuid() == 0:
            os.fchown(descriptor, self.uid, self.gid)
        else:
            with contextlib.suppress(PermissionError):  # who is not in the group cannot
                os.fchown(descriptor, -1, self.gid)
        os.fchmod(descriptor, mode)
