# SPDX-License-Identifier: Apache-2.0
"""Calls the periodic hooks of providers, each in its interval, in one process of several.

The process that calls them holds a claim as long as it lives; when it dies another one takes that
over. Nothing waits for these hooks, and what fails in them is a line in the log.
"""

import functools
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import eventlet
from oslo_log import log as logging

from karbor_manila.bank import fencing, identity
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import ClaimLost, Taken
from karbor_manila.database import planned
from karbor_manila.hooks import deadline
from karbor_manila.hooks.base import Hook
from karbor_manila.manila import lookup
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.manila.views import View
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.plugin import SHARE
from karbor_manila.operations.work import Work
from karbor_manila.recovery.claim_table import PERIODIC
from karbor_manila.recovery.claims import Claims
from karbor_manila.recovery.hook_posts import OfFlow
from karbor_manila.service import driver_options

LOG = logging.getLogger(__name__)


class PeriodicHooks:
    """The periodic hooks of one provider.

    :param provider: Karbor's provider, whose shares our plugin protects
    :param hooks: those of its hooks that have something to do from time to time
    :param claims: of this process
    :param spawn: starts the thread of one call
    """

    def __init__(
        self,
        provider: Any,
        hooks: Collection[Hook],
        claims: Claims,
        *,
        clock: Clock | None = None,
        spawn: deadline.Spawn = deadline.spawn,
    ) -> None:
        self._provider = provider
        self._hooks = hooks
        self._claims = claims
        self._clock = clock or Clock()
        self._spawn = spawn
        self._running: set[str] = set()
        self._settings = driver_options.of_provider(provider)[1]
        self.interval = float(self._settings.periodic_hooks_interval)
        #: Under which the claim is that one process has.
        self.claim_id = str(
            uuid.uuid5(uuid.NAMESPACE_URL, f"{identity.PREFIX}/periodic-hooks/{provider.id}")
        )

    def run_for_ever(self) -> None:
        """Turn after turn; the first one after one interval."""
        pause = self.interval
        while True:
            eventlet.sleep(pause)
            began = self._clock.now()
            self.turn()
            pause = max(0.0, self.interval - (self._clock.now() - began))

    def turn(self) -> None:
        """Call each hook once, unless another process does. It raises nothing."""
        try:
            if self._is_ours():
                self._call_all()
        except Exception:  # of a bank, the database, Manila or a driver: the next turn comes
            LOG.exception("Periodic hooks of provider %s were not called", self._provider.id)

    def stop(self) -> None:
        """Leave it to other processes."""
        self._claims.release(self.claim_id)

    def _is_ours(self) -> bool:
        if self._claims.is_held(self.claim_id):
            try:
                self._claims.check(self.claim_id, look=True)
            except ClaimLost as lost:
                LOG.info("Periodic hooks of provider %s: %s", self._provider.id, lost)
            else:
                return True
        self._claims.release(self.claim_id)  # of one that is lost only this process knows
        try:
            self._claims.take(
                self.claim_id,
                PERIODIC,
                provider_id=self._provider.id,
                checkpoint_id=self.claim_id,
                bank=self._provider.bank,
            )
        except Taken:
            return False
        LOG.info("Periodic hooks of provider %s are called by this process", self._provider.id)
        return True

    def _call_all(self) -> None:
        flow: FlowContext = self._provider.load_plugins()[SHARE].context_as_karbor([])
        flow.hold = fencing.Hold(self._claims, self.claim_id)
        flow.bind(Work(None, EVERY_PROJECT))
        try:
            data = self._data(flow)
            for hook in self._hooks:
                self._call(hook, flow, data)
        finally:
            flow.close()

    def _call(self, hook: Hook, flow: FlowContext, data: Sequence[Mapping[str, Any]]) -> None:
        """Call one, within its time. One whose last call has not ended is passed over."""
        if hook.name in self._running:
            LOG.error("The periodic hook %s still runs, and is not called again", hook.name)
            return
        call = functools.partial(
            hook.periodic, data=tuple(map(dict, data)), environment=OfFlow(flow)
        )

        def noted() -> None:
            try:
                call()
            finally:
                self._running.discard(hook.name)

        self._running.add(hook.name)
        try:
            deadline.call(noted, self._settings.hook_timeout, clock=self._clock, spawn=self._spawn)
        except Exception:  # whatever a hook raises: the others are called all the same
            LOG.exception("The periodic hook %s of provider %s", hook.name, self._provider.id)

    # -- what they get --------------------------------------------------------------------------

    def _data(self, flow: FlowContext) -> list[dict[str, Any]]:
        """What the drivers tell of the shares that the provider's plans mean."""
        by_driver: dict[str, list[View]] = defaultdict(list)
        for share in self._shares(flow):
            by_driver[flow.drivers.catalogue.name_for(share)].append(share)
        data: list[dict[str, Any]] = []
        for name, shares in sorted(by_driver.items()):
            try:
                data += flow.driver(name).get_periodic_hook_data(shares)
            except Exception:  # whatever another package's driver raises: it tells nothing
                LOG.exception("Driver %s tells periodic hooks nothing of its shares", name)
        return data

    def _shares(self, flow: FlowContext) -> Iterator[View]:
        meant = planned.by_project(self._provider.id)
        # A list of each project, or of all at once when they are many.
        whose = sorted(meant) if len(meant) <= lookup.FEW else [EVERY_PROJECT]
        for project_id in whose:
            for share in flow.retry(lambda: flow.manila.shares(project_id=project_id)):  # noqa: B023 - called at once
                known = meant.get(str(share.get("project_id")))
                if known and known.holds(share):
                    yield share


class PeriodicHooksThreads:
    """A green thread for each provider that has periodic hooks; none where there are none.

    :param providers: gives Karbor's providers
    :param hooks: of each provider that has any, by its id
    :param claims: of this process
    """

    def __init__(
        self,
        providers: Callable[[], Collection[Any]],
        hooks: Mapping[str, Collection[Hook]],
        claims: Claims,
    ) -> None:
        self._providers = providers
        self._hooks = hooks
        self._claims = claims
        self._threads: list[tuple[PeriodicHooks, Any]] = []

    def start(self) -> None:
        """Begin; the first turn of each is after its interval."""
        for provider in self._providers():
            named = self._hooks.get(provider.id, ())
            hooks = [hook for hook in named if type(hook).periodic is not Hook.periodic]
            if hooks and driver_options.of_provider(provider)[1].enable_periodic_hooks:
                periodic = PeriodicHooks(provider, hooks, self._claims)
                self._threads.append((periodic, eventlet.spawn(periodic.run_for_ever)))

    def stop(self) -> None:
        """End them where they wait, and leave their hooks to other processes."""
        for periodic, thread in self._threads:
            thread.kill()
            periodic.stop()
        self._threads.clear()
