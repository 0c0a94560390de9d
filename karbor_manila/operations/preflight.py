# SPDX-License-Identifier: Apache-2.0
"""The preflight of a protection: one look at all shares of the flow before anything is created."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from oslo_log import log as logging

from karbor_manila.common.polling import PENDING
from karbor_manila.manila import lookup, marks, statuses
from karbor_manila.manila.errors import ShareGone, ShareNotProtectable
from karbor_manila.operations import reporting
from karbor_manila.operations.share_operation import ShareJob

LOG = logging.getLogger(__name__)

View = dict[str, Any]


class Preflight:
    """The shares of a flow as they were found: views, and the errors of those that are refused."""

    def __init__(self, views: Mapping[str, View | None], refused: Mapping[str, Exception]) -> None:
        self._views = views
        self._refused = refused

    def share(self, share_id: str) -> View:
        """The share's view. Raises what refuses it."""
        if share_id in self._refused:
            raise self._refused[share_id]
        view = self._views[share_id]
        if view is None:
            raise ShareGone(share_id)
        return view


def survey(job: ShareJob) -> Preflight:
    """Look at all shares of the flow at once; the first hook to arrive does it for the others.

    :raises QuotaTooSmall: the quota does not suffice for all of them
    """
    return job.flow.once("survey", lambda: _survey(job))


def _survey(job: ShareJob) -> Preflight:
    views = job.flow.retry(lambda: _look(job, job.flow.resource_ids))
    refused: dict[str, Exception] = {}
    by_driver: dict[str, list[View]] = defaultdict(list)
    catalogue = job.catalogue()
    endpoint = job.manila().endpoint
    for share_id, view in views.items():
        error = _objection(share_id, view, job.context.project_id, endpoint)
        if error:
            refused[share_id] = error
        elif view:
            by_driver[catalogue.name_for(view)].append(view)
    for name, shares in by_driver.items():
        driver = catalogue.driver(name)
        refused |= driver.preflight(shares)
        caveats = {share["id"]: driver.caveat(share) for share in shares}
        _remark(job, {of: said for of, said in caveats.items() if said and of not in refused})
    return Preflight(views, refused)


def _remark(job: ShareJob, caveats: Mapping[str, str]) -> None:
    """Say in the checkpoint what the user should know of its shares; a courtesy."""
    if caveats:
        said = {reporting.key(share_id): sentence for share_id, sentence in caveats.items()}
        reporting.guard(reporting.to_remarks, job, said)


def await_idle(job: ShareJob, share: View) -> View:
    """Wait until a busy share is available.

    :returns: the share's view by then
    :raises ShareNotProtectable: it ended in a status from which it cannot be protected
    :raises DeadlineExceeded: it was busy for too long
    """
    if share["status"] == statuses.AVAILABLE:
        return share
    LOG.info(
        "Share %s, checkpoint %s: waiting while it is %s",
        share["id"],
        job.checkpoint.id,
        share["status"],
    )

    def judge(view: View | None) -> Any:
        error = _objection(share["id"], view, job.context.project_id, job.manila().endpoint)
        if error:
            raise error
        return view if view and view["status"] == statuses.AVAILABLE else PENDING

    watcher = job.flow.busy_shares(job.manila(), lambda ids: _look(job, ids))
    idle: View = watcher.wait(
        share["id"],
        judge,
        job.flow.settings.share_busy_timeout,
        f"share {share['id']} to become available",
    )
    return idle


def look_again(job: ShareJob, share_id: str) -> View:
    """The share as it is now. Raises ShareNotProtectable when it cannot be protected any more."""
    manila = job.manila()
    view = job.flow.retry(lambda: manila.share(share_id))
    error = _objection(share_id, view, job.context.project_id, manila.endpoint)
    if error or view is None:
        raise error or ShareGone(share_id, endpoint=manila.endpoint)
    return view


def _look(job: ShareJob, ids: Collection[str]) -> dict[str, View | None]:
    manila = job.manila()
    return lookup.look(ids, manila.share, manila.shares)


def _objection(
    share_id: str, view: View | None, project_id: str, endpoint: str
) -> Exception | None:
    """Why this share cannot be protected in this project, by its view alone."""
    if view is None:
        return ShareGone(share_id, endpoint=endpoint)
    gone = _gone(share_id, view, project_id)
    if gone:
        return gone
    purpose = (view.get("metadata") or {}).get(marks.PURPOSE)
    if purpose:
        # A snapshot of it would keep it from being removed.
        return ShareNotProtectable(
            share_id,
            f"karbor-manila made it itself, for a {purpose}, and removes it again",
            "Take it out of the plan.",
        )
    if view["status"] in statuses.SHARE_FINAL:
        return ShareNotProtectable(
            share_id,
            f"its status is {view['status']!r}",
            "Mend it or take it out of the plan, then protect again.",
        )
    return None


def _gone(share_id: str, view: View, project_id: str) -> ShareGone | None:
    """Why a share that is still seen is none of this project's any more."""
    if view.get("project_id") != project_id:
        return ShareGone(
            share_id,
            "it belongs to another project, and a snapshot would belong to this one",
            "Protect it from its own project.",
        )
    if view.get("is_soft_deleted"):
        return ShareGone(
            share_id, "it is in the recycle bin", "Take it out of there, or out of the plan."
        )
    if view["status"] in statuses.SHARE_GOING:
        return ShareGone(share_id, f"its status is {view['status']!r}")
    return None
