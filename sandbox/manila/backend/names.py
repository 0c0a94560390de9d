# SPDX-License-Identifier: Apache-2.0
"""Shares that are mounted under a name of the tenant's choice (2.84).

The name is a link below ``mounts`` to the files, and the export location is that link. Manila
leaves it to the driver that no two shares have one name: the second one is refused. A name whose
share is gone is free.
"""

import pathlib

from manila import exception

from sandbox.manila import tree
from sandbox.manila.backend.shares import Shares


class Names(Shares):
    """Export locations by name."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.mounts = self.root / "mounts"

    def directories(self) -> list[pathlib.Path]:
        """Answer what has to be there before the first call."""
        return [*super().directories(), self.mounts]

    def exports_of(self, share, server=None) -> list[dict]:
        """Answer the export locations of a share, by its name if it has one.

        :raises ShareBackendException: another share has the name
        """
        found = super().exports_of(share, server)
        name = share.get("mount_point_name")
        if name:
            link, target = self.mounts / name, self.shares / share["id"] / tree.DATA
            self._take(link, target)
            found = [{**one, "path": one["path"].replace(str(target), str(link))} for one in found]
        return found

    @staticmethod
    def _take(link: pathlib.Path, target: pathlib.Path) -> None:
        if link.is_symlink() and not link.exists():
            link.unlink(missing_ok=True)
        try:
            link.symlink_to(target)
        except FileExistsError:
            if link.readlink() != target:
                raise exception.ShareBackendException(
                    msg=f"another share is mounted under {link.name}"
                ) from None

    def discard(self, share) -> None:
        """Remove the name, too."""
        for link in self.mounts.iterdir():
            if link.readlink() == self.shares / share["id"] / tree.DATA:
                link.unlink()
        super().discard(share)
