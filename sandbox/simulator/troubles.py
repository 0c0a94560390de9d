# SPDX-License-Identifier: Apache-2.0
"""Latency, faults and outages of requests, as the profile has them."""

import re

from sandbox.simulator.cloud import Cloud
from sandbox.simulator.profile import Fault, spread

OUTAGE = Fault(re.compile(""), "503", 1.0)


class Troubles:
    """What happens to a request before, or instead of, its answer."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        #: Kind -> how many requests met it.
        self.met: dict[str, int] = {}

    async def delay(self) -> None:
        """The time that every request takes."""
        latency = self._cloud.profile.latency
        seconds = spread(latency["seconds"], latency["jitter"], self._cloud.dice)
        if seconds:
            await self._cloud.clock.sleep(seconds)

    def draw(self, request: str) -> Fault | None:
        """The fault that this request meets (``POST /v2/snapshots``), if it meets one."""
        fault = self._outage() or self._of(request)
        if fault:
            self.met[fault.kind] = self.met.get(fault.kind, 0) + 1
        return fault

    def _of(self, request: str) -> Fault | None:
        for fault in self._cloud.profile.faults:
            if fault.requests.search(request) and self._cloud.dice.random() < fault.rate:
                return fault
        return None

    def _outage(self) -> Fault | None:
        """An outage is at the end of each period, so that there is a beginning without one."""
        outages = self._cloud.profile.outages
        every, seconds = outages["every"], outages["seconds"]
        if not every or self._cloud.clock.now() % every < every - seconds:
            return None
        return OUTAGE
