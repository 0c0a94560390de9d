# SPDX-License-Identifier: Apache-2.0
"""A driver that keeps only shares that are in a share group, for the tests of the catalogue."""

from typing import Any

import pytest

from karbor_manila.common.left_out import BROKEN
from karbor_manila.drivers import catalogue
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.manila.errors import ShareNotProtectable


class Picky(SnapshotDriver):
    """As the snapshot driver, of shares with ``share_group_id`` alone; ``refuses`` is what its
    preflight says."""

    name = "picky"
    refuses: Exception | None = None

    @classmethod
    def unsupported(cls, share: Any) -> ShareNotProtectable | None:
        if not share.get("share_group_id"):
            return ShareNotProtectable(str(share["id"]), "it is in no share group", "Put it in.")
        if share["share_group_id"] == "broken":
            return ShareNotProtectable(
                str(share["id"]), "its share group is in error", "Mend it.", kind=BROKEN
            )
        return super().unsupported(share)

    def preflight(self, *args: Any) -> Any:
        if self.refuses:
            raise self.refuses
        return super().preflight(*args)


def install(monkeypatch: pytest.MonkeyPatch, *drivers: Any) -> None:
    """Make these drivers (by default the picky one) known beside those that are installed."""
    found = {driver.name: driver for driver in drivers or (Picky,)}
    load, names = catalogue.load, catalogue.names
    monkeypatch.setattr(catalogue, "load", lambda name: found.get(name) or load(name))
    monkeypatch.setattr(catalogue, "names", lambda: sorted({*names(), *found}))
