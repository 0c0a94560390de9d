# SPDX-License-Identifier: Apache-2.0
"""The snapshot driver on the simulated Manila, over HTTP: the contract in an old and a new
microversion."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from keystoneauth1 import session as keystone_session
from keystoneauth1 import token_endpoint

from karbor_manila.common.clock import Clock
from karbor_manila.drivers.base import Driver, Environment
from karbor_manila.drivers.catalogue import default_options
from karbor_manila.drivers.faulty import FaultyDriver
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.drivers.testing import DriverContract, World
from karbor_manila.manila.client import Manila, Where
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.shares import Shares
from sandbox.simulator.clock import ManualClock
from sandbox.simulator.control import Simulator
from sandbox.simulator.profile import Profile
from sandbox.simulator.server import InThread

View = dict[str, Any]

# A share's capabilities -> the type that has them (clone, revert).
_TYPES = {
    (True, True): "sandbox",
    (True, False): "norevert",
    (False, True): "noclone",
    (False, False): "snaponly",
}


class SimulatorsClock(Clock):
    """Who waits lets the simulator's time pass, and nobody sleeps."""

    def __init__(self, manual: ManualClock) -> None:
        self._manual = manual

    def now(self) -> float:
        return self._manual.now()

    def utcnow(self) -> datetime.datetime:
        return self._manual.utcnow()

    def sleep(self, seconds: float) -> None:
        self._manual.advance(seconds)

    def wait(self, condition: Any, seconds: float) -> None:
        self._manual.advance(max(seconds, 0.001))


class SimulatedWorld(World):
    """Knobs of Manila itself where it has some, else ``/simulator``."""

    driver_class: type[Driver] = SnapshotDriver
    project_id = "project-a"
    other_project_id = "project-of-administrators"
    mounts_snapshots = False

    def __init__(
        self, url: str, manual: ManualClock, driver: type[Driver] = SnapshotDriver
    ) -> None:
        self.driver_class = driver
        self._url = url
        self._clock = SimulatorsClock(manual)
        self._simulator = Simulator(url)

    def environment(self, expected: int = 1) -> Environment:
        return self._environment(f"{self.project_id}:member", None, expected)

    def environment_of_overseer(self, works_for: str) -> Environment:
        return self._environment(f"{self.other_project_id}:admin,member", works_for)

    def environment_of_stranger(self, works_for: str) -> Environment:
        elsewhere = None if works_for == self.other_project_id else works_for
        return self._environment(f"{self.other_project_id}:member", elsewhere)

    def _environment(self, token: str, works_for: str | None, expected: int = 1) -> Environment:
        endpoint = f"{self._url}/v2"
        session = keystone_session.Session(auth=token_endpoint.Token(endpoint, token))
        own = token.partition(":")[0]
        manila = Manila(session, Where(), project_id=works_for, own_project_id=own)
        client = FlowClient(manila, expected=expected, clock=self._clock)
        return Environment(client, Shares(client), default_options(self.driver_class))

    def transfer(self, share_id: str) -> None:
        self._simulator.update(share_id, project_id=self.other_project_id)

    def now(self) -> datetime.datetime:
        return self._clock.utcnow()

    def make_share(self, **fields: Any) -> View:
        ways = ("create_share_from_snapshot_support", "revert_to_snapshot_support")
        kind = _TYPES[fields.pop(ways[0], True), fields.pop(ways[1], True)]
        if fields.pop("snapshot_support", True) is False:
            kind = "nosnap"
        (share_id,) = self._simulator.seed(self.project_id, type_name=kind, **fields)
        shown = self.share(share_id)
        assert shown
        return shown

    def retype(self, share_id: str) -> str:
        self._simulator.update(share_id, share_type="sandbox-too")
        return "sandbox-too"

    def remove(self, kept_id: str) -> None:
        self._simulator.remove_snapshot(kept_id)

    def refused_rule(self) -> dict[str, Any]:
        # Manila takes the type, and the backend does not know it.
        return {"access_type": "cephx", "access_to": "roof", "access_level": "rw", "metadata": {}}

    def write(self, share_id: str, text: str) -> None:
        self._simulator.update(share_id, text=text)

    def read(self, share_id: str) -> str:
        return str(self._simulator.share(share_id)["text"])


class _Simulated(DriverContract):
    microversion = "2.99"
    driver: type[Driver] = SnapshotDriver

    @pytest.fixture
    def world(self) -> Iterator[World]:
        clock = ManualClock()
        # Every request takes time, as nothing else would let it pass between two of them.
        profile = {"microversion": self.microversion, "latency": {"seconds": 0.01}}
        with InThread(Profile(profile), clock=clock) as simulator:
            yield SimulatedWorld(simulator.url, clock, self.driver)


class TestSnapshotDriverOnTheSimulator(_Simulated):
    """The newest microversion that the simulator speaks."""


class TestSnapshotDriverOnTheSimulatorWithoutSnapshotMetadata(_Simulated):
    """Before microversion 2.73 the mark is in the description."""

    microversion = "2.37"


class TestFaultyDriverOnTheSimulator(_Simulated):
    """The faulty driver keeps the contract as long as no fault is planned."""

    driver = FaultyDriver
