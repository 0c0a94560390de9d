# SPDX-License-Identifier: Apache-2.0
"""A checkpoint of one share whose snapshot can be mounted."""

import datetime
import json
from pathlib import Path
from typing import Any

from karbor_manila.bank import browses
from tests.fakes.snapshot_access import MOUNTABLE
from tests.unit.stage import SHARE, Record, Stage

HOST = "10.0.0.7"
SLOW = {"allow_snapshot_access": 3.0, "deny_snapshot_access": 2.0}


class Browsed:
    """A checkpoint of one share, and what becomes of access to its snapshot."""

    def __init__(self, folder: Path, **share: Any) -> None:
        self.stage = Stage(folder)
        self.cloud = self.stage.cloud
        self.cloud.seconds |= SLOW
        fields = MOUNTABLE | share
        self.share = self.cloud.add_share(self.stage.project_id, **fields)["id"]
        self.checkpoint = self.stage.checkpoint(self.share)
        assert self.stage.protect(self.checkpoint, self.share) == []
        (self.snapshot,) = self.cloud.snapshots

    def ask(self, **given: Any) -> Any:
        """What a verification with these parameters tells: facts, or why it failed."""
        self.record = Record()
        given = {"depth": "browse"} | given
        errors = self.stage.verify(self.checkpoint, self.share, given=given, verify=self.record)
        text = self.record["resources_reason"].get(f"{SHARE}#{self.share}", "")
        return str(errors[0].__cause__ or errors[0]) if errors else json.loads(text)

    def rules(self) -> list[tuple[str, str, str]]:
        manila = self.manila()
        rules = manila.snapshot_access_rules(self.snapshot) or []
        return [(rule["access_type"], rule["access_to"], rule["state"]) for rule in rules]

    def manila(self) -> Any:
        return self.stage.bound(self.share).manila

    def intents(self) -> dict[str, Any]:
        pages = self.stage.pages(self.checkpoint, self.share)
        return {key: page for key, page in pages.items() if key.startswith("browses/")}

    def due(self) -> list[datetime.datetime]:
        provider = self.checkpoint.provider_id
        return [entry.due for entry in browses.entries(self.stage.bank, provider)]

    def in_seconds(self, seconds: float) -> str:
        moment = self.cloud.clock.utcnow() + datetime.timedelta(seconds=seconds)
        return moment.isoformat(timespec="seconds")
