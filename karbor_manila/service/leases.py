# SPDX-License-Identifier: Apache-2.0
"""The leases of this process in the banks of its providers, and those of the others, watched."""

from collections.abc import Callable, Mapping
from typing import Any

from oslo_log import log as logging
from oslo_service import loopingcall

from karbor_manila.recovery import lease, lease_keeper, watching
from karbor_manila.recovery.claims import Claims
from karbor_manila.service import bank_refusals
from karbor_manila.telemetry.collector import Lease

LOG = logging.getLogger(__name__)

_KEPT = 7 * 24 * 3600.0  # seconds, after which the lease of a dead process is removed


class Leases:
    """Renews the lease of this process in every bank, so that others know that it is alive.

    :param claims: of this process; they count only while its leases are fresh
    :param providers: gives Karbor's providers
    :param interval: seconds between two renewals
    :param timeout: seconds without a renewal after which others take a process for dead
    """

    def __init__(
        self,
        claims: Claims,
        providers: Callable[[], list[Any]],
        *,
        interval: float,
        timeout: float,
    ) -> None:
        self._claims = claims
        self._providers = providers
        self._interval = interval
        self._timeout = timeout
        self._loop: loopingcall.FixedIntervalLoopingCall | None = None
        #: By the ids of their providers.
        self.keepers: dict[str, lease_keeper.Keeper] = {}

    def start(self) -> None:
        """Begin to renew, and to watch. A bank that is not there yet is used as soon as it is."""
        for provider in self._providers():
            if bank_refusals.is_there(provider):
                lease.prune(provider.bank, _KEPT)
            self.keep(provider)
        self._loop = loopingcall.FixedIntervalLoopingCall(self.watch)
        self._loop.start(interval=self._interval, stop_on_exception=False)

    def stop(self) -> None:
        """The leases stay: by them, what this process left unfinished is known as abandoned."""
        if self._loop:
            self._loop.stop()
        for keeper in self.keepers.values():
            keeper.stop()

    def give_up(self) -> None:
        """This process ends: say so in every bank, so that no lease has to run out. Nothing is
        waited for, see :meth:`is_over`."""
        if self._loop:
            self._loop.stop()
        for keeper in self.keepers.values():
            keeper.give_up()

    def is_over(self) -> bool:
        """Whether nothing more is written into any bank."""
        return all(keeper.is_over for keeper in self.keepers.values())

    def states(self) -> Mapping[str, Lease]:
        """How each lease is, by the id of its provider."""
        return {
            provider_id: Lease(keeper.is_fresh, keeper.age, keeper.lapses)
            for provider_id, keeper in self.keepers.items()
        }

    def keep(self, provider: Any) -> None:
        """Renew the lease in a bank by a thread of its own, and count on no older one."""
        keeper = lease_keeper.of_provider(provider, interval=self._interval, timeout=self._timeout)
        keeper.start()
        self.keepers[provider.id] = keeper
        self._claims.keep(provider.id, keeper)

    def watch(self) -> None:
        """Look at the leases of the others who have claimed something; and log when one's own
        cannot be renewed, since the keeper's thread must not write logs. A bank that was not
        there is confirmed here as soon as it is."""
        for provider_id, keeper in self.keepers.items():
            if keeper.trouble:
                LOG.warning(
                    "Provider %s: the lease could not be renewed: %s", provider_id, keeper.trouble
                )
        there = [provider for provider in self._providers() if bank_refusals.is_there(provider)]
        watching.watch(self._claims, {each.id: each.bank for each in there})
