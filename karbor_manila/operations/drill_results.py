# SPDX-License-Identifier: Apache-2.0
"""What is kept of a drill, good or bad: what, when, how long, what was compared, and by whom."""

import datetime
import socket
from typing import Any

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
        _keep(job, GOOD, found, by)
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


def keep_failure(job: ShareJob, reason: str, began: datetime.datetime | None = None) -> None:
    """Keep that a drill has failed, and why; unsigned, when the key is why.

    :param began: when the drill did, if another process did it; UTC
    :raises BankUnreadable: the bank does not take it
    """
    try:
        by = signer(job)
    except KeyUnusable:
        by = None
    _keep(job, BAD, {"reason": reason}, by, began)


def keep_death(job: ShareJob, intent: Intent) -> None:
    """Keep that a drill did not come to its end, unless its result is kept, or its user was told
    that it is good: then the bank did not take that, or has forgotten it.

    :param intent: of its temporary share; it stands until this is done, so that a death in here is
        repeated
    :raises BankUnreadable: the bank does not take it
    """
    if reporting.is_reported_available(job, job.request, job.share_id):
        return
    bank, of = job.checkpoint.checkpoint_section.bank, job.checkpoint
    places = drill_results.places(bank, str(of.provider_id), str(of.project_id), job.share_id)
    if any(place.verification_id == str(job.request.id) for place in places):
        return
    job.made = intent.created_id
    keep_failure(job, _DIED, timeutils.parse_isotime(intent.since))


def _keep(
    job: ShareJob,
    result: str,
    found: dict[str, Any],
    by: sealing.Signer | None,
    began: datetime.datetime | None = None,
) -> None:
    bank = job.checkpoint.checkpoint_section.bank  # written to under the claim
    at = job.flow.clock.utcnow().replace(microsecond=0)
    place = drill_results.Place(
        str(job.checkpoint.provider_id),
        str(job.checkpoint.project_id),
        job.share_id,
        at,
        str(job.checkpoint.id),
        str(job.request.id),
    )
    began = began or place.at - datetime.timedelta(seconds=_seconds(job))
    drill_results.put(bank, place, sealing.seal(statement(job, place, result, found, began), by))
    try:
        drill_results.forget_oldest(bank, place)
    except BankUnreadable as error:  # what is kept is kept, and the next drill forgets more
        LOG.warning("Share %s: old results of drills stay for now: %s", job.share_id, error)


def statement(
    job: ShareJob,
    place: drill_results.Place,
    result: str,
    found: dict[str, Any],
    began: datetime.datetime,
) -> str:
    """The text that is kept, and signed: JSON, of which no letter changes any more."""
    return jsonutils.dumps(
        {
            "version": 1,
            "result": result,
            **about(place),
            "began": began.isoformat(timespec="seconds"),
            "temporary_share_id": job.made,
            "by": {
                "user": getattr(job.context, "user_id", None),
                "project": getattr(job.context, "project_id", None),
                "host": socket.gethostname(),
            },
            "found": found,
        },
        sort_keys=True,
    )


def _seconds(job: ShareJob) -> float:
    """How long the work on a share has taken so far."""
    return 0.0 if job.began is None else job.flow.clock.now() - job.began


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
