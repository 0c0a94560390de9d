# SPDX-License-Identifier: Apache-2.0
"""What is kept of a drill, good or bad: what, when, how long, what was compared, and by whom."""

import datetime
import socket
from dataclasses import dataclass
from typing import Any

from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils
from oslo_utils import timeutils

from karbor_manila.bank import drill_results
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.bank.record_values import Intent
from karbor_manila.common import sealing
from karbor_manila.common.errors import KeyUnusable
from karbor_manila.operations import reporting
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)

GOOD, BAD = "good", "bad"
#: What a verification says of a share whose drill was good, or was skipped by a hook.
_NO_FAILURE = (constants.RESOURCE_STATUS_AVAILABLE, constants.RESOURCE_STATUS_UNDEFINED)
_DIED = (
    "The drill did not come to its end: its process died, or could not keep what came of it. "
    "Ask for a drill again."
)


def signer(job: ShareJob) -> sealing.Signer | None:
    """The operator's key, before anything is made; None when there is none.

    :raises KeyUnusable: there is one, and it cannot be used
    """
    path = job.flow.settings.drill_signing_key
    return sealing.signer(path) if path else None


def keep(job: ShareJob, found: dict[str, Any]) -> dict[str, Any]:
    """Keep the result of a good drill.

    :param found: what its user reads of it
    :returns: the same, with the key that signed what is kept, or why nothing is: a drill is as good
        as its check says
    """
    try:
        by = signer(job)
        _keep(job, _drill_of(job), GOOD, found, by)
    except (BankUnreadable, KeyUnusable) as error:
        LOG.warning(
            "Share %s, checkpoint %s: the result of its drill is not kept: %s",
            job.share_id,
            job.checkpoint.id,
            error,
        )
        said = f"The result of the drill is not kept: {error}"
        return found | {"remarks": [*(found.get("remarks") or []), said]}
    return found | ({"signed_by": by.id} if by else {})


def keep_failure(job: ShareJob, reason: str) -> None:
    """Keep that a drill has failed, and why; unsigned, when the key is why.

    :raises BankUnreadable: the bank does not take it
    """
    _keep_bad(job, reason, _drill_of(job))


def keep_death(
    job: ShareJob, verification_id: str, verification: Any, intent: Intent | None
) -> None:
    """Keep that a drill did not come to its end, unless its result is kept, or its user was told
    that it is good, which the bank did not take then, or has forgotten, or that a hook skipped it.

    :param job: of whoever ends the drill, which may be the deletion of the checkpoint
    :param verification: Karbor's; None when it was purged, which only an intent tells from a
        restore that was
    :param intent: of the temporary share, None for a damaged one; it stands until this is done, so
        that a death in here is repeated
    :raises BankUnreadable: the bank does not take it
    """
    if verification and reporting.status_in(job, verification, job.share_id) in _NO_FAILURE:
        return
    bank, of = job.checkpoint.checkpoint_section.bank, job.checkpoint
    places = drill_results.places(bank, str(of.provider_id), str(of.project_id), job.share_id)
    if any(place.verification_id == verification_id for place in places):
        return
    if intent:
        began = timeutils.parse_isotime(intent.since)
        made, project_id = intent.created_id, intent.project_id
    else:
        began, made, project_id = _asked(verification), None, verification.get("project_id")
    # Which user asked for it is not known any more: the one of the job is another.
    _keep_bad(job, _DIED, _Drill(verification_id, began, made, None, project_id))


def _asked(verification: Any) -> datetime.datetime | None:
    """When Karbor was asked for it."""
    at = verification.get("created_at")
    return timeutils.normalize_time(at).replace(tzinfo=datetime.UTC) if at else None


@dataclass(frozen=True)
class _Drill:
    """What a result says of its drill beside what came of it.

    :ivar began: UTC; None when it is not known
    :ivar made: the id of the temporary share, if it is known
    :ivar user: who asked for it, if it is known, in which project
    """

    verification_id: str
    began: datetime.datetime | None
    made: str | None
    user: str | None
    project_id: str | None


def _drill_of(job: ShareJob) -> _Drill:
    """The drill that a job is."""
    seconds = 0.0 if job.began is None else job.flow.clock.now() - job.began
    return _Drill(
        str(job.request.id),
        job.flow.clock.utcnow() - datetime.timedelta(seconds=seconds),
        job.made,
        getattr(job.context, "user_id", None),
        getattr(job.context, "project_id", None),
    )


def _keep_bad(job: ShareJob, reason: str, drill: _Drill) -> None:
    try:
        by = signer(job)
    except KeyUnusable:
        by = None
    _keep(job, drill, BAD, {"reason": reason}, by)


def _keep(
    job: ShareJob,
    drill: _Drill,
    result: str,
    found: dict[str, Any],
    by: sealing.Signer | None,
) -> None:
    bank = job.checkpoint.checkpoint_section.bank  # written to under the claim
    place = drill_results.Place(
        str(job.checkpoint.provider_id),
        str(job.checkpoint.project_id),
        job.share_id,
        job.flow.clock.utcnow().replace(microsecond=0),
        str(job.checkpoint.id),
        drill.verification_id,
    )
    drill_results.put(bank, place, sealing.seal(_statement(drill, place, result, found), by))
    try:
        drill_results.forget_oldest(bank, place)
    except BankUnreadable as error:  # what is kept is kept, and the next drill forgets more
        LOG.warning("Share %s: old results of drills stay for now: %s", job.share_id, error)


def _statement(
    drill: _Drill, place: drill_results.Place, result: str, found: dict[str, Any]
) -> str:
    """The text that is kept, and signed: JSON, of which no letter changes any more."""
    return jsonutils.dumps(
        {
            "version": 1,
            "result": result,
            **about(place),
            "began": (drill.began or place.at).isoformat(timespec="seconds"),
            "temporary_share_id": drill.made,
            "by": {
                "user": drill.user,
                "project": drill.project_id,
                "host": socket.gethostname(),
            },
            "found": found,
        },
        sort_keys=True,
    )


def about(place: drill_results.Place) -> dict[str, str]:
    """What a text says of its own place, so that none can stand in another's."""
    return {
        "provider_id": place.provider_id,
        "project_id": place.project_id,
        "share_id": place.share_id,
        "at": place.at.isoformat(timespec="seconds"),
        "checkpoint_id": place.checkpoint_id,
        "verification_id": place.verification_id,
    }
