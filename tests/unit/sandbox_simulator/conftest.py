# SPDX-License-Identifier: Apache-2.0
"""A simulator in a thread, on a clock that only the test moves."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from sandbox.simulator.clock import ManualClock
from sandbox.simulator.control import Simulator
from sandbox.simulator.identity import Identity
from sandbox.simulator.profile import Profile
from sandbox.simulator.server import InThread, SimulatedManila


class Caller:
    """Asks the simulator as a user would.

    :param roles: of the token, in the project ``p1``
    """

    def __init__(self, simulator: SimulatedManila, clock: ManualClock) -> None:
        self.simulator = simulator
        self.clock = clock
        self.control = Simulator(simulator.url)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str = "p1:member",
        version: str | None = "2.98",
        **headers: str,
    ) -> requests.Response:
        headers = {"X-Auth-Token": token} | headers
        if version:
            headers["X-OpenStack-Manila-API-Version"] = version
        url = f"{self.simulator.url}{path}"
        return requests.request(method, url, json=body, headers=headers, timeout=30)

    def get(self, path: str, **more: Any) -> Any:
        """The body of a good answer."""
        reply = self.ask("GET", path, **more)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def snapshot(self, share_id: str, **fields: Any) -> str:
        """The id of a new snapshot."""
        body = {"snapshot": {"share_id": share_id, "name": "n", **fields}}
        reply = self.ask("POST", "/v2/snapshots", body)
        assert reply.status_code == 202, reply.text
        return str(reply.json()["snapshot"]["id"])

    def status(self, kind: str, thing: str) -> str:
        """The status of a thing, or that of HTTP when it is not shown."""
        reply = self.ask("GET", f"/v2/{kind}s/{thing}")
        if reply.status_code != 200:
            return str(reply.status_code)
        return str(reply.json()[kind]["status"])


Start = Callable[..., Caller]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts simulators with these profiles; they end with the test."""
    with ExitStack() as running:

        def begin(profile: Mapping[str, Any] | None = None, who: Identity | None = None) -> Caller:
            clock = ManualClock()
            simulator = running.enter_context(InThread(Profile(profile), who, clock=clock))
            return Caller(simulator, clock)

        yield begin
