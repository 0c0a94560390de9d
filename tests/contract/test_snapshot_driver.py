# SPDX-License-Identifier: Apache-2.0
"""The snapshot driver on the fake Manila: the contract, with and without snapshot metadata."""

import datetime
from typing import Any

import pytest

from karbor_manila.drivers.base import ShareDriver, Timeouts
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.manila.client import EVERY_PROJECT
from tests.contract.driver import DriverContract, World
from tests.fakes.manila import Cloud, FakeClock, FakeManila

View = dict[str, Any]


class FakeWorld(World):
    """The fake keeps one text per share, and copies it with the snapshot."""

    project_id = "project-a"
    other_project_id = "project-of-administrators"

    def __init__(self, microversion: str) -> None:
        self.cloud = Cloud(
            FakeClock(),
            seconds={
                "create_snapshot": 3.0,
                "create_share": 20.0,
                "delete_snapshot": 2.0,
                "delete_share": 2.0,
                "revert_share": 5.0,
            },
        )
        self._manila = FakeManila(self.cloud, self.project_id, microversion)
        self._microversion = microversion

    def driver(self, expected: int = 1) -> ShareDriver:
        return SnapshotDriver(self._manila, Timeouts(), expected, self.cloud.clock)

    def overseer(self, works_for: str = EVERY_PROJECT) -> ShareDriver:
        manila = FakeManila(
            self.cloud,
            self.other_project_id,
            self._microversion,
            administrator=True,
            works_for=works_for,
        )
        return SnapshotDriver(manila, Timeouts(), 1, self.cloud.clock)

    def stranger(self, works_for: str) -> ShareDriver:
        manila = FakeManila(
            self.cloud, self.other_project_id, self._microversion, works_for=works_for
        )
        return SnapshotDriver(manila, Timeouts(), 1, self.cloud.clock)

    def transfer(self, share_id: str) -> None:
        self.cloud.transfer(share_id, self.other_project_id)

    def now(self) -> datetime.datetime:
        return self.cloud.clock.utcnow()

    def make_share(self, **fields: Any) -> View:
        return dict(self.cloud.add_share(self.project_id, **fields))

    def retype(self, share_id: str) -> str:
        self.cloud.shares[share_id].update(share_type="other-id", share_type_name="other")
        return "other"

    def snapshots_of(self, share_id: str) -> list[View]:
        every = self.overseer().everything()
        return [view for view in every if view["share_id"] == share_id]

    def share(self, share_id: str) -> View | None:
        return self.overseer().show_share(share_id)

    def remove_snapshot(self, snapshot_id: str) -> None:
        del self.cloud.snapshots[snapshot_id]

    def refused_rule(self) -> dict[str, Any]:
        return {
            "access_type": "carrier pigeon",
            "access_to": "roof",
            "access_level": "rw",
            "metadata": {},
        }

    def write(self, share_id: str, text: str) -> None:
        self.cloud.shares[share_id]["_text"] = text

    def read(self, share_id: str) -> str:
        return str(self.cloud.shares[share_id]["_text"])


class TestSnapshotDriver(DriverContract):
    @pytest.fixture
    def world(self) -> World:
        return FakeWorld("2.98")


class TestSnapshotDriverWithoutSnapshotMetadata(DriverContract):
    """Before microversion 2.73 the mark is in the description."""

    @pytest.fixture
    def world(self) -> World:
        return FakeWorld("2.37")
