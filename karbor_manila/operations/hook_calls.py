# SPDX-License-Identifier: Apache-2.0
"""What hooks are called for: the point, the shares and what is known of them."""

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oslo_log import log as logging

from karbor_manila.bank.record import ShareRecord
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.hooks import applying, runner
from karbor_manila.hooks.base import CHECKPOINT, COPY, DELETE, REVERT, Call, Environment, Hook
from karbor_manila.hooks.terms import Terms
from karbor_manila.operations import hook_results
from karbor_manila.operations.hook_keeper import RunKeeper
from karbor_manila.operations.share_job import ShareJob

if TYPE_CHECKING:
    from karbor_manila.operations.flow import FlowContext

LOG = logging.getLogger(__name__)


def call_of(flow: "FlowContext", point: str, scope: str, shares: tuple[Any, ...]) -> Call:
    """The call for these shares, of which ``shares`` are views."""
    work = flow.work
    return Call(
        point=point,
        scope=scope,
        checkpoint_id=str(work.checkpoint.id),
        provider_id=str(work.checkpoint.provider_id),
        project_id=str(work.project_id),
        request_id=str(work.request.id) if work.request is not None else "",
        shares=shares,
        environment=Environment(flow.client, flow.shares, flow.clock, flow.settings),
        remember=lambda _values: None,
    )


def hooks_at(flow: "FlowContext", point: str, scope: str) -> list[Hook]:
    """The hooks of this scope that are there for this point."""
    return [each for each in flow.hooks if each.scope == scope and point in each.points]


def round_of(flow: "FlowContext", call: Call, share_ids: Sequence[str]) -> runner.Round | None:
    """The hooks that are called for this; None when there are none.

    :raises HookError: one does not say it
    """
    hooks = hooks_at(flow, call.point, call.scope)
    if not hooks:
        return None
    terms = Terms.of(flow.settings)
    hooks = list(applying.applying(hooks, call, terms, flow.hook_time))
    if not hooks:
        return None
    change = hook_results.amend_all if call.scope == CHECKPOINT else hook_results.amend
    amend = functools.partial(change, call.point)
    keeper = RunKeeper(flow, call, share_ids)
    return runner.Round(hooks, call, terms, keeper, flow.hook_time, amend)


def view_of(job: ShareJob, point: str) -> Mapping[str, Any]:
    """What is known of the share of a job: of a revert, as it is in Manila, else as its record
    says. What cannot be read is reported by the operation itself."""
    try:
        if point == REVERT:
            target = job.flow.restores.options(job.share_id, job.given).share_id
            share = job.flow.shares.show(str(target or job.share_id))
            # What is another's is refused when that is looked at: no hook stops anything of it.
            if share and share.get("project_id") == job.context.project_id:
                return share
        record = _record(job, point)
        if record:
            return known(record)
    except KarborManilaError as error:
        LOG.info("Share %s, checkpoint %s: %s", job.share_id, job.checkpoint.id, error)
    whose = str(job.flow.work.project_id)
    unknown = dict.fromkeys(("share_type_name", "size", "share_proto"))
    about = {"id": job.share_id, "project_id": whose, "name": job.resource.name}
    return {**about, **unknown, "metadata": {}}


def known(record: ShareRecord) -> dict[str, Any]:
    """What a record tells of its share."""
    return {
        "id": record.share_id,
        "project_id": record.project_id,
        "name": record.share_name,
        "share_type_name": record.share_type_name,
        "size": record.size,
        "share_proto": record.share_proto,
        "metadata": dict(record.metadata or {}),
    }


def _record(job: ShareJob, point: str) -> ShareRecord | None:
    if point == DELETE:
        return job.section.record()
    if point == COPY:
        section = job.extras["source"].get_resource_bank_section(job.share_id)
        return ShareSection(section, job.flow.clock.sleep).record()
    return job.flow.restores.record(job.share_id)
