# SPDX-License-Identifier: Apache-2.0
"""What the recovery and the manager ask of our protection plugin, which the service room has."""

import abc
from collections.abc import Callable, Iterable
from typing import Any

from karbor.common import constants

from karbor_manila.bank.fencing import Hold
from karbor_manila.common.clock import Clock
from karbor_manila.operations.flow import Connect, FlowContext
from karbor_manila.operations.work import Work

SHARE = constants.SHARE_RESOURCE_TYPE
PROJECT = constants.PROJECT_RESOURCE_TYPE


class SharePlugin(abc.ABC):
    """A protection plugin whose flows can be run by others than Karbor's own worker."""

    @abc.abstractmethod
    def act_under(self, hold: Hold) -> None:
        """From now on nothing is changed without this claim."""

    @abc.abstractmethod
    def close_flow(self) -> None:
        """The flow has ended, well or not, and its claim is still held."""

    @abc.abstractmethod
    def context_for_a_call(
        self, work: Work, share_ids: Iterable[str], timeout: float
    ) -> FlowContext:
        """What is shared by work that is done while a tenant's request waits.

        :param timeout: seconds for which transient errors are retried
        """

    @abc.abstractmethod
    def context_as_karbor(
        self,
        share_ids: Iterable[str],
        clock: Callable[[Clock], Clock] | None = None,
        connect: Callable[[Connect], Connect] | None = None,
    ) -> FlowContext:
        """What a flow shares that runs without a tenant, with Karbor's own user.

        :param share_ids: the resources of the flow
        :param clock: makes the clock of the flow from the usual one
        :param connect: makes what connects the flow to Manila from what usually does
        """


def protects_shares(provider: Any) -> bool:
    """Whether it is our plugin that protects the shares of this provider."""
    plugin = provider.plugins.get(SHARE)
    return isinstance(plugin, type) and issubclass(plugin, SharePlugin)
