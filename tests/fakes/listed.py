# SPDX-License-Identifier: Apache-2.0
"""What Karbor's API and Manila list, made up: a world to make the views from, without requests."""

import datetime
import json
from typing import Any

from karbor_manila.cli.views.listed import Listed

NOW = datetime.datetime(2026, 11, 27, 9, 30, tzinfo=datetime.UTC)
SHARE, PROJECT = "OS::Manila::Share", "OS::Keystone::Project"
HOUR = 3600.0
DAY = 24 * HOUR

View = dict[str, Any]


def ago(seconds: float) -> str:
    """So long before NOW, as Karbor writes a time."""
    return (NOW - datetime.timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()


class World:
    """Everything is added with its age in seconds, and listed the newest first."""

    def __init__(self) -> None:
        self.plans: list[View] = []
        self.shares: list[View] | None = []
        self.schedules: list[View] = []
        self.triggers: list[View] = []
        self.restores: list[tuple[float, View]] = []
        self._checkpoints: list[tuple[float, View]] = []
        self._logs: list[tuple[float, View]] = []
        self._verifications: list[tuple[float, View]] = []

    def share(
        self, share_id: str, name: str | None = None, project: str = "p1", **more: Any
    ) -> View:
        share = {"id": share_id, "name": name or share_id, "project_id": project, "metadata": {}}
        share |= more
        assert self.shares is not None
        self.shares.append(share)
        return share

    def plan(
        self,
        name: str,
        *shares: str,
        project: str = "",
        cron: str = "",
        plan_id: str = "",
        **keep: Any,
    ) -> View:
        """A plan of these shares, or of a whole project; with a schedule if it has a pattern."""
        resources = [{"type": SHARE, "id": share, "name": share} for share in shares]
        if project:
            resources = [{"type": PROJECT, "id": project, "name": project}]
        plan = {
            "id": plan_id or f"plan-{name}",
            "name": name,
            "provider_id": "prov",
            "resources": resources,
        }
        self.plans.append(plan)
        if cron:
            self.schedule(plan, cron, **keep)
        return plan

    def schedule(self, plan: View, pattern: str, *, enabled: bool = True, **keep: Any) -> None:
        number = len(self.triggers)
        self.triggers.append(
            {
                "id": f"trigger-{number}",
                "name": "t",
                "type": "time",
                "properties": {"pattern": pattern, "format": "crontab", **keep.pop("when", {})},
            }
        )
        self.schedules.append(
            {
                "id": f"schedule-{number}",
                "name": plan["name"],
                "operation_type": "retention_protect" if keep else "protect",
                "trigger_id": f"trigger-{number}",
                "operation_definition": {"plan_id": plan["id"], "provider_id": "prov", **keep},
                "enabled": enabled,
            }
        )

    def checkpoint(
        self,
        plan: View,
        age: float,
        *shares: str,
        status: str = "available",
        took: float = 60.0,
        log: bool = True,
        **info: Any,
    ) -> View:
        """A checkpoint of these shares, or of those of the plan, with the log of its making."""
        held = shares or tuple(i["id"] for i in plan["resources"] if i["type"] == SHARE)
        names = {share["id"]: share["name"] for share in self.shares or ()}
        nodes = {hex(n): [SHARE, of, names.get(of, of), None] for n, of in enumerate(held)}
        checkpoint = {
            "id": f"cp-{len(self._checkpoints)}",
            "status": status,
            "project_id": "p1",
            "protection_plan": {"id": plan["id"], "name": plan["name"], "provider_id": "prov"},
            "resource_graph": json.dumps([nodes, []]),
            "created_at": ago(age)[:10],
            "extra_info": json.dumps(info),
            "provider_id": "prov",
        }
        self._checkpoints.append((age, checkpoint))
        if log:
            going = status in ("protecting", "deleting")
            ended = {} if going else {"ended_at": ago(age - took)}
            reasons = info.get("reasons") or {}
            said = (
                {"error_info": next(iter(reasons.values()))}
                if status == "error" and reasons
                else {}
            )
            self.log("protect", checkpoint, age, status, plan_id=plan["id"], **ended, **said)
        return checkpoint

    def log(self, kind: str, checkpoint: View | None, age: float, status: str, **more: Any) -> None:
        log = {
            "id": f"log-{len(self._logs)}",
            "operation_type": kind,
            "checkpoint_id": checkpoint["id"] if checkpoint else None,
            "started_at": ago(age),
            "status": status,
            **more,
        }
        self._logs.append((age, log))

    def missed(self, plan: View, age: float, why: str) -> None:
        """A run of a schedule that made no checkpoint."""
        self.log("protect", None, age, "error", plan_id=plan["id"], error_info=why)

    def drill(
        self,
        checkpoint: View,
        age: float,
        seconds: dict[str, float],
        bad: dict[str, str] | None = None,
        **told: Any,
    ) -> View:
        """A drill: by share how long it took, or why it failed."""
        bad = bad or {}
        status = "fail" if bad else "success"
        at = {"depth": "drill", "at": ago(age) + "+00:00"}
        good = {share: json.dumps(at | {"seconds": took} | told) for share, took in seconds.items()}
        record = {
            "id": f"ver-{len(self._verifications)}",
            "provider_id": "prov",
            "checkpoint_id": checkpoint["id"],
            "parameters": {SHARE: {"depth": "drill"}},
            "status": status,
            "resources_status": {
                f"{SHARE}#{share}": "error" if share in bad else "available"
                for share in (*seconds, *bad)
            },
            "resources_reason": {f"{SHARE}#{s}": said for s, said in (good | bad).items()},
        }
        self._verifications.append((age, record))
        plan_id = checkpoint["protection_plan"]["id"]
        took = max(seconds.values(), default=5.0)
        self.log("verify", checkpoint, age, status, plan_id=plan_id, ended_at=ago(age - took))
        return record

    def listed(self, **more: Any) -> Listed:
        """What is listed at NOW."""
        given: View = {
            "at": NOW,
            "plans": self.plans,
            "providers": [{"id": "prov", "name": "ours"}],
            "checkpoints": _newest_first(self._checkpoints),
            "logs": _newest_first(self._logs),
            "restores": _newest_first(self.restores),
            "verifications": _newest_first(self._verifications),
            "schedules": self.schedules,
            "triggers": self.triggers,
            "shares": self.shares,
            "since": NOW - datetime.timedelta(days=30),
        }
        return Listed(**given | more)


def _newest_first(items: list[tuple[float, View]]) -> list[View]:
    return [item for _age, item in sorted(items, key=lambda pair: pair[0])]
