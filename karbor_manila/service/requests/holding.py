# SPDX-License-Identifier: Apache-2.0
"""A checkpoint is held or released, or its deletion taken back: a verification that checks nothing
and has no flow.

It is one write into the bank, under the claim of the checkpoint; Karbor's record of the
verification says afterwards how it ended. Either may be asked for again. The record has no claim of
its own, and who finds it unfinished tells its end under the claim of the checkpoint
(:mod:`karbor_manila.recovery.settle_holding`): so it is looked at once more under that.
"""

import datetime
import functools
from typing import Any

from karbor import exception
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import checkpoints, deletions
from karbor_manila.bank import holding as in_bank
from karbor_manila.common import holds
from karbor_manila.common.deferral import PENDING
from karbor_manila.common.errors import ClaimLost, InvalidParameter
from karbor_manila.common.holds import Hold
from karbor_manila.database import columns, requested
from karbor_manila.operations import hold_parameters, parameters, telling
from karbor_manila.operations.plugin import SHARE, protects_shares
from karbor_manila.recovery.claims import HOLD
from karbor_manila.schemas import VERIFY_SCHEMA
from karbor_manila.service import refusals
from karbor_manila.service.requests import access, deferring, deletion, restores
from karbor_manila.service.requests.errors import (
    DeletionWaits,
    HeldByAdministrator,
    HeldByAnother,
)
from karbor_manila.service.retention.facts import AT_REST
from karbor_manila.service.runtime import Runtime
from karbor_manila.telemetry import events
from karbor_manila.telemetry.events import HoldEvent

LOG = logging.getLogger(__name__)


def is_asked(record: Any) -> bool:
    """Whether a verification is one of these.

    :param record: Karbor's Verification
    """
    return bool(hold_parameters.of_request(record["parameters"]))


def carry_out(runtime: Runtime, context: Any, record: Any) -> None:
    """Do what is asked for with the checkpoint, and say so in the record.

    :param record: Karbor's Verification
    :raises karbor.exception.KarborException: the refusal; the record has failed, with the reason
    """
    provider_id, checkpoint_id = record["provider_id"], record["checkpoint_id"]
    failure = constants.VERIFICATION_STATUS_FAILURE
    with restores.refusal_recorded(record, failure), refusals.explained():
        checkpoint = access.own_checkpoint(runtime, context, provider_id, checkpoint_id)
        if not protects_shares(runtime.provider(provider_id)):
            raise exception.InvalidInput(
                reason=f"provider {provider_id} protects no shares with karbor-manila, which alone "
                f"knows holds"
            )
        now = runtime.worker.utcnow()
        asked = _asked(record["parameters"], now)
        confirm = functools.partial(
            requested.check_in_progress, constants.OPERATION_VERIFY, record["id"]
        )
        if asked["depth"] == hold_parameters.PURGE:
            deletion.purge(runtime, context, checkpoint, confirm)
            said = f"The deletion of checkpoint {checkpoint.id} begins."
            _report(record, hold_parameters.told(hold_parameters.PURGE, "purged", said))
        else:
            with access.claimed(runtime, checkpoint, HOLD, over_dead=False) as held:
                confirm()
                told = _act(context, held.checkpoint, asked, now)
                _report(record, told)
            _tell(context, checkpoint, record, told)


def _asked(given: Any, now: datetime.datetime) -> dict[str, Any]:
    """What is asked for, checked.

    :raises InvalidParameter: it cannot be done, or is not of the whole checkpoint
    """
    for key, values in given.items():
        if key.startswith(f"{SHARE}#") and values:
            why = "a checkpoint is held as a whole: nothing can be given for one of its shares"
            raise InvalidParameter(key, dict(values), why)
    asked = parameters.resolve(VERIFY_SCHEMA, given[SHARE])
    hold_parameters.check(asked, parameters.resolve(VERIFY_SCHEMA, None))
    if until := asked["hold_until"]:
        try:
            day = datetime.date.fromisoformat(until)
        except ValueError:
            raise InvalidParameter("hold_until", until, "there is no such day") from None
        if day < now.date():
            why = f"it is over: today is {now.date()} (UTC)"
            raise InvalidParameter("hold_until", until, why)
        asked["hold_until"] = day
    return asked


def _act(
    context: Any, checkpoint: Any, asked: dict[str, Any], now: datetime.datetime
) -> dict[str, Any]:
    """Do it. The caller holds the checkpoint's claim. Returns what the user reads."""
    if asked["depth"] == hold_parameters.UNDELETE:
        return _undelete(context, checkpoint)
    if checkpoint.status == PENDING:
        raise DeletionWaits(str(checkpoint.id), deletions.of(checkpoint))
    if checkpoint.status not in AT_REST:
        raise exception.InvalidInput(
            reason=f"checkpoint {checkpoint.id} is {checkpoint.status}; one that is available or "
            f"in error can be held and released"
        )
    try:
        before = holds.of(checkpoints.info(checkpoint))
        act = _hold if asked["depth"] == hold_parameters.HOLD else _release
        way, hold, said = act(context, checkpoint, before, asked, now)
    except ValueError:
        raise exception.InvalidInput(
            reason=f"checkpoint {checkpoint.id} has an extra_info of its user's own that is no "
            f"JSON, so nothing can be written into it"
        ) from None
    return hold_parameters.told(asked["depth"], way, said, hold=hold.dump() if hold else None)


def _undelete(context: Any, checkpoint: Any) -> dict[str, Any]:
    if checkpoint.status in AT_REST:
        said = f"Checkpoint {checkpoint.id} is {checkpoint.status}, and its deletion waits no more."
        return hold_parameters.told(hold_parameters.UNDELETE, "already", said)
    if checkpoint.status != PENDING:
        raise exception.InvalidInput(
            reason=f"checkpoint {checkpoint.id} is {checkpoint.status}; only one whose deletion "
            f"waits ({PENDING}) can be had back"
        )
    status = deferring.take_back(context, checkpoint)
    said = f"Checkpoint {checkpoint.id} is {status} again."
    return hold_parameters.told(hold_parameters.UNDELETE, "undeleted", said, status=status)


Act = tuple[str, Hold | None, str]


def _hold(
    context: Any,
    checkpoint: Any,
    before: Hold | None,
    asked: dict[str, Any],
    now: datetime.datetime,
) -> Act:
    """A user may change a hold of his own; that of another stands until it is released."""
    if before and before.is_over(now):
        before = None
    if before and before.by != str(context.user_id):
        raise HeldByAnother(str(checkpoint.id), before)
    hold = Hold(
        why=asked["hold_why"].strip(),
        by=str(context.user_id),
        project=str(context.project_id),
        since=before.since if before else now.isoformat(timespec="seconds"),
        until=asked["hold_until"] or None,
    )
    if hold == before:
        return "already", hold, f"Checkpoint {checkpoint.id} is {hold.told()} already."
    in_bank.write(checkpoint, hold)
    LOG.info("Checkpoint %s is %s", checkpoint.id, hold.told())
    return "changed" if before else "held", hold, f"Checkpoint {checkpoint.id} is {hold.told()}."


def _release(
    context: Any,
    checkpoint: Any,
    before: Hold | None,
    _asked: dict[str, Any],
    now: datetime.datetime,
) -> Act:
    """Whoever may delete a checkpoint may release it, but for the hold of another project's user,
    who is an administrator."""
    if before is None:
        return "already", None, f"Checkpoint {checkpoint.id} was not held."
    is_theirs = before.project in ("", str(checkpoint.project_id))
    if not (is_theirs or context.is_admin or before.is_over(now)):
        raise HeldByAdministrator(str(checkpoint.id), before)
    in_bank.write(checkpoint, None)
    LOG.info(
        "Checkpoint %s is released by user %s; it was %s",
        *(checkpoint.id, context.user_id, before.told()),
    )
    return "released", before, f"Checkpoint {checkpoint.id} is released; it was {before.told()}."


def _tell(context: Any, checkpoint: Any, record: Any, told: dict[str, Any]) -> None:
    """An event, unless all was so already."""
    if told["way"] == "already":
        return
    hold = told.get("hold") or {}
    events.emit(
        lambda: HoldEvent(
            operation=told["depth"],
            phase=events.END,
            request_id=str(record["id"]),
            why=hold.get("why") or "",
            held_by=hold.get("by") or "",
            until=hold.get("until") or "",
            status=told.get("status") or "",
            **telling.of_checkpoint(checkpoint),
        ),
        context,
    )


def _report(record: Any, told: dict[str, Any]) -> None:
    """How it ended. What is written into the bank stays, whatever becomes of this."""
    key = f"checkpoint#{record['checkpoint_id']}"
    text = hold_parameters.dump(told)
    columns.report(record, key, constants.RESOURCE_STATUS_AVAILABLE, text)
    record["status"] = constants.VERIFICATION_STATUS_SUCCESS
    try:
        columns.save(record)
    except ClaimLost as lost:
        LOG.warning("Verification %s: %s", record["id"], lost)
    except Exception:  # a database that is away must not take the place of what was done
        LOG.exception("Verification %s: its end could not be written: %s", record["id"], text)
