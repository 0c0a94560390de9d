# SPDX-License-Identifier: Apache-2.0
"""Protect one share, from its parameters to its record: the story of a protection, top to bottom.

What all shares of a flow have in common is done once: the preflight (:mod:`.preflight`), and the
requests for what keeps them (:mod:`.protection`).
"""

import dataclasses
from collections.abc import Callable, Sequence

from karbor import exception as karbor_exception
from karbor.common import constants

from karbor_manila.bank import record_values
from karbor_manila.bank.record import HookFacts, Intent, ShareRecord
from karbor_manila.common import left_out
from karbor_manila.drivers.abilities import KeepsTogether
from karbor_manila.drivers.base import Driver, ProtectOptions
from karbor_manila.hooks.base import PROTECT
from karbor_manila.hooks.errors import HookSkip
from karbor_manila.manila import statuses
from karbor_manila.manila.errors import (
    ManilaRefused,
    ShareGone,
    ShareNotProtectable,
    ShareStatusUnknown,
)
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.views import Rule, View
from karbor_manila.operations import (
    content,
    elsewhere,
    hook_results,
    hooking,
    leaving_out,
    preflight,
    reporting,
    undo,
)
from karbor_manila.operations.protection import Begun
from karbor_manila.operations.share_job import ShareJob
from karbor_manila.operations.share_operation import ShareOperation

# Manila refuses a snapshot of a share that is busy, or whose busy replica it does not find
# (manila/share/api.py, create_snapshot), and one of a group with a busy share, by a conflict
# (manila/share_group/api.py, create_share_group_snapshot).
_MAY_BE_BUSY = (400, 404, 409)


class ProtectOperation(ShareOperation):
    """Keeps a share in a checkpoint."""

    verb = "Protection"
    told_as = "protect"
    failure = karbor_exception.CreateResourceFailed

    def begin_all(self, jobs: Sequence[ShareJob]) -> Callable[[], None] | None:
        """All shares that are ready are asked for together."""
        return self.flow.protection.asking_for_all(jobs)

    def run(self, job: ShareJob) -> None:
        """From here on a crash leaves in the bank what may be in Manila: the intent is written
        before the request, its id as soon as it is known, and the record when it is complete."""
        options = job.flow.protection.options(job.share_id, job.given)
        share = inspect(job, options)
        begun = begin(job, share, options)
        rules = job.flow.protection.rules(job)  # as they were before a hook that changes them
        if options.record_access_rules and rules is None:
            rules = job.flow.shares.access_rules(job.share_id)  # while Manila makes the snapshot
        driver = job.driver(begun.intent.driver)
        kept = driver.wait(begun.kept)
        tell_held_back(job, driver, kept)
        complete(job, begun.intent, kept, rules)
        content.take_manifest(job, begun.intent)

    def await_begun(self, job: ShareJob) -> None:
        """It may just be asked for with the others."""
        self.flow.protection.give_up(job)

    def passes_over(self, job: ShareJob, error: Exception) -> bool:
        """A share that has gone since its project was listed is left out, and one of whose status
        nothing is known."""
        is_out = False
        if isinstance(error, ShareGone | ShareStatusUnknown):
            is_out = leaving_out.leave_out(job, error)
        elif isinstance(error, HookSkip) and job.hooks and job.hooks.point == PROTECT:
            is_out = leaving_out.leave_out(job, skipped(job, error), named=True)
        if is_out:
            reporting.withdraw(job.flow, reporting.key(job.share_id))
        return is_out

    def failed(self, job: ShareJob, reason: str) -> None:
        """Into the checkpoint, and the status of the resource. What the preflight remarked was of a
        share that is kept."""
        reporting.withdraw(job.flow, reporting.key(job.share_id))
        reporting.to_checkpoint(job, reason)
        job.section.status(constants.RESOURCE_STATUS_ERROR)


def inspect(job: ShareJob, options: ProtectOptions) -> View:
    """The share, when it can be protected: the flow's preflight; a busy share is waited for."""
    share = job.flow.preflight.share(job.share_id)
    job.check_options(job.flow.driver_name(share), options)
    return share if options.force else preflight.await_idle(job.flow, share)


def begin(job: ShareJob, share: View, options: ProtectOptions) -> Begun:
    """Ask for what keeps a share. It may have become busy since the preflight: then once more."""
    deadline = job.flow.clock.now() + job.flow.settings.share_busy_timeout
    again = True  # what was busy may be ready by now
    while True:
        try:
            return job.flow.protection.take(job, share, options)
        except ManilaRefused as refused:
            left = deadline - job.flow.clock.now()
            if refused.status not in _MAY_BE_BUSY or left < 0:
                raise
            hooking.failed(job, refused)  # nothing stands still while a share is waited for
            share = preflight.look_again(job.flow, job.share_id)
            if options.force or share["status"] == statuses.AVAILABLE:
                driver = job.driver(job.flow.driver_name(share))
                if isinstance(driver, KeepsTogether):
                    waited = driver.await_ready(share, left)
                elif job.hooks:
                    waited = False  # it may have become ready while their posts were called
                else:
                    raise
                if not (waited or again):
                    raise
                again = waited
            else:
                share = preflight.await_idle(job.flow, share)


def complete(job: ShareJob, intent: Intent, kept: Kept, rules: list[Rule] | None) -> None:
    """What keeps the share is there: the record of it takes the place of the intent.

    Its size is that of the snapshot: the share may have been extended since the preflight, and
    Manila makes no share that is smaller than the snapshot.
    """
    hooks = after_hooks(job, kept, intent)
    made = record_values.complete(
        intent,
        kept.id,
        job.now(),
        size=kept.size,
        access_rules=rules,
        data=kept.data,
        hooks=hooks,
        endpoint=elsewhere.url_of(job.flow.manila.endpoint),
    )
    keep(job, intent, made)


def tell_held_back(job: ShareJob, driver: Driver, kept: Kept) -> None:
    """What keeps a share may keep others, too, that a hook has held back: its user reads it."""
    held_back = job.flow.protection.held_back
    if held_back and isinstance(driver, KeepsTogether):
        others = sorted(held_back & set(driver.members(kept)) - {job.share_id})
        if others:
            reporting.remark(
                job.flow,
                reporting.key(job.share_id),
                f"It is kept together with share{'s' if len(others) > 1 else ''} "
                f"{', '.join(others)}, which a hook held back: not protected with it, and kept all "
                f"the same, as it was without its hooks.",
            )


def after_hooks(job: ShareJob, kept: Kept, intent: Intent) -> HookFacts | None:
    """What keeps a share is there: the posts of its hooks are called.

    :returns: what its record says of them. Of a process that died nobody knows how far it came
    """
    if job.hooks is None:
        return _interrupted(job, intent) if intent.hooks else None

    def again(_result: dict[str, object]) -> None:
        known = job.section.record()
        if known:
            job.section.complete(dataclasses.replace(known, hooks=hooking.facts(job)))

    hooking.leave(job, hook_results.of_kept(kept.id, kept.size), again)
    return hooking.facts(job)


def _interrupted(job: ShareJob, intent: Intent) -> HookFacts:
    reporting.remark(
        job.flow,
        reporting.key(job.share_id),
        f"The process that kept it died between what its hooks do before and after that "
        f"({', '.join(intent.hooks)}): its content may not be consistent.",
    )
    return HookFacts(intent.hooks, interrupted=True)


def keep(job: ShareJob, intent: Intent, record: ShareRecord) -> None:
    """Complete a protection or a copy (:func:`.undo.keep`)."""
    undo.keep(job, intent, record)
    hooking.written(job)


def skipped(job: ShareJob, skip: HookSkip) -> ShareNotProtectable:
    """Why a hook leaves a share out: a checkpoint without it is partial."""
    return ShareNotProtectable(job.share_id, str(skip).rstrip("."), "", kind=left_out.BROKEN)
