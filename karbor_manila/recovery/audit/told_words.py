# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint says of what Manila's hook told: in its ``extra_info``, for a user to read."""

import datetime
from typing import Any

from karbor_manila.operations import reporting
from karbor_manila.recovery.audit.told import FAILED, Told

#: In the ``extra_info`` of a checkpoint, by share: what Manila's hook has told of its snapshot.
KEY = "watched"

_REMARKS = "remarks"


def note(told: Told, checkpoint: Any, now: datetime.datetime, **more: str) -> None:
    """What happened, when and by whom, as facts. The caller commits."""
    reporting.add(checkpoint, KEY, {told.mark.resource: told.as_known(now) | more})


def is_noted(told: Told, checkpoint: Any) -> bool:
    """Whether the same of the same snapshot is noted, whenever it happened."""
    known = _noted(told, checkpoint)
    same = (known.get("snapshot_id"), known.get("what"), known.get("status", ""))
    return same == (told.snapshot_id, told.what, told.status)


def failed(checkpoint: Any) -> frozenset[str]:
    """The keys (as in the remarks) of the shares whose snapshots were last seen in an error status:
    they are there, and cannot be restored from."""
    return frozenset(
        reporting.key(share_id)
        for share_id, known in reporting.facts(checkpoint, KEY).items()
        if isinstance(known, dict) and known.get("what") == FAILED
    )


def remark(told: Told, checkpoint: Any, now: datetime.datetime, said: str) -> bool:
    """Something that a user should know although nothing is lost; what was said of an earlier
    time gives way to it. The caller commits.

    :returns: whether it was not said yet
    """
    earlier = str(_noted(told, checkpoint).get("said", ""))
    if earlier == said:
        return False
    key = reporting.key(told.mark.resource)
    others = str(reporting.facts(checkpoint, _REMARKS).get(key, ""))
    if earlier:
        others = others.replace(earlier, "").strip()
    reporting.add(checkpoint, _REMARKS, {key: f"{others} {said}".strip()})
    note(told, checkpoint, now, said=said)
    return True


def _noted(told: Told, checkpoint: Any) -> dict[str, Any]:
    before = reporting.facts(checkpoint, KEY).get(told.mark.resource)
    return before if isinstance(before, dict) else {}
