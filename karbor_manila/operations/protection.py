# SPDX-License-Identifier: Apache-2.0
"""The requests for what keeps the shares of a flow: one call of each driver for all of its shares.

The intents of all shares that are ready are written first; then each driver is called once, and
each share goes on as soon as its own answer is there. A share that was busy then is asked for
later, alone; so is each share under an engine that is not ours, which knows one hook at a time.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oslo_log import log as logging

from karbor_manila.bank import record_values
from karbor_manila.bank.record import Intent
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.common.turns import taking_turns
from karbor_manila.drivers.base import ProtectOptions
from karbor_manila.drivers.parallel import as_they_come
from karbor_manila.hooks.base import PROTECT
from karbor_manila.manila import statuses
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.views import Rule, View
from karbor_manila.operations import hooking, in_doubt, parameters
from karbor_manila.operations.share_job import ShareJob

if TYPE_CHECKING:
    from karbor_manila.operations.flow import FlowContext

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """What keeps a share, asked for, and the intent that has its id."""

    intent: Intent
    kept: Kept


@dataclass(frozen=True)
class _Ready:
    """A share that can be asked for now."""

    job: ShareJob
    share: View
    options: ProtectOptions


_Answer = Future[Begun | None]
_Answers = dict[str, _Answer]


class Protection:
    """What keeps the shares of one flow.

    :param flow: it is bound to its work
    """

    def __init__(self, flow: "FlowContext") -> None:
        self._flow = flow
        self._options: dict[str, ProtectOptions | InvalidParameter] = {}
        #: For each share that is asked for with the others: what it is to get. None: it was not
        #: ready, or the thread that asked for all was stopped; then it is asked for alone.
        self._answers: _Answers = {}
        #: The ids of shares that were not asked for because of a hook.
        self.held_back: set[str] = set()
        #: By share id, as they were before hooks.
        self._rules: dict[str, list[Rule] | None] = {}

    # -- parameters ---------------------------------------------------------------------------

    def options(self, share_id: str, given: Mapping[str, Any] | None = None) -> ProtectOptions:
        """A share's parameters, resolved once.

        :param given: as Karbor gives them to the share's hook
        :raises InvalidParameter: one cannot be used
        :raises LookupError: they are not known yet: under an engine that is not ours each hook
            gives its own alone
        """
        if share_id not in self._options:
            if given is None:
                raise LookupError(share_id)
            self._options[share_id] = self._resolve(given)
        known = self._options[share_id]
        if isinstance(known, InvalidParameter):
            raise known
        return known

    def _resolve(self, given: Mapping[str, Any]) -> ProtectOptions | InvalidParameter:
        try:
            return parameters.protect_options(
                given,
                str(self._flow.work.checkpoint.id),
                record_access_rules=self._flow.settings.record_access_rules,
            )
        except InvalidParameter as error:
            return error

    # -- all shares at once -------------------------------------------------------------------

    def asking_for_all(self, jobs: Sequence[ShareJob]) -> Callable[[], None]:
        """Let :meth:`take` wait for what is returned here: a function that asks for all shares that
        are ready and gives each its answer. It raises nothing but what kills a thread."""
        for job in taking_turns(jobs):  # the preflight looks at all shares with their parameters
            self._options.setdefault(job.share_id, self._resolve(job.given))
        answers: _Answers = {job.share_id: Future() for job in jobs}
        self._answers.update(answers)
        return lambda: self._ask_for_all(jobs, answers)

    def _ask_for_all(self, jobs: Sequence[ShareJob], answers: _Answers) -> None:
        try:
            ready = [each for each in map(self._ready, taking_turns(jobs)) if each]
            if self._flow.hooks:
                views = {each.job.share_id: each.share for each in ready}
                hooking.gather(self._flow, PROTECT, [each.job for each in ready], views)
            known = self._with_rules(ready, answers)
            begun = [each for each in known if self._is_begun(each)]
            by_driver: dict[str, list[_Ready]] = defaultdict(list)
            for each in self._entered(begun, answers):
                by_driver[self._flow.driver_name(each.share)].append(each)
            for driver, of_driver in by_driver.items():
                self._call(driver, of_driver, answers)
        finally:
            # Whatever ends this thread, none waits for it then.
            for answer in answers.values():
                if not answer.done():
                    answer.set_result(None)

    def _is_begun(self, ready: _Ready) -> bool:
        """Whether the intent of a share is written, so that it can be asked for with the others."""
        try:
            self._begin(ready, self._flow.driver_name(ready.share))
        except Exception as error:  # noqa: BLE001 - its own run meets the same, alone
            # It writes the intent again, and reports what the bank says then.
            LOG.debug("Share %s is asked for alone: %s", ready.job.share_id, error)
            return False
        return True

    def _entered(self, ready: list[_Ready], answers: _Answers) -> list[_Ready]:
        """Call what hooks have before the driver; those shares of which nothing failed in that."""
        if not self._flow.hooks:
            return ready
        failed = hooking.enter_all(self._flow, [each.job for each in ready])
        self.held_back |= failed.keys()
        return self._without(failed, ready, answers)

    def _with_rules(self, ready: list[_Ready], answers: _Answers) -> list[_Ready]:
        """Read the access rules of shares before hooks are called: one that quiesces them may
        change these, and a restore gives back those that users made."""
        wanted = [each.job.share_id for each in ready if each.options.record_access_rules]
        if not wanted or not self._flow.hooks:
            return ready
        read = self._flow.shares.access_rules
        failed: dict[str, Exception] = {}
        for share_id, found in as_they_come(wanted, read, self._flow.at_a_time):
            if isinstance(found, Exception):
                failed[share_id] = found
            else:
                self._rules[share_id] = found
        return self._without(failed, ready, answers)

    @staticmethod
    def _without(
        failed: Mapping[str, Exception], ready: list[_Ready], answers: _Answers
    ) -> list[_Ready]:
        for share_id, error in failed.items():
            answers[share_id].set_exception(error)
        return [each for each in ready if each.job.share_id not in failed]

    def rules(self, job: ShareJob) -> list[Rule] | None:
        """The access rules of a share, when they were read before its hooks; None when there are
        none, or when Manila does not show them."""
        return self._rules.get(job.share_id)

    def _ready(self, job: ShareJob) -> _Ready | None:
        """A share, when it can be asked for now."""
        try:
            options = self.options(job.share_id, job.given)
            share = self._flow.preflight.share(job.share_id)
            job.check_options(self._flow.driver_name(share), options)
        except Exception as error:  # noqa: BLE001 - its own run meets the same, and reports it
            LOG.debug("Share %s is not asked for with the others: %s", job.share_id, error)
            return None
        if share["status"] == statuses.AVAILABLE or options.force:
            return _Ready(job, share, options)
        return None

    # -- what one share takes -----------------------------------------------------------------

    def take(self, job: ShareJob, share: View, options: ProtectOptions) -> Begun:
        """What keeps a share: it was asked for with the others, or is now.

        :param share: its view, when it can be asked for
        :raises Exception: what the driver raised for this share, or why its id is not in the bank
        """
        with_others = self._answers.pop(job.share_id, None)
        if with_others:
            begun = with_others.result()
            if begun is None and job.intent:
                begun = self._look_for(job, job.intent)
            if begun:
                return begun
        ready, answer = _Ready(job, share, options), _Answer()
        driver, answers = self._flow.driver_name(share), {job.share_id: answer}
        if self._with_rules([ready], answers):
            self._begin(ready, driver)
            if entered := self._entered([ready], answers):
                self._call(driver, entered, answers)
        begun = answer.result()
        if begun is None:
            raise LookupError(f"driver {driver} gave nothing for share {job.share_id}")
        return begun

    def give_up(self, job: ShareJob) -> None:
        """The run of a share has failed; it returns once nothing is asked for it any more."""
        with_others = self._answers.pop(job.share_id, None)
        if with_others:
            error = with_others.exception()
            LOG.debug(
                "Share %s has failed; what was asked for it: %s", job.share_id, error or "made"
            )

    def _look_for(self, job: ShareJob, intent: Intent) -> Begun | None:
        """The thread that asked for all was stopped after it had written this intent: whether it
        has sent the request is in doubt."""
        kept = in_doubt.find(job, intent, since=job.now())
        return self._put_down(job, intent, kept) if kept else None

    # -- asking -------------------------------------------------------------------------------

    def _begin(self, ready: _Ready, driver: str) -> None:
        described = record_values.describe(ready.share)
        hooks = hooking.prepare(ready.job, PROTECT, ready.share)
        ready.job.begin(
            "protect",
            driver,
            ready.share["project_id"],
            share=described,
            record_access_rules=ready.options.record_access_rules,
            hooks=hooks,
            access_rules=self._rules.get(ready.job.share_id),
        )

    def _call(self, name: str, ready: Sequence[_Ready], answers: _Answers) -> None:
        """Call a driver with all of its shares, and put down each id as soon as it is known."""
        jobs = {each.job.share_id: each.job for each in ready}
        begun = {share_id: job.intent for share_id, job in jobs.items() if job.intent}
        marks = {share_id: intent.mark for share_id, intent in begun.items()}
        options = {each.job.share_id: each.options for each in ready}
        failed: Exception | None = None
        try:
            driver = self._flow.driver(name)
            for share_id, kept in driver.protect([each.share for each in ready], marks, options):
                if share_id not in jobs or answers[share_id].done():
                    LOG.warning("Driver %s: share %s is not waiting for an answer", name, share_id)
                    continue
                if isinstance(kept, Exception):
                    answers[share_id].set_exception(kept)
                    continue
                try:
                    answer = self._put_down(jobs[share_id], begun[share_id], kept)
                except Exception as error:  # noqa: BLE001 - its own: the others' requests are sent
                    answers[share_id].set_exception(error)
                else:
                    answers[share_id].set_result(answer)
        except Exception as error:  # noqa: BLE001 - any driver's: those without an answer fail by it
            LOG.warning("Driver %s: %s", name, error)
            failed = error
        for share_id in jobs:
            if not answers[share_id].done():
                nothing = LookupError(f"driver {name} gave nothing for share {share_id}")
                answers[share_id].set_exception(failed or nothing)

    @staticmethod
    def _put_down(job: ShareJob, intent: Intent, kept: Kept) -> Begun:
        job.made = kept.id
        return Begun(job.section.created(intent, kept.id), kept)
