# SPDX-License-Identifier: Apache-2.0
"""Keystone and Karbor's API 1.6.0, as far as the tenant's commands ask them, over requests-mock."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

AUTH_URL = "http://keystone.example/v3"
KARBOR_URL = "http://karbor.example/v1/p1"
MANILA_URL = "http://manila.example/v2"
TOKEN = "gAAAAAsecret-token"
PASSWORD = "the-password"
SHARE, PROJECT = "OS::Manila::Share", "OS::Keystone::Project"

ENVIRONMENT = {
    "OS_AUTH_TYPE": "password",
    "OS_AUTH_URL": AUTH_URL,
    "OS_USERNAME": "alpha",
    "OS_PASSWORD": PASSWORD,
    "OS_PROJECT_NAME": "alpha",
    "OS_USER_DOMAIN_ID": "default",
    "OS_PROJECT_DOMAIN_ID": "default",
    "OS_REGION_NAME": "RegionOne",
}

View = dict[str, Any]
Script = Callable[[View], list[View]]


class FakeKarbor:
    """What it lists is what a test puts into its lists, newest first.

    :ivar scripts: by kind: for a record that was asked for, what each look at it adds to it
    :ivar asked: bodies of orders, by kind
    :ivar failures: (method, path ending) to a list of (status, body) or exceptions, used up first
    """

    def __init__(self, mocker: Any) -> None:
        self.plans: list[View] = []
        self.providers: list[View] = [{"id": "prov", "name": "ours"}]
        self.checkpoints: list[View] = []
        self.restores: list[View] = []
        self.verifications: list[View] = []
        self.operation_logs: list[View] = []
        self.scheduled_operations: list[View] = []
        self.triggers: list[View] = []
        self.shares: list[View] = []
        self.scripts: dict[str, Script] = {}
        self.asked: list[tuple[str, View]] = []
        self.calls: list[str] = []
        self.queries: list[tuple[str, dict[str, str]]] = []
        self.failures: dict[tuple[str, str], list[Any]] = {}
        self._pending: dict[str, list[View]] = {}
        mocker.get(AUTH_URL, json={"version": _VERSION})
        mocker.post(f"{AUTH_URL}/auth/tokens", json=_TOKEN_BODY, headers={"X-Subject-Token": TOKEN})
        mocker.register_uri("GET", re.compile(re.escape(KARBOR_URL)), text=self._get)
        mocker.register_uri("POST", re.compile(re.escape(KARBOR_URL)), text=self._post)
        mocker.register_uri("GET", re.compile(re.escape(MANILA_URL)), text=self._shares)

    # -- what there is --------------------------------------------------------------------------

    def plan(self, name: str, *resources: tuple[str, str], provider: str = "prov") -> View:
        plan = {
            "id": f"plan-{name}",
            "name": name,
            "provider_id": provider,
            "resources": [{"type": of, "id": item, "name": item} for of, item in resources],
        }
        self.plans.append(plan)
        return plan

    def checkpoint(
        self,
        plan: View,
        status: str = "available",
        shares: tuple[tuple[str, str], ...] = (("s1", "home"),),
        started_at: str | None = "2026-11-20T10:00:00.000000",
        **fields: Any,
    ) -> View:
        """A checkpoint, newer than those before."""
        nodes = {hex(n): [SHARE, of, name, None] for n, (of, name) in enumerate(shares)}
        checkpoint = {
            "id": fields.pop("id", f"cp-{len(self.checkpoints) + 1}"),
            "status": status,
            "project_id": "p1",
            "protection_plan": {
                "id": plan["id"],
                "name": plan["name"],
                "provider_id": plan["provider_id"],
            },
            "resource_graph": json.dumps([nodes, []]),
            "created_at": "2026-11-20",
            "extra_info": '{"created_by": "manual"}',
            **fields,
        }
        self.checkpoints.insert(0, checkpoint)
        if started_at:
            self.log("protect", checkpoint["id"], started_at, status)
        return checkpoint

    def log(
        self, kind: str, checkpoint_id: str | None, started_at: str, status: str, **fields: Any
    ) -> None:
        log = {
            "id": f"log-{len(self.operation_logs)}",
            "operation_type": kind,
            "checkpoint_id": checkpoint_id,
            "started_at": started_at,
            "status": status,
            **fields,
        }
        self.operation_logs.insert(0, log)

    def verification(self, checkpoint: View, status: str = "success", **fields: Any) -> View:
        """A verification that has been, newer than those before."""
        record = {
            "id": f"ver-{len(self.verifications)}",
            "provider_id": "prov",
            "checkpoint_id": checkpoint["id"],
            "parameters": {SHARE: {"depth": "drill"}},
            "status": status,
            "resources_status": {},
            "resources_reason": {},
            **fields,
        }
        self.verifications.insert(0, record)
        return record

    # -- HTTP -----------------------------------------------------------------------------------

    def _fails(self, request: Any, context: Any) -> str | None:
        path = urlsplit(request.url).path
        assert request.headers["X-Auth-Token"] == TOKEN
        self.calls.append(f"{request.method} {path.removeprefix('/v1/p1')}")
        for (method, ending), answers in self.failures.items():
            if answers and method == request.method and path.endswith(ending):
                answer = answers.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                context.status_code, text = answer
                return json.dumps({"fault": {"code": context.status_code, "message": text}})
        return None

    def _get(self, request: Any, context: Any) -> str:
        failure = self._fails(request, context)
        if failure:
            return failure
        url = urlsplit(request.url)
        parts = url.path.removeprefix("/v1/p1/").split("/")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if parts[0] == "providers" and len(parts) > 1:
            parts = parts[2:]
        if len(parts) == 2:
            return self._show(parts[0], parts[1], context)
        key = {"scheduled_operations": "operations"}.get(parts[0], parts[0])
        self.queries.append((parts[0], query))
        return json.dumps({key: self._page(getattr(self, parts[0]), parts[0], query)})

    def _shares(self, request: Any, context: Any) -> str:
        failure = self._fails(request, context)
        if failure:
            return failure
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        self.queries.append(("shares", query))
        first = int(query["offset"])
        return json.dumps({"shares": self.shares[first : first + min(2, int(query["limit"]))]})

    @staticmethod
    def _page(items: list[View], kind: str, query: dict[str, str]) -> list[View]:
        if "plan_id" in query and kind == "checkpoints":
            items = [i for i in items if i["protection_plan"]["id"] == query["plan_id"]]
        if "checkpoint_id" in query and kind == "operation_logs":
            items = [i for i in items if i["checkpoint_id"] == query["checkpoint_id"]]
        if "status" in query:
            items = [i for i in items if i["status"] == query["status"]]
        if kind == "checkpoints":
            items = [i for i in items if i["status"] != "deleted"]
        if "marker" in query:
            ids = [item["id"] for item in items]
            items = items[ids.index(query["marker"]) + 1 :]
        return items[: int(query["limit"])]

    def _show(self, kind: str, item_id: str, context: Any) -> str:
        for item in getattr(self, kind):
            if item["id"] == item_id:
                pending = self._pending.get(item_id)
                if pending:
                    item.update(pending.pop(0))
                return json.dumps({kind.removesuffix("s"): item})
        context.status_code = 404
        return json.dumps({"itemNotFound": {"code": 404, "message": f"{item_id} not found"}})

    def _post(self, request: Any, context: Any) -> str:
        failure = self._fails(request, context)
        if failure:
            return failure
        ((kind, body),) = request.json().items()
        self.asked.append((kind, body))
        record = {
            **body,
            "id": str(uuid.uuid4()),
            "status": "in_progress",
            "resources_status": None,
            "resources_reason": None,
            **({"restore_target": None} if kind == "restore" else {}),
        }
        getattr(self, f"{kind}s").insert(0, record)
        self._pending[record["id"]] = list(self.scripts.get(kind, _succeeds)(record))
        context.status_code = 202
        return json.dumps({kind: record})


def _succeeds(_record: View) -> list[View]:
    return [{"status": "success"}]


def _endpoint(url: str) -> View:
    region = {"region": "RegionOne", "region_id": "RegionOne"}
    return {"interface": "public", "url": url, "id": url, **region}


_VERSION = {
    "id": "v3.14",
    "status": "stable",
    "links": [{"rel": "self", "href": AUTH_URL}],
}
_TOKEN_BODY = {
    "token": {
        "methods": ["password"],
        "expires_at": "2099-01-01T00:00:00.000000Z",
        "issued_at": "2026-01-01T00:00:00.000000Z",
        "user": {"id": "u1", "name": "alpha", "domain": {"id": "default", "name": "Default"}},
        "project": {"id": "p1", "name": "alpha", "domain": {"id": "default", "name": "Default"}},
        "roles": [{"id": "r1", "name": "member"}],
        "catalog": [
            {"type": of, "name": name, "id": name, "endpoints": [_endpoint(url)]}
            for of, name, url in (
                ("data-protect", "karbor", KARBOR_URL),
                ("sharev2", "manilav2", MANILA_URL),
            )
        ],
    }
}
