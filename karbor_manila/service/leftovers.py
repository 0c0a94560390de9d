# SPDX-License-Identifier: Apache-2.0
"""The green thread in which drivers remove what they left behind, as long as the service runs."""

from collections.abc import Callable, Iterable
from typing import Any

import eventlet
from oslo_log import log as logging

from karbor_manila.operations.plugin import protects_shares
from karbor_manila.recovery import gc
from karbor_manila.recovery.claims import Claims

LOG = logging.getLogger(__name__)


class LeftoversThread:
    """Looks for leftovers from time to time. A turn that fails is a line in the log, and the next
    one comes at its time: nothing waits for this.

    :param providers: gives Karbor's providers
    :param held: the claims of this process
    :param interval: seconds before each turn; 0 for none at all
    :param grace: seconds; what is younger is left alone
    """

    def __init__(
        self,
        providers: Callable[[], Iterable[Any]],
        held: Claims,
        *,
        interval: float,
        grace: float,
    ) -> None:
        self._providers = providers
        self._claims = held
        self._interval = interval
        self._grace = grace
        self._thread: Any = None

    def start(self) -> None:
        """Begin, unless it is turned off; the first turn is after one interval."""
        if self._interval:
            self._thread = eventlet.spawn(self.run_for_ever)

    def stop(self) -> None:
        """End it where it waits. A removal that it was at is found again by the next turn."""
        if self._thread is not None:
            self._thread.kill()

    def run_for_ever(self) -> None:
        """Turn after turn."""
        while True:
            eventlet.sleep(self._interval)
            self.turn()

    def turn(self) -> None:
        """One look at each provider of ours, whose bank or Manila may be away."""
        for provider in self._providers():
            if not protects_shares(provider):
                continue
            try:
                gc.sweep(provider, self._claims, grace=self._grace)
            except Exception as error:  # noqa: BLE001 - of a bank, the database, Manila or a driver
                LOG.error("Leftovers of provider %s are not known: %s", provider.id, error)
