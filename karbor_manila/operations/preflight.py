# SPDX-License-Identifier: Apache-2.0
"""The preflight of a protection: one look at all shares of the flow before anything is created."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from oslo_log import log as logging

from karbor_manila.common.errors import DeadlineExceeded, InvalidParameter
from karbor_manila.common.polling import PENDING
from karbor_manila.drivers.base import ProtectOptions
from karbor_manila.manila import lookup, statuses
from karbor_manila.manila.errors import ShareGone, ShareStatusUnknown
from karbor_manila.operations import not_restored, parameters, reporting

if TYPE_CHECKING:
    from karbor_manila.operations.flow import FlowContext

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


def look_at_all(flow: "FlowContext") -> Preflight:
    """Look at all shares of the flow at once.

    :raises QuotaTooSmall: the quota does not suffice for all of them
    """
    views = flow.retry(lambda: _look(flow, flow.resource_ids))
    refused: dict[str, Exception] = {}
    caveats: dict[str, str] = {}
    by_driver: dict[str, list[View]] = defaultdict(list)
    for share_id, view in views.items():
        error = _objection(flow, share_id, view)
        if error:
            refused[share_id] = error
        elif view:
            by_driver[flow.driver_name(view)].append(view)
            caveats |= _passed_over(flow, view)
    asked: dict[str, ProtectOptions] = {}
    for name, shares in by_driver.items():
        ids = [str(share["id"]) for share in shares]
        marks = {share_id: flow.mark(flow.bank_id, share_id) for share_id in ids}
        options = {share_id: _options(flow, share_id) for share_id in ids}
        found = flow.driver(name).preflight(shares, options, marks)
        refused |= found.refused
        asked |= options
        for key, said in ((reporting.key(each), said) for each, said in found.caveats.items()):
            caveats[key] = f"{caveats[key]} {said}" if key in caveats else said
    _remark(flow, not_restored.not_recorded(asked) | caveats)
    return Preflight(views, refused)


def _options(flow: "FlowContext", share_id: str) -> ProtectOptions:
    """A share's parameters. Those that are wrong or not known its own hook checks: they keep no
    other share from being protected."""
    try:
        return flow.protection.options(share_id)
    except (InvalidParameter, LookupError):
        name = parameters.default_name(str(flow.work.checkpoint.id))
        recorded = flow.settings.record_access_rules
        return ProtectOptions(name, record_access_rules=recorded)


def _passed_over(flow: "FlowContext", share: View) -> dict[str, str]:
    """The remark on a share whose preferred driver cannot keep it: which one does, and why."""
    catalogue, name = flow.drivers.catalogue, flow.driver_name(share)
    if name == catalogue.orders.of_share(share)[0]:
        return {}
    _name, objections = catalogue.choose(share)
    why = "; ".join(f"{other!r} cannot: {error.why}" for other, error in objections.items())
    return {reporting.key(str(share["id"])): f"The driver {name!r} keeps it ({why})."}


def _remark(flow: "FlowContext", remarks: dict[str, str]) -> None:
    """Write remarks into the checkpoint; that this fails is no failure."""
    if remarks:
        reporting.to_remarks(flow, remarks)


def await_idle(flow: "FlowContext", share: View) -> View:
    """Wait until a busy share is available.

    :returns: the share's view by then
    :raises ShareNotProtectable: it ended in a status from which it cannot be protected
    :raises ShareStatusUnknown: it was for too long in a status that is not known here
    :raises DeadlineExceeded: it was busy for too long
    """
    share_id, last = str(share["id"]), str(share["status"])
    timeout = flow.settings.share_busy_timeout
    if share["status"] == statuses.AVAILABLE:
        return share
    LOG.info(
        "Share %s, checkpoint %s: waiting while it is %s",
        share_id,
        flow.work.checkpoint.id,
        share["status"],
    )

    def judge(view: View | None) -> Any:
        nonlocal last
        error = _objection(flow, share_id, view)
        if error or view is None:
            raise error or ShareGone(share_id, endpoint=flow.manila.endpoint)
        last = str(view["status"])
        return view if last == statuses.AVAILABLE else PENDING

    awaited = f"share {share_id} to become available"
    try:
        idle: View = flow.busy_shares.wait(share_id, judge, timeout, awaited)
    except DeadlineExceeded as late:
        if last in statuses.SHARE_KNOWN:
            raise
        raise ShareStatusUnknown(share_id, last, timeout) from late
    return idle


def look_again(flow: "FlowContext", share_id: str) -> View:
    """The share as it is now. Raises ShareNotProtectable when it cannot be protected any more."""
    manila = flow.manila
    view = flow.retry(lambda: manila.share(share_id))
    error = _objection(flow, share_id, view)
    if error or view is None:
        raise error or ShareGone(share_id, endpoint=manila.endpoint)
    return view


def _look(flow: "FlowContext", ids: Collection[str]) -> dict[str, View | None]:
    return lookup.look(ids, flow.manila.share, flow.manila.shares)


def _objection(flow: "FlowContext", share_id: str, view: View | None) -> Exception | None:
    """Why this share cannot be protected in the user's project, by its view alone."""
    if view is None:
        return ShareGone(share_id, endpoint=flow.manila.endpoint)
    return flow.objection(view)
