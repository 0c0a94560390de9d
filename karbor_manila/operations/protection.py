# SPDX-License-Identifier: Apache-2.0
"""The requests for what keeps the shares of a flow: all together, for the first hook to arrive.

There is no barrier between the hooks of a Karbor flow, and some may never run. So the first one
writes the intents of all shares that are ready and calls each driver once with all of its shares;
each hook takes its own result. A share that was busy then comes later, alone. What no hook takes is
rolled back when the flow is closed; under Karbor's own manager, which closes nothing, its intent
stays for the deletion of the checkpoint.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from karbor.common import constants
from karbor.resource import Resource
from oslo_log import log as logging

from karbor_manila.bank import record_values
from karbor_manila.bank.record import Intent
from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.common.lazy import Once
from karbor_manila.drivers.base import ProtectOptions
from karbor_manila.manila import statuses
from karbor_manila.manila.errors import ManilaUnavailable
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.views import View
from karbor_manila.operations import in_doubt, parameters, undo
from karbor_manila.operations.share_job import ShareJob

if TYPE_CHECKING:
    from karbor_manila.operations.flow import FlowContext

LOG = logging.getLogger(__name__)

# So long does a hook that waits for its result sleep before it looks around again, in seconds.
_LOOK_AROUND = 5.0

# So much longer than two outages does a hook wait for the one that asks for all, in seconds.
_GIVEN_UP = 3600.0


@dataclass
class _Asked:
    """What was asked for, for one share. ``kept`` or ``error`` is set once the driver answered;
    both when its id could not be written down."""

    job: ShareJob
    intent: Intent
    kept: Kept | None = None
    error: Exception | None = None
    taken: bool = False

    @property
    def is_answered(self) -> bool:
        """Whether the driver has answered."""
        return self.kept is not None or self.error is not None


@dataclass(frozen=True)
class _Ready:
    """A share that can be asked for now."""

    job: ShareJob
    share: View
    options: ProtectOptions


class Protection:
    """What keeps the shares of one flow.

    :param flow: it is bound to its work
    """

    def __init__(self, flow: "FlowContext") -> None:
        self._flow = flow
        self._options = Once(flow.clock, flow.settings.outage_timeout)
        self._longest = 2 * flow.settings.outage_timeout + _GIVEN_UP
        self._news = threading.Condition()
        self._has_begun = False
        #: The shares of the request for all that have no answer yet.
        self._awaited: set[str] = set()
        self._asked: dict[str, _Asked] = {}

    # -- parameters ---------------------------------------------------------------------------

    def options(self, share_id: str, given: Mapping[str, Any] | None = None) -> ProtectOptions:
        """A share's parameters, resolved once.

        :param given: as Karbor gives them to the share's hook; by default they are looked for
            among those of the plan
        :raises InvalidParameter: one cannot be used
        :raises LookupError: they are not known yet: Karbor's own manager gives them to hooks only
        """
        if given is None:
            if self._flow.parameters is None:
                raise LookupError(share_id)
            kind = constants.SHARE_RESOURCE_TYPE
            given = parameters.merge(self._flow.parameters, kind, share_id)
        own, checkpoint_id = given, str(self._flow.work.checkpoint.id)
        return self._options(share_id, lambda: parameters.protect_options(own, checkpoint_id))

    # -- what a hook takes --------------------------------------------------------------------

    def take(self, job: ShareJob, share: View, options: ProtectOptions) -> tuple[Intent, Kept]:
        """What keeps the share of a hook: it was asked for, or is now.

        :param share: its view, when it can be asked for
        :raises Exception: what the driver raised for this share, or why its id is not in the bank
        """
        own = _Ready(job, share, options)
        with self._news:
            first, self._has_begun = not self._has_begun, True
            if first:  # until it is known which of them are asked for, all wait
                self._awaited |= set(self._flow.resource_ids)
        if first:
            self._ask_for_all(own)
        else:
            self._await(job.share_id)
        asked = self._asked.get(job.share_id)
        if asked and not asked.is_answered:
            self._look_for(asked)
        if asked is None or asked.taken or not asked.is_answered:
            self._ask([own])  # it was busy, or the thread that was to ask for it was stopped
            asked = self._asked[job.share_id]
        asked.taken = True
        job.made = asked.kept.id if asked.kept else None
        if asked.error or asked.kept is None:
            raise asked.error or LookupError(f"the driver gave nothing for {job.share_id}")
        return asked.intent, asked.kept

    def intent_of(self, share_id: str) -> Intent | None:
        """The intent of a share, if one was written."""
        asked = self._asked.get(share_id)
        return asked.intent if asked else None

    def roll_back_uncollected(self) -> None:
        """Roll back what was asked for and no hook took. The caller holds the claim."""
        for share_id, asked in list(self._asked.items()):
            if asked.taken:
                continue
            asked.taken = True
            LOG.warning(
                "Share %s, checkpoint %s: its hook never ran; what was made for it is removed",
                share_id,
                asked.job.checkpoint.id,
            )
            asked.job.made = asked.kept.id if asked.kept else None
            unclear = not asked.is_answered or isinstance(asked.error, ManilaUnavailable)
            undo.roll_back(asked.job, asked.intent, unclear=unclear)

    # -- asking -------------------------------------------------------------------------------

    def _ask_for_all(self, own: _Ready) -> None:
        """Ask for the share of a hook and all others that are ready; the rest join later."""
        later: set[str] = set(self._flow.resource_ids)
        try:
            ready = [own, *self._others(own.job.share_id)]
            later -= {each.job.share_id for each in ready}
        finally:
            with self._news:
                self._awaited -= later
                self._news.notify_all()
        self._ask(ready)

    def _others(self, share_id: str) -> list[_Ready]:
        """The other shares of the flow that can be asked for now."""
        flow, ready = self._flow, []
        for other in flow.resource_ids:
            if other == share_id or other in flow.not_awaited:
                continue
            try:
                share, options = flow.preflight.share(other), self.options(other)
            except (KarborManilaError, LookupError):
                continue  # its own hook says it
            if share["status"] == statuses.AVAILABLE or options.force:
                ready.append(_Ready(self._job_of(other), share, options))
        return ready

    def _job_of(self, share_id: str) -> ShareJob:
        work = self._flow.work
        resource = Resource(type=constants.SHARE_RESOURCE_TYPE, id=share_id, name="")
        return ShareJob.of_hook(self._flow, work.checkpoint, resource, work.context, {}, {})

    def _ask(self, ready: list[_Ready]) -> None:
        """Write the intents of these shares, all before anything is created, and call each driver
        once. The error of the first one's intent is raised; the others' hooks meet theirs."""
        self._awaited |= {each.job.share_id for each in ready}
        try:
            by_driver: dict[str, list[_Ready]] = defaultdict(list)
            for number, each in enumerate(ready):
                driver = self._flow.driver_name(each.share)
                try:
                    self._begin(each, driver)
                except ClaimLost:
                    raise
                except KarborManilaError:
                    if number == 0:
                        raise
                    self._arrived(each.job.share_id)
                else:
                    by_driver[driver].append(each)
            for driver, shares in by_driver.items():
                self._call(driver, shares)
        finally:
            # The asking thread may be killed: no other waits for it then.
            with self._news:
                self._awaited -= {each.job.share_id for each in ready}
                self._news.notify_all()

    def _begin(self, ready: _Ready, driver: str) -> None:
        job, share = ready.job, ready.share
        described = record_values.describe(share)
        intent = job.begin("protect", driver, share["project_id"], share=described)
        self._asked[job.share_id] = _Asked(job, intent)

    def _call(self, name: str, ready: list[_Ready]) -> None:
        """Call a driver with all of its shares, and put down each id as soon as it is known."""
        shares = [each.share for each in ready]
        ids = [each.job.share_id for each in ready]
        marks = {share_id: self._asked[share_id].intent.mark for share_id in ids}
        options = {each.job.share_id: each.options for each in ready}
        try:
            for share_id, result in self._flow.driver(name).protect(shares, marks, options):
                self._put_down(share_id, result)
                self._arrived(share_id)
        except ClaimLost:
            raise
        except Exception as error:  # noqa: BLE001 - any driver's: those without an answer fail by it
            LOG.warning("Driver %s: %s", name, error)
            for share_id in ids:
                if not self._asked[share_id].is_answered:
                    self._asked[share_id].error = error
                    self._arrived(share_id)

    def _look_for(self, asked: _Asked) -> None:
        """The thread that asked for a share was stopped: its request is in doubt."""
        found = in_doubt.find(asked.job, asked.intent, since=asked.job.now())
        if found:
            self._put_down(asked.job.share_id, found)

    def _put_down(self, share_id: str, result: Kept | Exception) -> None:
        asked = self._asked[share_id]
        if isinstance(result, Exception):
            asked.error = result
            return
        asked.kept = result
        try:
            asked.intent = asked.job.section.created(asked.intent, result.id)
        except ClaimLost:
            raise
        except KarborManilaError as error:
            asked.error = error

    def _arrived(self, share_id: str) -> None:
        with self._news:
            self._awaited.discard(share_id)
            self._news.notify_all()

    def _await(self, share_id: str) -> None:
        """Wait until the driver has answered for a share, or no thread asks for it."""
        clock, waited = self._flow.clock, 0.0
        with self._news:
            while share_id in self._awaited and waited < self._longest:
                began = clock.now()
                clock.wait(self._news, _LOOK_AROUND)
                waited += min(_LOOK_AROUND, clock.now() - began)
