# SPDX-License-Identifier: Apache-2.0
"""A service, a plan, and Karbor's own retention on it."""

import datetime
import itertools
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from karbor import context as karbor_context
from karbor import exception as karbor_exception
from karbor import objects
from karbor.services.operationengine.operations.retention_operation import (
    RetentionProtectOperation,
)
from karbor.services.protection import checkpoint as karbor_checkpoint
from oslo_serialization import jsonutils

from karbor_manila.service import sessions
from tests.unit.karbor_stage import (
    PROJECT,
    Service,
    context_of,
)

KARBOR = "the user karbor"


class Stage:
    """A service, a plan, Karbor's clock, and its retention as the operation engine runs it."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.service = service
        self.seconds = itertools.count(1_700_000_000)
        monkeypatch.setattr(karbor_checkpoint.timeutils, "utcnow_ts", lambda: next(self.seconds))
        monkeypatch.setattr(sessions, "karbor_user_id", lambda **_kwargs: KARBOR)
        self.whole = service.plan(
            resources=[{"type": PROJECT, "id": service.project_id, "name": "project"}]
        )

    def schedule(self, plan: Any, *, enabled: bool = True, **rules: Any) -> Any:
        """An operation ``retention_protect`` as Karbor's API puts it into the database."""
        operation = objects.ScheduledOperation(
            self.service.context(),
            name="retention",
            operation_type="retention_protect",
            user_id=str(uuid.uuid4()),
            project_id=self.service.project_id,
            trigger_id=str(uuid.uuid4()),
            operation_definition={
                "provider_id": self.service.provider.id,
                "plan_id": plan.id,
                **{name: str(value) for name, value in rules.items()},
            },
            enabled=enabled,
        )
        operation.create()
        return operation

    def context(self, trustee: str | None = KARBOR) -> Any:
        """A request with a trust's token as oslo.messaging hands it over."""
        context = context_of(self.service.project_id)
        trust = {
            "id": "trust",
            "impersonation": True,
            "trustor_user": {"id": "user"},
            "trustee_user": {"id": trustee},
        }
        token = {"methods": ["password"]} | ({"OS-TRUST:trust": trust} if trustee else {})
        context._auth_token_info = {"token": token}
        sent = jsonutils.loads(jsonutils.dumps(context.to_dict()))
        return karbor_context.RequestContext.from_dict(sent)

    def listed(self, plan: Any, context: Any = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.service.call(
            "list_checkpoints",
            self.service.provider.id,
            filters={"plan_id": plan.id, "project_id": self.service.project_id},
            sort_keys=["created_at"],
            sort_dirs=["desc"],
            limit=1000,
            context=context,
        )
        return found

    def prune(self, plan: Any, most: int = -1, days: int = -1) -> None:
        """Both halves of a run of Karbor's retention, and what our manager does meanwhile."""
        context = self.context()

        class Checkpoints:
            """Karbor's client of its own API."""

            @staticmethod
            def list(**_options: Any) -> Any:
                return [SimpleNamespace(**item) for item in self.listed(plan, context)]

            @staticmethod
            def delete(provider_id: str, checkpoint_id: str) -> None:
                self.service.call("delete", provider_id, checkpoint_id, context=context)

        client = SimpleNamespace(checkpoints=Checkpoints)
        rest = (self.service.project_id, self.service.provider.id, plan.id)
        operation = RetentionProtectOperation
        operation._delete_old_backup_by_max_backups(operation, client, most, *rest)
        operation._delete_old_backup_by_duration(operation, client, days, *rest)
        self.service.run()

    def run(self, plan: Any, most: int = -1, days: int = -1) -> Any:
        """A whole run: a checkpoint, to its end, and what retention does after it."""
        try:
            made = self.service.protect(plan)
        except karbor_exception.FlowError:
            made = None
        self.prune(plan, most, days)
        return made

    def left(self) -> dict[str, str]:
        """The statuses of all checkpoints."""
        left = {item: self.service.checkpoint(item).status for item in self.service.checkpoints()}
        # All of what went is gone from each branch of the index.
        assert {key[-36:] for key in self.service.provider.bank.list_objects("/indices/")} == set(
            left
        )
        return left

    def snapshots(self, share_id: str) -> int:
        return sum(v["share_id"] == share_id for v in self.service.cloud.snapshots.values())

    def age(self, checkpoint: Any, days: int) -> None:
        """Let a checkpoint be this old."""
        day = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=days)
        section, bank = checkpoint.checkpoint_section, self.service.provider.bank
        index = section.get_object("index.json")
        section.update_object("index.json", index | {"created_at": day.isoformat()})
        for key in bank.list_objects("/indices/"):
            older = key.replace(f"/{index['created_at']}/", f"/{day}/")
            if key.endswith(f"@{checkpoint.id}") and older != key:
                bank.update_object(older, checkpoint.id)
                bank.delete_object(key)


def status(stage: Stage, share_id: str, word: str) -> None:
    stage.service.cloud.shares[share_id]["status"] = word
