# SPDX-License-Identifier: Apache-2.0
"""Hooks of tests, and runs of them that a process has left in the bank."""

import datetime
import functools
import uuid
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from karbor_manila.bank import hook_runs
from karbor_manila.bank.hook_runs import Began, Run
from karbor_manila.hooks import terms
from karbor_manila.hooks.base import Call, Hook, Outcome
from karbor_manila.operations import flow
from karbor_manila.recovery import hook_posts
from tests.unit.karbor_stage import Service

FIRST = "tests.unit.recovery.hooked:First"
SECOND = "tests.unit.recovery.hooked:Second"
GONE = "tests.unit.recovery.hooked:Gone"

OPTIONS = (
    f"hook_drivers = {FIRST},{SECOND}",
    "enable_pre_hooks = true",
    "enable_post_hooks = true",
    "hook_timeout = 5.0",
)


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks are called in the thread of who waits for them, and no freeze time is ever over: the
    clock of a stage moves by waiting, which would leave a thread no time."""

    def call(work: Callable[[], None]) -> None:
        work()

    time = functools.partial(terms.Time, spawn=call, after=lambda _seconds, _work: lambda: None)
    monkeypatch.setattr(flow, "Time", time)
    monkeypatch.setattr(hook_posts, "spawn", call)


class First(Hook):
    """Notes its posts."""

    #: Names of hooks, calls, data and outcomes.
    posts: ClassVar[list[tuple[str, Call, Any, Outcome]]] = []
    #: What a post does, by the name of its hook.
    does: ClassVar[dict[str, Callable[[Call], None]]] = {}

    def post(self, *, call: Call, data: Any, outcome: Outcome) -> None:
        """Note it; then what the test wants."""
        self.posts.append((self.name, call, data, outcome))
        self.does.get(self.name, lambda _call: None)(call)


class Second(First):
    """One more, which undoes something."""

    needs_post = True


def forget() -> None:
    """No post was called, and none fails."""
    First.posts.clear()
    First.does.clear()


def called() -> list[tuple[str, Any]]:
    """The posts that were called so far: the names of hooks, and their data."""
    return [(name, data) for name, _call, data, _outcome in First.posts]


def fails(_call: Call) -> None:
    raise RuntimeError("the database of the application is away")


def claimed(service: Service, checkpoint: Any, claimed_id: str | None = None) -> str:
    """Claim it, as a flow does. Returns the token of the claim."""
    claimed_id = claimed_id or checkpoint.id
    service.manager.claims.take(
        claimed_id,
        "protect",
        provider_id=service.provider.id,
        checkpoint_id=checkpoint.id,
        bank=service.provider.bank,
    )
    return str(service.manager.claims.token(claimed_id))


def begun(service: Service, checkpoint: Any, token: str, **fields: Any) -> Run:
    """A run of both hooks, in the bank."""
    now = service.cloud.clock.utcnow()
    share_id = checkpoint.protection_plan["resources"][0]["id"]
    usual = {
        "claimed_id": checkpoint.id,
        "token": token,
        "checkpoint_id": checkpoint.id,
        "project_id": service.project_id,
        "point": "protect",
        "scope": "share",
        "share_ids": (share_id,),
        "hooks": (Began(FIRST, {"n": 1}), Began(SECOND)),
        "since": now.isoformat(timespec="seconds"),
    }
    run = Run(**usual | fields)
    hook_runs.put(service.provider.bank, service.provider.id, run)
    return run


def open_runs(service: Service) -> list[Run]:
    """Those in the bank."""
    return hook_runs.entries(service.provider.bank, service.provider.id)


def old(service: Service) -> str:
    """When a run began that is older than every grace."""
    then = service.cloud.clock.utcnow() - datetime.timedelta(hours=1)
    return then.isoformat(timespec="seconds")


def new_id() -> str:
    return str(uuid.uuid4())
