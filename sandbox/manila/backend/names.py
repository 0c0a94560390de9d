# SPDX-License-Identifier: Apache-2.0
"""Shares that are mounted under a name of the tenant's choice (2.84).

The name is a link below ``mounts`` to the files, and the export location is that link. Manila sees
to it that no two shares have one name; who makes a share again under a name that was left behind
gets the name.
"""

import pathlib

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
        """Answer the export locations of a share, by its name if it has one."""
        found = super().exports_of(share, server)
        name = share.get("mount_point_name")
        if name:
            link, target = self.mounts / name, self.shares / share["id"] / tree.DATA
            if not link.is_symlink() or link.readlink() != target:
                link.unlink(missing_ok=True)
                link.symlink_to(target)
            found = [{**one, "path": one["path"].replace(str(target), str(link))} for one in found]
        return found

    def discard(self, share) -> None:
        """Remove the name, too."""
        for link in self.mounts.iterdir():
            if link.readlink() == self.shares / share["id"] / tree.DATA:
                link.unlink()
        super().discard(share)
