# SPDX-License-Identifier: Apache-2.0
"""What a schedule comes to whose maker Karbor can act for no more: the project reads why, nothing
hangs, nothing is left, and where an administrator can undo it, the schedule goes on by itself.

And what is under way when a token or a trust ends."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.schedules import People, Schedule
from tests.functional.tenant_command import command

#: Seconds that a token of Keystone is good for, and that a snapshot takes which outlives it.
TOKEN, SLOW = 10, 12
KARBOR = {
    "DEFAULT/trigger_poll_interval": 1,
    "manila_share_protection/reconcile_interval": 1,
}
#: Manila asks Keystone about each token at each request, and so knows of what was revoked.
MANILA = {"keystone_authtoken/token_cache_time": -1}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("cut-off") / "state"
    stack = Stack(
        folder,
        karbor_options=KARBOR,
        manila_options=MANILA,
        share_options={"undo_timeout": 30, "request_settle_time": 3},
    )
    with stack:
        yield stack
    stack.destroy()


@pytest.fixture(scope="module")
def people(stack: Stack) -> People:
    return People(stack)


@dataclass
class Site:
    """A project, who has made the schedule there, and somebody else of the project."""

    people: People
    maker: Tenant
    other: Tenant
    schedule: Schedule
    share: Any

    @property
    def project_id(self) -> str:
        return self.maker.project_id

    @property
    def user_id(self) -> str:
        return str(self.people.info.users[f"maker of {self.maker.project_name}"].user_id)

    def reasons(self) -> list[str]:
        """What the project can read of runs that made no checkpoint."""
        logs = self.other.karbor.operation_logs.list(search_opts={"status": "error"})
        return [log.error_info for log in logs if log.checkpoint_id is None]


@dataclass(frozen=True)
class Cut:
    """How Karbor is cut off, how that is undone if it can be, and what is read of it."""

    name: str
    cut: Callable[[Site], Any]
    says: str
    undo: Callable[[Site], Any] | None = None


def enable(kind: str, enabled: bool) -> Callable[[Site], Any]:
    def change(site: Site) -> None:
        keystone = site.people.keystone
        if kind == "user":
            keystone.users.update(site.user_id, enabled=enabled)
        else:
            keystone.projects.update(site.project_id, enabled=enabled)

    return change


def roles(what: str) -> Callable[[Site], Any]:
    def change(site: Site) -> None:
        act = getattr(site.people.keystone.roles, what)
        act(site.people.member, user=site.user_id, project=site.project_id)

    return change


CUTS = [
    Cut("user deleted", lambda site: site.people.keystone.users.delete(site.user_id), "not in Key"),
    Cut("user disabled", enable("user", False), "is disabled", enable("user", True)),
    Cut("project disabled", enable("project", False), "is disabled", enable("project", True)),
    Cut("role lost", roles("revoke"), "does not have member", roles("grant")),
    Cut("trust revoked", lambda site: site.people.revoke_trusts(site.maker), "was revoked"),
]


def make(stack: Stack, people: People, name: str) -> Site:
    project_id = people.project(name)
    maker = people.user(f"maker of {name}", project_id)
    other = people.user(f"other of {name}", project_id)
    share = maker.make_share("kept")
    (maker.folder(share.id) / "file").write_bytes(b"bytes")
    schedule = Schedule(stack, maker, maker.plan_of_shares([share]))
    return Site(people, maker, other, schedule, share)


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.name)
def test_who_is_cut_off_reads_why_and_nothing_is_left(
    stack: Stack, people: People, cut: Cut
) -> None:
    site = make(stack, people, cut.name)
    cut.cut(site)
    site.schedule.come_due()
    if cut.undo and "project" in cut.name:
        # Nobody can read anything there meanwhile; an administrator can.
        admin = Tenant(people.info, "admin").karbor.operation_logs
        every = {"all_tenants": True, "plan_id": site.schedule.plan.id}
        wait("an operation log", lambda: admin.list(search_opts=every), bool, 120)
        cut.undo(site)
    (reason,) = wait("the reason", site.reasons, bool, 120)
    assert cut.says in reason
    assert site.schedule.operation in reason
    assert site.other.snapshots() == []
    code, (row,), _ = command(people.info, f"other of {cut.name}", "variables")("status")
    assert (code, row["Not Well"]) == (3, ["no good checkpoint", reason])
    if cut.undo is None:
        site.schedule.close(by=site.other)
        if "trust" not in cut.name:
            return
        # What is written in doc/tasks/schedule.md.
        stack.restart("karbor")
        site.schedule = Schedule(stack, site.maker, site.schedule.plan)
    else:
        cut.undo(site)
    site.schedule.come_due()
    (made,) = wait("a checkpoint", lambda: site.other.checkpoints(site.schedule.plan), bool, 120)
    site.other.wait_checkpoint(site.schedule.plan.provider_id, made.id)
    assert len(site.reasons()) == 1


def test_who_is_cut_off_in_the_middle_leaves_no_snapshot_of_nobody(
    stack: Stack, people: People
) -> None:
    """Karbor cannot even remove what it began; the checkpoint has it, and goes with it."""
    site = make(stack, people, "in the middle")
    delays(stack, create_snapshot=15)
    site.schedule.come_due()
    (begun,) = wait("a checkpoint", lambda: site.other.checkpoints(site.schedule.plan), bool, 120)
    wait("its snapshot", site.other.snapshots, bool, 120)
    people.revoke_trusts(site.maker)
    ended = site.other.wait_checkpoint(site.other.provider, begun.id, "error")
    delays(stack)
    assert "HTTP 401" in ended.extra_info
    assert "the trust of a schedule revoked" in ended.extra_info
    assert len(site.other.snapshots()) == 1
    site.other.delete(ended)
    assert site.other.snapshots() == []


# Last, because it needs a Keystone with another option.
def test_a_token_that_runs_out_during_a_slow_snapshot_is_no_fault(
    stack: Stack, people: People
) -> None:
    site = make(stack, people, "slow")
    stack.restart("keystone", keystone_options={"token/expiration": TOKEN})
    delays(stack, create_snapshot=SLOW)
    checkpoint = site.maker.protect(site.schedule.plan)
    delays(stack)
    restore = site.maker.restore(checkpoint)
    (key,) = restore.resources_status
    assert key.startswith(SHARE)
    folder = site.maker.folder(key.partition("#")[2])
    assert (folder / "file").read_bytes() == b"bytes"


def delays(stack: Stack, **seconds: float) -> None:
    (stack.state.directory("manila") / "delays.json").write_text(json.dumps(seconds))
