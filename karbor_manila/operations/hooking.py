# SPDX-License-Identifier: Apache-2.0
"""The one seam at which operations call hooks. Without any each of these costs one look.

An operation names its shares' hooks in the intent (:func:`prepare`), calls their pres before the
driver (:func:`enter`) and their posts after it (:func:`leave`, or :func:`failed` before it rolls
back). :mod:`.hook_rounds` has the order.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from karbor_manila.bank.record import HookFacts
from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.drivers.parallel import as_they_come
from karbor_manila.hooks.base import Hook
from karbor_manila.operations import hook_calls
from karbor_manila.operations.hook_rounds import Again, Result, ShareHooks, Together
from karbor_manila.operations.share_job import ShareJob

if TYPE_CHECKING:
    from karbor_manila.operations.flow import FlowContext


def active(hooks: Collection[Hook], settings: Any) -> tuple[Hook, ...]:
    """Those that are called around the calls of drivers, as the provider's options say."""
    if not hooks or not (settings.enable_pre_hooks or settings.enable_post_hooks):
        return ()
    return tuple(hooks)


def gather(
    flow: "FlowContext",
    point: str,
    jobs: Collection[ShareJob],
    views: Mapping[str, Mapping[str, Any]],
) -> None:
    """These shares are asked for together: they share the hooks of scope checkpoint.

    :param views: of the shares, as far as they are known
    """
    if flow.hooks and jobs:
        together = Together(flow, point, {job.share_id: job for job in jobs}, views)
        for job in jobs:
            job.together = together


def gather_by_point(
    flow: "FlowContext", jobs: Sequence[ShareJob], point_of: Callable[[ShareJob], str | None]
) -> None:
    """As :func:`gather`, of an operation whose shares are not all at the same point."""
    by_point: dict[str, list[ShareJob]] = {}
    for job in jobs:
        if point := point_of(job):
            by_point.setdefault(point, []).append(job)
    for point, gathered in by_point.items():
        gather(flow, point, gathered, {})


def prepare(job: ShareJob, point: str, view: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Find the hooks that are called for this share, before its intent is written.

    :param view: what is known of the share, if the caller has it
    :returns: their names, for the intent
    :raises HookError: one does not say whether it is called
    """
    if not any(point in hook.points for hook in job.flow.hooks):
        return ()
    earlier = job.hooks
    if earlier:
        # It was asked for before, which came to nothing: this is a round of its own.
        earlier.fail(KarborManilaError("It is asked for once more."))
        job.together = None
    together = job.together
    if together is None or together.point != point:
        views = {job.share_id: view} if view else {}
        together = job.together = Together(job.flow, point, {job.share_id: job}, views)
    job.hooks = ShareHooks(job, point, view or hook_calls.view_of(job, point), together)
    if earlier:
        job.hooks.failed |= earlier.failed
    return job.hooks.names


def enter(job: ShareJob) -> None:
    """Call the pres, right before the driver is called.

    :raises HookError, HookSkip: nothing is to be made; :func:`failed` follows
    :raises ClaimLost: another process has taken over
    """
    if job.hooks:
        job.hooks.enter()


def enter_all(flow: "FlowContext", jobs: Sequence[ShareJob]) -> dict[str, Exception]:
    """As :func:`enter`, of many shares side by side.

    :returns: by share id, why nothing is to be made
    """
    if not flow.hooks or not jobs:
        return {}
    outcomes = as_they_come(list(jobs), _entered, flow.at_a_time)
    return {job.share_id: error for job, error in outcomes if error is not None}


def _entered(job: ShareJob) -> Exception | None:
    try:
        enter(job)
    except Exception as error:  # noqa: BLE001 - it is that of this share, whose run gets it
        return error
    return None


def leave(job: ShareJob, result: Result, again: Again) -> Result:
    """Call the posts: the driver has done its work.

    :param result: what came of it (:mod:`.hook_results`)
    :param again: writes it once more, when hooks that others share amend it after :func:`written`
    :returns: the result, amended
    :raises ClaimLost: another process has taken over
    """
    return job.hooks.leave(result, again) if job.hooks else result


def written(job: ShareJob) -> None:
    """What came of it is written, and complete."""
    if job.hooks:
        job.hooks.written()


def facts(job: ShareJob) -> HookFacts | None:
    """What the record says of hooks; None when none was called."""
    return job.hooks.facts() if job.hooks else None


def failed(job: ShareJob, error: Exception) -> None:
    """Call the posts before anything is rolled back: the work has failed.

    :raises ClaimLost: another process has taken over, and thaws
    """
    if job.hooks:
        job.remarks += job.hooks.fail(error)
    elif job.together:
        if isinstance(error, ClaimLost):
            return
        job.together.done(job.share_id, None, str(error))


def ended(job: ShareJob) -> None:
    """The work has ended well. A share that the driver was not asked for keeps no other waiting."""
    if job.together and not (job.hooks and job.hooks.is_over):
        job.together.done(job.share_id, None)
    release(job)


def release(job: ShareJob) -> None:
    """The work on a share has ended, well or not: posts that failed are for the reconciliation."""
    if job.hooks:
        job.hooks.release()
