# SPDX-License-Identifier: Apache-2.0
"""Drills that are asked for only when the last one is old: of two at once, one is carried out.

The plan is claimed first, by all who ask so, and what was drilled is looked at then. So it does not
matter how long ago who asks has looked himself, or for how long he slept.
"""

import datetime
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from karbor.common import constants
from oslo_utils import timeutils

from karbor_manila.common.errors import InvalidParameter, NotSupported, Taken
from karbor_manila.database import requested
from karbor_manila.operations import parameters
from karbor_manila.operations.plugin import SHARE
from karbor_manila.recovery.claims import DRILL
from karbor_manila.service.errors import DrilledAlready, DrillUnderWay


def lock_id(plan_id: str) -> str:
    """The id under which who drills a plan only once claims that."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"/karbor-manila/drills/{plan_id}"))


def once(
    claim: Callable[[str, str], None], checkpoint: Any, record: Any, older_than: float
) -> None:
    """Claim the plan of a checkpoint for a drill that is due.

    :param claim: see ``ClaimingWorker.using``
    :param record: Karbor's verification that asks for it
    :param older_than: seconds since the beginning of the last good one, at least
    :raises DrillUnderWay: another one who asks so is at it
    :raises DrilledAlready: the checkpoint was drilled meanwhile, and is good
    """
    plan_id = str(checkpoint.protection_plan["id"])
    try:
        claim(lock_id(plan_id), DRILL)
    except Taken as taken:
        since = taken.claim.since if taken.claim else None
        raise DrillUnderWay(plan_id, since) from taken
    now = timeutils.utcnow()
    for other in requested.verifications(checkpoint.id):
        if other.id != record.id and _was_good(other):
            began = timeutils.normalize_time(other.created_at)
            if now - began < datetime.timedelta(seconds=older_than):
                raise DrilledAlready(str(checkpoint.id), str(other.id), began)


def _was_good(verification: Any) -> bool:
    """Whether a verification drilled all shares of its checkpoint, and they were good."""
    if verification.status != constants.VERIFICATION_STATUS_SUCCESS:
        return False
    given: Mapping[str, Any] = verification.parameters or {}
    groups = [key for key in given if key.partition("#")[0] == SHARE]
    try:
        return all(_is_drilled(given, key.partition("#")[2]) for key in (SHARE, *groups))
    except (InvalidParameter, NotSupported):
        return False  # of another release


def _is_drilled(given: Mapping[str, Any], share_id: str) -> bool:
    """Whether a share is drilled by these parameters; ``""`` stands for one that has none."""
    options = parameters.verify_options(share_id, parameters.merge(given, SHARE, share_id))
    return options.include and options.depth == parameters.DRILL
