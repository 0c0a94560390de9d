# SPDX-License-Identifier: Apache-2.0
"""What Manila's hook tells of a snapshot or a share of ours, as a plain value. Anybody may have
written it."""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from karbor_manila.common import validators
from karbor_manila.manila.marks import Mark
from karbor_manila.recovery.errors import ToldInvalid
from karbor_manila.schemas import WATCH_SCHEMA

#: Its values of ``what`` that take nothing away.
REVERTED, FAILED = "revert_to_snapshot", "failed"

_DONE: Mapping[str, str] = {
    "delete_snapshot": "was deleted",
    "delete_replicated_snapshot": "was deleted",
    "unmanage_snapshot": "was unmanaged",
    "delete_share_instance": "went with its share, which was deleted",
    "unmanage_share": "went with its share, which was unmanaged",
}


@dataclass(frozen=True)
class Told:
    """What was told.

    :ivar what: the call that succeeded, or :data:`FAILED`
    :ivar at: when, by Manila's clock (UTC)
    :ivar mark: of the snapshot or the share
    :ivar project_id: whose it was
    :ivar snapshot_id: empty when it is about a share
    :ivar status: of a snapshot that has failed
    :ivar by: ``user_id``, ``project_id`` and ``request_id`` of who asked for it, as far as known
    """

    what: str
    at: datetime.datetime
    mark: Mark
    project_id: str
    share_id: str
    snapshot_id: str
    status: str
    by: Mapping[str, str]

    @property
    def is_loss(self) -> bool:
        """Whether it took something away."""
        return self.what in _DONE

    def said(self, now: datetime.datetime) -> str:
        """What happened to the snapshot, when and by whom, for a user to read.

        :param now: nothing is told of a later time
        """
        return f"{_DONE[self.what]} in Manila {self.asked(now)}"

    def asked(self, now: datetime.datetime) -> str:
        """When it was asked for and by whom."""
        known = [
            f"{name.removesuffix('_id')} {self.by[name]}"
            for name in ("user_id", "project_id", "request_id")
            if name in self.by
        ]
        return f"on {self.when(now)} by {', '.join(known) or 'nobody that Manila names'}"

    def when(self, now: datetime.datetime) -> str:
        """When it happened, not later than ``now``, to the second."""
        return f"{min(self.at, now):%Y-%m-%d %H:%M:%S} UTC"

    def as_known(self, now: datetime.datetime) -> dict[str, Any]:
        """What stands of it in the ``extra_info`` of a checkpoint."""
        at = min(self.at, now).isoformat(timespec="seconds")
        known = {"what": self.what, "at": at, "snapshot_id": self.snapshot_id, **self.by}
        return known | ({"status": self.status} if self.status else {})


def load(content: bytes) -> Told:
    """Read what was told.

    :raises ToldInvalid: it is not what a hook of ours writes
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ToldInvalid("it is no JSON") from error
    wrong = validators.worst(WATCH_SCHEMA, found)
    if wrong is not None:
        raise ToldInvalid(f"{wrong.json_path}: {wrong.message[:200]}")
    try:
        at = datetime.datetime.fromisoformat(found["at"]).astimezone(datetime.UTC)
    except (ValueError, OverflowError) as error:
        raise ToldInvalid("its time cannot be read") from error
    return Told(
        what=found["what"],
        at=at,
        mark=Mark(**found["mark"]),
        project_id=found["project_id"],
        share_id=found["share_id"],
        snapshot_id=found.get("snapshot_id", ""),
        status=found.get("status", ""),
        by=found["by"],
    )
