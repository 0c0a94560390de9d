# SPDX-License-Identifier: Apache-2.0
"""The fake Manila as the stage of the contract suite."""

import datetime
from typing import Any

from karbor_manila.drivers.base import Driver, Environment
from karbor_manila.drivers.catalogue import default_options
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.drivers.testing import World
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.shares import Shares
from tests.fakes.manila import Cloud, FakeClock, FakeManila

View = dict[str, Any]


class FakeWorld(World):
    """The fake keeps one text per share, and copies it with the snapshot."""

    driver_class: type[Driver] = SnapshotDriver
    project_id = "project-a"
    other_project_id = "project-of-administrators"

    def __init__(self, microversion: str = "2.98", driver: type[Driver] | None = None) -> None:
        self.driver_class = driver or SnapshotDriver
        self.cloud = Cloud(
            FakeClock(),
            seconds={
                "create_snapshot": 3.0,
                "create_share": 20.0,
                "delete_snapshot": 2.0,
                "delete_share": 2.0,
                "revert_share": 5.0,
                "create_share_group": 20.0,
                "create_share_group_snapshot": 3.0,
                "delete_share_group": 2.0,
                "delete_share_group_snapshot": 2.0,
            },
        )
        self._manila = FakeManila(self.cloud, self.project_id, microversion)
        self._microversion = microversion

    def environment(self, expected: int = 1) -> Environment:
        return self._environment(self._manila, expected)

    def environment_of_overseer(self, works_for: str) -> Environment:
        manila = FakeManila(
            self.cloud,
            self.other_project_id,
            self._microversion,
            administrator=True,
            works_for=works_for,
        )
        return self._environment(manila)

    def environment_of_stranger(self, works_for: str) -> Environment:
        manila = FakeManila(
            self.cloud, self.other_project_id, self._microversion, works_for=works_for
        )
        return self._environment(manila)

    def _environment(self, manila: Any, expected: int = 1) -> Environment:
        client = FlowClient(manila, None, expected, self.cloud.clock)
        return Environment(client, Shares(client), default_options(self.driver_class))

    def transfer(self, share_id: str) -> None:
        self.cloud.transfer(share_id, self.other_project_id)

    def now(self) -> datetime.datetime:
        return self.cloud.clock.utcnow()

    def make_share(self, **fields: Any) -> View:
        return dict(self.cloud.add_share(self.project_id, **fields))

    def retype(self, share_id: str) -> str:
        self.cloud.shares[share_id].update(share_type="other-id", share_type_name="other")
        return "other"

    def remove(self, kept_id: str) -> None:
        del self.cloud.snapshots[kept_id]

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


class FakeGroupWorld(FakeWorld):
    """A world whose shares are in groups, each in one of its own unless they are made together."""

    def make_share(self, **fields: Any) -> View:
        if fields.get("snapshot_support") is False:
            return super().make_share(**fields)  # it is in no group
        group = self.cloud.add_group(self.project_id)
        return super().make_share(share_group_id=group["id"], **fields)

    def make_together(self, number: int) -> list[View]:
        group = self.cloud.add_group(self.project_id)
        return [FakeWorld.make_share(self, share_group_id=group["id"]) for _ in range(number)]

    def remove(self, kept_id: str) -> None:
        del self.cloud.group_snapshots[kept_id]
