# SPDX-License-Identifier: Apache-2.0
"""Manila's side for the tests of the watch: its hook's base and database, the real ones where they
are installed (tests/functional/test_backend_units.py), or as much of them as it needs."""

import copy
import importlib.util
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from oslo_config import cfg

MARK = {
    "bank": "00000000-0000-0000-0000-0000000000b1",
    "provider": "00000000-0000-0000-0000-0000000000b2",
    "checkpoint": "00000000-0000-0000-0000-0000000000b3",
    "resource": "00000000-0000-0000-0000-0000000000b4",
}


class NotFound(Exception):
    code = 404


class Base:
    """As manila.share.hook.HookBase 23.0.1, as far as its heirs rely on it."""

    def __init__(self, configuration: Any, host: str) -> None:
        self.configuration = configuration
        self.host = host
        for what in ("pre", "post", "periodic"):
            enabled = self.get_config_option(f"enable_{what}_hooks")
            setattr(self, f"{what}_hooks_enabled", enabled)

    def get_config_option(self, key: str) -> Any:
        return self.configuration.safe_get(key)


class Configuration:
    """A backend's group, as manila.share.configuration offers it."""

    def __init__(self, **given: Any) -> None:
        self.values = {f"enable_{what}_hooks": True for what in ("pre", "post", "periodic")}
        self.values |= {"suppress_pre_hooks_errors": False, "suppress_post_hooks_errors": False}
        self.given = given
        self.values |= given

    def append_config_values(self, options: list[cfg.Opt]) -> None:
        for option in options:
            self.values.setdefault(option.dest, option.default)

    def safe_get(self, key: str) -> Any:
        return self.values.get(key)


class Context:
    def __init__(self, **fields: Any) -> None:
        self.is_admin = False
        self.__dict__.update(fields)

    def elevated(self) -> "Context":
        made = copy.copy(self)
        made.is_admin = True
        return made


WHO = {"user_id": "u-1", "project_id": "p-1", "request_id": "req-1"}


class Database:
    """manila.db, as far as it is asked."""

    def __init__(self) -> None:
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.shares: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.error: Exception | None = None

    def add(self, snapshot_id: str, share_id: str, mark: dict[str, str], **fields: Any) -> None:
        self.shares.setdefault(share_id, {"id": share_id, "project_id": "p-1", "metadata": {}})
        self.shares[share_id].setdefault("status", "available")
        self.snapshots[snapshot_id] = {
            "id": snapshot_id,
            "share_id": share_id,
            "project_id": "p-1",
            "status": "available",
            "display_description": None,
            "share_snapshot_metadata": [
                {"key": f"karbor_manila_{name}", "value": value} for name, value in mark.items()
            ],
            **fields,
        }

    def _get(self, context: Any, among: dict[str, Any], key: str) -> Any:
        self.asked.append(key)
        assert context.is_admin
        if self.error:
            raise self.error
        if key not in among:
            raise NotFound(key)
        return among[key]

    def share_snapshot_get(self, context: Any, snapshot_id: str) -> Any:
        return self._get(context, self.snapshots, snapshot_id)

    def share_get(self, context: Any, share_id: str) -> Any:
        return self._get(context, self.shares, share_id)

    def share_instance_get(self, context: Any, instance_id: str) -> Any:
        return {"share_id": instance_id.removeprefix("instance of ")}

    def share_metadata_get(self, context: Any, share_id: str) -> Any:
        return self.shares[share_id]["metadata"]

    def share_snapshot_get_all_for_share(self, context: Any, share_id: str) -> Any:
        if self.error:
            raise self.error
        return [each for each in self.snapshots.values() if each["share_id"] == share_id]

    def share_snapshot_instance_get_all_with_filters(self, context: Any, filters: Any) -> Any:
        self.asked.append("failed")
        assert context.is_admin
        assert filters["host"] == "host@backend"
        return [
            {"id": f"i-{each['id']}", "snapshot_id": each["id"], "status": each["status"]}
            for each in self.snapshots.values()
            if each["status"] in filters["statuses"]
        ]


@pytest.fixture
def db(monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database in the place of Manila's."""
    database = Database()
    if importlib.util.find_spec("manila") is None:
        for name in ("manila", "manila.share"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        hook = types.ModuleType("manila.share.hook")
        hook.HookBase = Base  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "manila.share.hook", hook)
    else:
        import manila.share.hook  # type: ignore[import-not-found] # noqa: F401, PLC0415
    monkeypatch.setitem(sys.modules, "manila.db", database)
    return database


@pytest.fixture
def module(db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """karbor_manila.hooks.watch, imported where there is a Manila."""
    name = "karbor_manila.hooks.watch"
    monkeypatch.delitem(sys.modules, name, raising=False)
    made = importlib.import_module(name)
    yield made
    sys.modules.pop(name, None)
