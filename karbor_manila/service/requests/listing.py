# SPDX-License-Identifier: Apache-2.0
"""Lists of checkpoints, as Karbor's API asks for them."""

import datetime
from collections.abc import Mapping
from typing import Any

from karbor import exception
from oslo_serialization import jsonutils

from karbor_manila.bank import checkpoints
from karbor_manila.common.keeping import MADE_AT
from karbor_manila.service.retention.run import RetentionRun
from karbor_manila.service.runtime import Runtime


def found(
    runtime: Runtime,
    retention: RetentionRun,
    context: Any,
    provider_id: str,
    *,
    marker: str | None,
    limit: int | None,
    sort_dirs: list[str] | None,
    filters: Mapping[str, str],
    all_tenants: bool,
) -> list[dict[str, Any]]:
    """Checkpoints by the time of their making, the newest first unless asked otherwise.

    Karbor's retention gets what it may remove, and what may go besides is removed. An empty list
    is never the answer of a bank that is not there.

    :param filters: Karbor's, of project_id, plan_id, start_date and end_date (YYYY-MM-DD)
    :raises karbor.exception.InvalidInput: the bank is not there, or a day is none
    :raises karbor.exception.CheckpointNotFound: there is no such marker
    """
    provider = runtime.provider_with_bank(provider_id)
    plan_id = filters.get("plan_id")
    if plan_id and retention.asks(context, provider):
        return retention.shown(context, provider, plan_id)[:limit]
    query = checkpoints.Query(
        provider_id=provider_id,
        project_id=filters.get("project_id") if all_tenants else context.project_id,
        plan_id=plan_id,
        first_day=_day(filters.get("start_date")),
        last_day=_day(filters.get("end_date")),
        marker=marker,
        limit=limit,
        newest_first=not sort_dirs or sort_dirs[0] != "asc",
    )
    return [_shown(made, checkpoint) for made, checkpoint in checkpoints.timed(provider, query)]


def _shown(made: int, checkpoint: Any) -> dict[str, Any]:
    """A checkpoint with the second of its making, which is in the index alone: Karbor has no field
    for it, and ``extra_info`` is the one that may grow."""
    moment = datetime.datetime.fromtimestamp(made, datetime.UTC)
    info = checkpoints.info(checkpoint) | {MADE_AT: moment.isoformat()}
    shown: dict[str, Any] = checkpoint.to_dict()
    return shown | {"extra_info": jsonutils.dumps(info)}


def _day(text: object) -> datetime.date | None:
    """A day as Karbor's API takes it: YYYY-MM-DD. (It makes a number of what looks like one.)"""
    if not text:
        return None
    try:
        return datetime.date.fromisoformat(str(text))
    except ValueError:
        raise exception.InvalidInput(reason=f"{text!r} is not a day (YYYY-MM-DD)") from None
