# SPDX-License-Identifier: Apache-2.0
"""A plan with keep rules, of which a checkpoint is made each day."""

import datetime
import itertools
from typing import Any

import pytest
from karbor.db.sqlalchemy import api as karbor_db
from karbor.services.protection import checkpoint as karbor_checkpoint
from oslo_serialization import jsonutils

from karbor_manila.common.clock import Clock
from karbor_manila.service.retention import keep_run
from tests.unit.karbor_stage import SHARE, Service
from tests.unit.service.retention_stage import Stage

DAY = 86_400
#: Noon, UTC.
START = int(datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC).timestamp())


class Later(Clock):
    """Some months after all days of a plan."""

    def utcnow(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(START + 300 * DAY, datetime.UTC)


class Days:
    """A plan in Karbor's database, of which a checkpoint is made each day."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch, **rules: Any) -> None:
        self.stage, self.service = stage, stage.service
        self.share = self.service.share()
        self.plan = self.service.plan(self.share, parameters={SHARE: rules})
        self.now = itertools.count(START, DAY)
        monkeypatch.setattr(karbor_checkpoint.timeutils, "utcnow_ts", lambda: next(self.now))
        monkeypatch.setattr(keep_run, "Clock", Later)
        self.service.manager.runtime.keep_run._clock = Later()
        self.store(rules)

    def store(self, rules: Any) -> None:
        names = ("id", "name", "provider_id", "project_id", "status")
        values = {name: self.plan[name] for name in names}
        resources = [dict(item) for item in self.plan.resources]
        parameters = jsonutils.dumps({SHARE: rules})
        karbor_db.plan_create(
            self.service.context(), values | {"parameters": parameters, "resources": resources}
        )

    def protect(self, days: int = 1, **kwargs: Any) -> list[str]:
        """The ids of the checkpoints of so many days; no rule is carried out meanwhile."""
        return [self.service.protect(self.plan, **kwargs).id for _ in range(days)]

    def turn(self, service: Service | None = None) -> None:
        runtime = (service or self.service).manager.runtime
        runtime.keeping.soon(self.plan.id)
        runtime.keeping.turn()

    def left(self) -> list[str]:
        return sorted(self.stage.left(), key=self.order.index)

    order: list[str]
