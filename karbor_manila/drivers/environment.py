# SPDX-License-Identifier: Apache-2.0
"""What a driver works with in one flow."""

from collections.abc import Callable
from typing import Any

from karbor_manila.common.clock import Clock
from karbor_manila.manila.client import Manila
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.shares import Shares
from karbor_manila.manila.timeouts import Timeouts


class Environment:
    """What a driver works with in one flow.

    :param client: Manila as the flow uses it: its session, timeouts, clock, pollers
    :param shares: the flow's shares; what is about shares in general is there, once
    :param options: the values of the driver's own options, by their names
    :param progress: told how far something long is: of which share, what ("backup"), percent. It
        returns at once, and may be called for every look
    """

    def __init__(
        self,
        client: FlowClient,
        shares: Shares,
        options: Any = None,
        progress: Callable[[str, str, int], None] = lambda _share_id, _what, _percent: None,
    ) -> None:
        self.client = client
        self.shares = shares
        self.options = options
        self.progress = progress

    @property
    def manila(self) -> Manila:
        """The flow's client of Manila's API: one method, one request, no retries."""
        return self.client.manila

    @property
    def timeouts(self) -> Timeouts:
        """How long what may take, in seconds."""
        return self.client.timeouts

    @property
    def expected(self) -> int:
        """How many shares the flow has."""
        return self.client.expected

    @property
    def clock(self) -> Clock:
        """The time that counts; tests set it."""
        return self.client.clock
