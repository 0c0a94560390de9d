# SPDX-License-Identifier: Apache-2.0
"""An operator changes from Karbor's own plugin to ours, and back; both are the real things.

The provider's id and bank stay, and its plugin lines, its bank's line and the manager are changed,
as doc/migration.md has it. All checkpoints of one side are made before Karbor is started with the
other's.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from karborclient.common.apiclient import exceptions as karbor_errors
from oslo_serialization import jsonutils

from sandbox.manila import knobs
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.fixtures.make import KARBORS_OWN
from tests.functional.clones import clones_of
from tests.functional.folders import contents, fill


@dataclass(frozen=True)
class Kept:
    """A share, its checkpoint, and what was in the share then."""

    share: Any
    checkpoint: Any
    files: dict[str, bytes]
    plan: Any


@pytest.fixture(scope="module")
def karbors_own(stack: Stack, alpha: Tenant, beta: Tenant) -> Iterator[Callable[[], None]]:
    """Starts Karbor with its own plugin, bank and manager. At the end it has ours again, which
    deletes what Karbor's own could not: no file that comes later finds a checkpoint of this one."""
    before = stack.state.settings()
    # Without the tests' widgets: Karbor has no plugin for them, so no plan on a project would work.
    yield lambda: stack.restart("karbor", **KARBORS_OWN, pythonpath=[])
    with_ours(stack, before)
    for tenant in (alpha, beta):
        tenant.delete_checkpoints()


def with_ours(stack: Stack, before: Any, **karbor_options: Any) -> None:
    stack.restart(
        "karbor",
        stock_manager=False,
        share_options=before.share_options,
        karbor_options={**before.karbor_options, **karbor_options},
        pythonpath=before.pythonpath,
    )


@contextlib.contextmanager
def planned(file: Path, **rules: Any) -> Iterator[None]:
    """While this is held, the backend has these delays or faults."""
    knobs.write(file, rules)
    try:
        yield
    finally:
        file.unlink()


def protected(tenant: Tenant, **fields: Any) -> Kept:
    """A share with known content and its checkpoint; then the share is changed."""
    share = tenant.make_share("compatible", **fields)
    tenant.manila.shares.allow(share.id, "ip", "10.0.0.0/8", "rw")
    tenant.wait_share(share.id)
    fill(tenant.folder(share.id), f"kept in {share.id}")
    files = contents(tenant.folder(share.id))
    plan = tenant.plan_of_shares([share])
    checkpoint = tenant.protect(plan)
    fill(tenant.folder(share.id), "changed")
    return Kept(share, checkpoint, files, plan)


def rules(tenant: Tenant, share: Any) -> list[str]:
    return [rule.access_to for rule in tenant.manila.share_access_rules.access_list(share)]


def restored(tenant: Tenant, checkpoint: Any) -> Any:
    """The new share of a restore; Karbor's own plugin may call it done before Manila does."""
    return tenant.wait_share(tenant.restored_share(tenant.restore(checkpoint)).id)


# -- from Karbor's own to ours --------------------------------------------------------------------


@dataclass(frozen=True)
class Theirs:
    """What Karbor's own plugin has left, complete and not."""

    complete: list[Kept]
    project: tuple[Any, dict[str, dict[str, bytes]]]
    failed: tuple[Any, Any]
    undeletable: tuple[Any, Any]
    killed: tuple[Any, Any]


@pytest.fixture(scope="module")
def theirs(stack: Stack, alpha: Tenant, beta: Tenant, karbors_own: Callable[[], None]) -> Theirs:
    """Checkpoints of Karbor's own plugin, in the hands of ours."""
    before = stack.state.settings()
    faults = stack.state.directory("manila") / "faults.json"
    delays = stack.state.directory("manila") / "delays.json"
    karbors_own()

    complete = [protected(alpha) for _ in range(4)]

    beta.clean()
    share = beta.make_share("of a project")
    fill(beta.folder(share.id), "kept")
    project = (
        beta.protect(beta.plan_of_project()),
        {share.id: contents(beta.folder(share.id))},
    )

    def fails(status: str) -> tuple[Any, Any]:
        broken = alpha.make_share("fails")
        with planned(faults, create_snapshot={"id": broken.id}):
            ended = alpha.protect(alpha.plan_of_shares([broken]), status="error")
        if status == "error-deleting":
            ended = alpha.delete(ended, status=status)
            with pytest.raises(karbor_errors.ClientException):
                alpha.karbor.checkpoints.delete(alpha.provider, ended.id)
        return broken, ended

    failed, undeletable = fails("error"), fails("error-deleting")

    share = alpha.make_share("killed")
    plan = alpha.plan_of_shares([share])
    with planned(delays, create_snapshot=2):
        begun = alpha.karbor.checkpoints.create(plan.provider_id, plan.id)
        wait("its snapshot", lambda: alpha.snapshots(share.id), bool, 120)
        stack.kill("karbor", signal.SIGKILL)
    # Nothing tells of the dead but that time has passed since it began.
    options = {"lease_interval": 1, "lease_timeout": 30, "reconcile_interval": 5}
    group = "manila_share_protection"
    with_ours(stack, before, **{f"{group}/{name}": value for name, value in options.items()})
    return Theirs(complete, project, failed, undeletable, (share, begun))


def test_a_checkpoint_of_karbors_own_plugin_is_restored_by_ours(
    alpha: Tenant, theirs: Theirs
) -> None:
    kept = theirs.complete[0]
    new = restored(alpha, kept.checkpoint)
    assert contents(alpha.folder(new.id)) == kept.files
    assert rules(alpha, new) == [], "its record does not know them"


@pytest.mark.parametrize("depth", ["record", "plan", "drill"])
def test_a_checkpoint_of_karbors_own_plugin_is_verified_by_ours(
    alpha: Tenant, theirs: Theirs, depth: str
) -> None:
    kept = theirs.complete[1]
    before = {share.id for share in alpha.shares()}
    verification = alpha.verify(kept.checkpoint, {SHARE: {"depth": depth}})
    assert verification.resources_status == {f"{SHARE}#{kept.share.id}": "available"}
    assert {share.id for share in alpha.shares()} <= before


def test_a_checkpoint_of_karbors_own_plugin_is_copied_by_ours(
    alpha: Tenant, theirs: Theirs
) -> None:
    kept = theirs.complete[2]
    copy_id = alpha.copy(kept.plan)[kept.checkpoint.id]
    copied = alpha.wait_checkpoint(alpha.provider, copy_id)
    alpha.delete(kept.checkpoint)
    alpha.manila.shares.delete(kept.share.id)
    assert alpha.verify(copied, {SHARE: {"depth": "drill"}}).status == "success"
    assert contents(alpha.folder(restored(alpha, copied).id)) == kept.files
    alpha.delete(copied)
    assert clones_of(alpha, copied) == []


def test_a_checkpoint_of_karbors_own_plugin_is_deleted_by_ours(
    alpha: Tenant, theirs: Theirs
) -> None:
    kept = theirs.complete[3]
    alpha.delete(kept.checkpoint)
    assert alpha.snapshots(kept.share.id) == []


def test_a_checkpoint_of_a_project_by_karbors_own_plugin_is_restored_and_deleted_by_ours(
    beta: Tenant, theirs: Theirs
) -> None:
    checkpoint, kept = theirs.project
    new = restored(beta, checkpoint)
    assert [contents(beta.folder(new.id))] == list(kept.values())
    beta.delete(checkpoint)
    assert beta.snapshots() == []


@pytest.mark.parametrize("how", ["failed", "undeletable"])
def test_what_karbors_own_plugin_could_not_delete_is_deleted_and_its_snapshot_stays(
    alpha: Tenant, theirs: Theirs, how: str
) -> None:
    share, checkpoint = getattr(theirs, how)
    alpha.delete(checkpoint)
    (left,) = alpha.snapshots(share.id)  # nobody has written down that it belongs there
    assert (left.status, left.name or None, left.metadata) == ("error", None, {})
    alpha.manila.share_snapshots.delete(left.id)


def test_what_karbors_own_plugin_left_protecting_is_ended_and_its_snapshot_stays(
    alpha: Tenant, theirs: Theirs
) -> None:
    share, begun = theirs.killed
    ended = alpha.wait_checkpoint(alpha.provider, begun.id, "error", 120)
    reason = jsonutils.loads(ended.extra_info)["reasons"][f"checkpoint#{begun.id}"]
    assert "may have left a snapshot" in reason
    alpha.delete(ended)
    (left,) = alpha.snapshots(share.id)
    assert (left.status, left.name or None, left.metadata) == ("available", None, {})
    alpha.manila.share_snapshots.delete(left.id)


# -- and back -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ours:
    """What our plugin has left, complete and not."""

    complete: list[Kept]
    source: Kept
    copied: Any
    clone: Any
    failed: tuple[Any, Any]


@pytest.fixture(scope="module")
def ours(stack: Stack, alpha: Tenant, theirs: Theirs, karbors_own: Callable[[], None]) -> Ours:
    """Our checkpoints in the hands of Karbor's own plugin."""
    faults = stack.state.directory("manila") / "faults.json"
    complete = [
        protected(alpha, description="everybody's", metadata={"colour": "blue"}) for _ in range(2)
    ]
    source = protected(alpha)
    copied = alpha.wait_checkpoint(alpha.provider, alpha.copy(source.plan)[source.checkpoint.id])
    (clone,) = clones_of(alpha, copied)
    broken = alpha.make_share("fails")
    with planned(faults, create_snapshot={"id": broken.id}):
        failed = alpha.protect(alpha.plan_of_shares([broken]), status="error")
    karbors_own()
    return Ours(complete, source, copied, clone, (broken, failed))


def test_ours_is_verified_and_restored_by_karbors_own_plugin_without_what_it_does_not_know(
    alpha: Tenant, ours: Ours
) -> None:
    kept = ours.complete[0]
    verification = alpha.verify(kept.checkpoint)
    assert verification.resources_status == {f"{SHARE}#{kept.share.id}": "available"}
    new = restored(alpha, kept.checkpoint)
    assert contents(alpha.folder(new.id)) == kept.files
    assert (new.size, new.share_type) == (kept.share.size, kept.share.share_type)
    assert new.name == f"{kept.checkpoint.id}@{kept.share.id}"
    assert (new.description, new.metadata, rules(alpha, new)) == (None, {}, [])


def test_ours_is_deleted_by_karbors_own_plugin(alpha: Tenant, ours: Ours) -> None:
    kept = ours.complete[1]
    alpha.delete(kept.checkpoint)
    assert alpha.snapshots(kept.share.id) == []


def test_a_copy_is_restored_and_deleted_by_karbors_own_plugin_and_its_share_stays(
    alpha: Tenant, ours: Ours
) -> None:
    new = restored(alpha, ours.copied)
    assert contents(alpha.folder(new.id)) == ours.source.files
    alpha.delete(ours.copied)
    assert alpha.snapshots(ours.clone.id) == []
    assert alpha.manila.shares.get(ours.clone.id).status == "available"
    alpha.manila.shares.delete(ours.clone.id)


def test_what_failed_under_ours_cannot_be_deleted_by_karbors_own_plugin(
    alpha: Tenant, ours: Ours
) -> None:
    _share, failed = ours.failed
    stuck = alpha.delete(failed, status="error-deleting")
    with pytest.raises(karbor_errors.ClientException):
        alpha.karbor.checkpoints.delete(alpha.provider, stuck.id)
