# SPDX-License-Identifier: Apache-2.0
"""What counts when Karbor's retention counts: nothing that is missing pushes out what is there."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_serialization import jsonutils

from sandbox.credentials import for_commands
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.retention_run import Retention


@pytest.fixture
def scheduled(stack: Stack, empty_alpha: Tenant) -> Iterator[Callable[..., Retention]]:
    """Makes a retention for a plan of the empty project; nothing of it is left afterwards."""
    made: list[Retention] = []

    def make(plan: Any, **rules: Any) -> Retention:
        made.append(Retention(stack, empty_alpha, plan, **rules))
        return made[-1]

    yield make
    for retention in made:
        retention.close()
        for checkpoint in empty_alpha.checkpoints(retention.plan):
            empty_alpha.delete(checkpoint)


@pytest.fixture
def admin(stack: Stack) -> Tenant:
    return Tenant(stack.info, "admin")


def run(retention: Retention) -> Any:
    time.sleep(1.1)  # Karbor's timestamps are whole seconds
    return retention.run()


def broken_in(checkpoint: Any) -> list[str]:
    """The ids of what a checkpoint should hold and does not; the stack has other gaps as well."""
    info = jsonutils.loads(checkpoint.extra_info or "{}")
    return [item["id"] for item in info.get("left_out", []) if item["kind"] == "broken"]


def status_of(tenant: Tenant, plan: Any) -> tuple[int, dict[str, Any]]:
    """The exit code of ``karbor-manila status``, and its line of the plan."""
    done = subprocess.run(
        [f"{tenant.info.bin}/karbor-manila", "status", "--plan", plan.id, "-f", "json"],
        env=for_commands(tenant.info),
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = json.loads(done.stdout)
    return done.returncode, line


def test_a_broken_share_keeps_its_last_snapshot_and_status_names_it(
    scheduled: Callable[..., Retention], empty_alpha: Tenant, admin: Tenant
) -> None:
    well, broken = empty_alpha.make_share("well"), empty_alpha.make_share("broken")
    plan = empty_alpha.plan_of_project()
    retention = scheduled(plan, max_backups=1)
    whole = run(retention)
    assert status_of(empty_alpha, plan)[0] == 0
    admin.manila.shares.reset_state(broken.id, "error")
    for _ in range(3):
        partial = run(retention)
        assert broken_in(partial) == [broken.id]
    assert len(empty_alpha.snapshots(broken.id)) == 1
    assert whole.id in {c.id for c in empty_alpha.checkpoints(plan)}
    code, line = status_of(empty_alpha, plan)
    assert (code, line["Newest Good"]) == (3, whole.id)
    assert any(broken.id in said and "error" in said for said in line["Not Well"])
    # What is well is bounded as ever: one, the one of before the last run, and the whole one.
    assert len(empty_alpha.snapshots(well.id)) == 3
    admin.manila.shares.reset_state(broken.id, "available")
    for _ in range(3):
        last = run(retention)
    assert {len(empty_alpha.snapshots(share.id)) for share in (well, broken)} == {2}
    assert status_of(empty_alpha, plan)[1]["Newest Good"] == last.id


def test_a_checkpoint_without_a_share_is_no_success_and_pushes_nothing_out(
    scheduled: Callable[..., Retention], empty_alpha: Tenant, admin: Tenant
) -> None:
    only = empty_alpha.make_share("only")
    plan = empty_alpha.plan_of_project()
    retention = scheduled(plan, max_backups=1)
    whole = run(retention)
    admin.manila.shares.reset_state(only.id, "error")
    for _ in range(3):
        empty = run(retention)
        assert empty.status == "error"
        assert only.id in empty.extra_info
    assert len(empty_alpha.snapshots(only.id)) == 1
    code, line = status_of(empty_alpha, plan)
    assert (code, line["Newest Good"]) == (3, whole.id)
    admin.manila.shares.reset_state(only.id, "available")


def age(tenant: Tenant, checkpoint: Any, day: str) -> None:
    """Let a checkpoint be of another day, in the bank."""
    (path,) = tenant.info.bank.rglob(f"{checkpoint.id}/index.json")
    index = json.loads(path.read_text())
    path.write_text(json.dumps(index | {"created_at": day}))
    for key in list(tenant.info.bank.rglob(f"*@{checkpoint.id}")):
        older = Path(str(key).replace(f"/{index['created_at']}/", f"/{day}/"))
        older.parent.mkdir(parents=True, exist_ok=True)
        key.rename(older)


def test_age_never_takes_the_last_good_checkpoint(
    scheduled: Callable[..., Retention], empty_alpha: Tenant, admin: Tenant
) -> None:
    share = empty_alpha.make_share("old")
    plan = empty_alpha.plan_of_shares([share])
    retention = scheduled(plan, retention_duration=3)
    older, newest = run(retention), run(retention)
    for checkpoint, day in ((older, "2026-01-01"), (newest, "2026-02-01")):
        age(empty_alpha, checkpoint, day)
    admin.manila.shares.reset_state(share.id, "error")
    assert run(retention).status == "error"
    statuses = {c.id: c.status for c in empty_alpha.checkpoints(plan)}
    assert older.id not in statuses
    assert statuses[newest.id] == "available"
    assert len(empty_alpha.snapshots(share.id)) == 1
    # What a user asks for is his decision.
    empty_alpha.delete(newest)
    assert empty_alpha.snapshots(share.id) == []
    admin.manila.shares.reset_state(share.id, "available")


def test_what_failed_runs_keep_is_bounded(
    scheduled: Callable[..., Retention], empty_alpha: Tenant
) -> None:
    shares = [empty_alpha.make_share(f"share-{number}") for number in range(3)]
    plan = empty_alpha.plan_of_shares(shares)
    retention = scheduled(plan, max_backups=2)
    empty_alpha.manila.shares.delete(shares[0].id)
    wait("its end", empty_alpha.shares, lambda left: len(left) == 2, 60)
    for _ in range(5):
        assert run(retention).status == "error"
    wait("a bound", lambda: len(empty_alpha.snapshots()), lambda number: number <= 6, 60)
    assert len(empty_alpha.checkpoints(plan)) <= 3
