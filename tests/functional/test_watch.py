# SPDX-License-Identifier: Apache-2.0
"""A checkpoint says within seconds what becomes of its snapshots in a real Manila, and by whom."""

import datetime
import json
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.manila import marks
from sandbox.manila import config
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.folders import contents, fill

SECONDS = 40  # a deadline, not a measure

SPOOL = "manila_share_protection/watch_spool"


@pytest.fixture(scope="module")
def spool(stack: Stack) -> Iterator[Path]:
    """The folder that Manila's hook writes to and that Karbor reads in these tests."""
    folder = stack.state.directory("manila") / config.WATCH
    for told in folder.glob("*.json"):
        told.unlink()  # of other tests' snapshots
    before = stack.state.settings()
    stack.restart("karbor", karbor_options={**before.karbor_options, SPOOL: str(folder)})
    yield folder
    stack.restart("karbor", karbor_options=before.karbor_options)


@pytest.fixture(scope="module", autouse=True)
def logged(stack: Stack) -> int:
    """How long Manila's log was before this file: what it says of others is not to be judged."""
    return stack.state.log("manila").stat().st_size


@pytest.fixture
def admin(stack: Stack) -> Tenant:
    return Tenant(stack.info, "admin")


def extra(tenant: Tenant, checkpoint: Any) -> dict[str, Any]:
    seen = tenant.checkpoint(tenant.provider, checkpoint.id)
    found: dict[str, Any] = json.loads(seen.extra_info) if seen.extra_info else {}
    return {**found, "status": seen.status}


def says(tenant: Tenant, checkpoint: Any, name: str, share: Any) -> dict[str, Any]:
    """What the checkpoint says, once it says something of a share under this name."""
    key = share.id if name in ("lost", "watched") else f"{SHARE}#{share.id}"
    return wait(
        f"the checkpoint's word on share {share.id}",
        lambda: extra(tenant, checkpoint),
        lambda seen: key in seen.get(name, {}),
        SECONDS,
    )


def is_read(spool: Path) -> None:
    """All that was told so far is judged."""
    wait("the end of what was told", lambda: list(spool.glob("*.json")), lambda left: not left, 60)


def protected(tenant: Tenant, *shares: Any) -> tuple[Any, dict[str, Any]]:
    checkpoint = tenant.protect(tenant.plan_of_shares(list(shares)))
    kept = {}
    for share in shares:
        for snapshot in tenant.snapshots(share.id):
            mark = marks.read({"metadata": dict(snapshot.metadata)})
            if mark and mark.checkpoint == checkpoint.id:
                kept[share.id] = snapshot
    return checkpoint, kept


def forced(admin: Tenant, snapshot: Any) -> None:
    admin.manila.share_snapshots.force_delete(snapshot.id)


def unmanaged(admin: Tenant, snapshot: Any) -> None:
    admin.manila.share_snapshots.unmanage(snapshot.id)


@pytest.mark.parametrize("by", ["tenant", "forced", "unmanaged"])
def test_a_snapshot_that_somebody_takes_away_is_lost_within_seconds(
    spool: Path, alpha: Tenant, admin: Tenant, by: str
) -> None:
    share, other = alpha.make_share("watched"), alpha.make_share("other")
    fill(alpha.folder(other.id), "then")
    then = contents(alpha.folder(other.id))
    checkpoint, kept = protected(alpha, share, other)
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    if by == "tenant":
        alpha.manila.share_snapshots.delete(kept[share.id].id)
    else:
        {"forced": forced, "unmanaged": unmanaged}[by](admin, kept[share.id])
    who = alpha if by == "tenant" else admin
    seen = says(alpha, checkpoint, "lost", share)
    assert seen["lost"] == {share.id: kept[share.id].id}
    reason = seen["reasons"][f"{SHARE}#{share.id}"]
    assert ("was unmanaged" if by == "unmanaged" else "was deleted") in reason
    assert f"by user {who.session.get_user_id()}, project {who.project_id}" in reason
    known = seen["watched"][share.id]
    assert before <= datetime.datetime.fromisoformat(known["at"])
    assert known["user_id"] == who.session.get_user_id()
    assert known["request_id"].startswith("req-")
    assert seen["status"] == "available"
    fill(alpha.folder(other.id), "now")
    restore = alpha.restore(checkpoint, status="fail")
    (new,) = (key for key, end in restore.resources_status.items() if end == "available")
    assert contents(alpha.folder(new.partition("#")[2])) == then
    is_read(spool)
    alpha.delete(checkpoint)


def test_the_only_snapshot_that_goes_makes_the_checkpoint_an_error(
    spool: Path, alpha: Tenant
) -> None:
    share = alpha.make_share("alone")
    checkpoint, kept = protected(alpha, share)
    alpha.manila.share_snapshots.delete(kept[share.id].id)
    assert says(alpha, checkpoint, "lost", share)["status"] == "error"
    alpha.delete(checkpoint)


def test_our_own_deletions_leave_no_remark(spool: Path, alpha: Tenant) -> None:
    aside = set((spool / "aside").glob("*"))
    shares = [alpha.make_share("own") for _ in range(3)]
    kept, _snapshots = protected(alpha, *shares)
    gone, _snapshots = protected(alpha, *shares)
    alpha.delete(gone)
    assert alpha.snapshots(shares[0].id)
    key = f"{SHARE}#{shares[0].id}"
    alpha.restore(kept, {key: {"share_id": shares[0].id}})
    is_read(spool)
    assert {"lost", "watched", "reasons"}.isdisjoint(extra(alpha, kept))
    assert set((spool / "aside").glob("*")) == aside
    alpha.delete(kept)


def test_a_revert_that_a_tenant_asks_manila_for_is_a_remark(spool: Path, alpha: Tenant) -> None:
    share = alpha.make_share("reverted")
    checkpoint, kept = protected(alpha, share)
    alpha.manila.shares.revert_to_snapshot(share.id, kept[share.id].id)
    seen = says(alpha, checkpoint, "remarks", share)
    remark = seen["remarks"][f"{SHARE}#{share.id}"]
    assert "by no restore of Karbor" in remark
    assert alpha.session.get_user_id() in remark
    assert seen["status"] == "available"
    assert "lost" not in seen
    alpha.wait_share(share.id)
    alpha.restored_share(alpha.restore(checkpoint))
    alpha.delete(checkpoint)


def test_a_forged_file_changes_nothing(spool: Path, alpha: Tenant, beta: Tenant) -> None:
    share = alpha.make_share("forged")
    checkpoint, kept = protected(alpha, share)
    mark = marks.read({"metadata": dict(kept[share.id].metadata)})
    assert mark
    event = {
        "version": 1,
        "what": "delete_snapshot",
        "at": "2026-01-01T00:00:00+00:00",
        "host": "sandbox@directories",
        "by": {"user_id": "nobody"},
        "snapshot_id": kept[share.id].id,
        "share_id": share.id,
        "project_id": alpha.project_id,
        "mark": {name: value for name, value in vars(mark).items() if value},
    }
    before, aside = extra(alpha, checkpoint), set((spool / "aside").glob("*"))
    foreign = {**event, "mark": {**event["mark"], "bank": str(uuid.uuid4())}}
    others = {**event, "project_id": beta.project_id}
    texts = [*map(json.dumps, (event, foreign, others)), "{", "[" * 60000]
    for number, text in enumerate(texts):
        name = f"{number:020d}-{uuid.uuid4().hex}.json"
        (spool / f".{name}").write_text(text)
        (spool / f".{name}").rename(spool / name)
    is_read(spool)
    assert extra(alpha, checkpoint) == before
    assert len(set((spool / "aside").glob("*")) - aside) == 2
    new = alpha.restored_share(alpha.restore(checkpoint))
    assert contents(alpha.folder(new.id)) == contents(alpha.folder(share.id))
    alpha.delete(checkpoint)


def test_a_share_server_can_be_deleted_with_the_hook_on(
    spool: Path, stack: Stack, alpha: Tenant, admin: Tenant
) -> None:
    """With any other hook it could not (manila/share/manager.py, add_hooks)."""
    network = alpha.manila.share_networks.create(name="watched").id
    share = alpha.make_share("served", share_type="servers", share_network=network)
    checkpoint, kept = protected(alpha, share)
    forced(admin, kept[share.id])
    assert says(alpha, checkpoint, "lost", share)["status"] == "error"
    alpha.delete(checkpoint)
    alpha.manila.shares.delete(share.id)

    def servers() -> list[Any]:
        asked = {"share_network_id": network}
        found: list[Any] = admin.manila.share_servers.list(search_opts=asked)
        return found

    wait("its end", alpha.shares, lambda left: share.id not in {one.id for one in left}, 60)
    for server in servers():
        admin.manila.share_servers.delete(server.id)
    wait("the end of the servers", servers, lambda left: not left, 40)
    alpha.manila.share_networks.delete(network)


def test_what_is_told_is_for_its_user_alone_and_nothing_failed_to_be(
    spool: Path, stack: Stack, logged: int
) -> None:
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    log = stack.state.log("manila").read_bytes()[logged:].decode(errors="replace")
    assert "watch of checkpoints could not look" not in log
    assert "was not told by" not in log


def test_a_snapshot_that_failed_is_found_by_the_periodic_hook(
    spool: Path, stack: Stack, alpha: Tenant, admin: Tenant
) -> None:
    before = stack.state.settings()
    often = {"periodic_hooks_interval": 1}
    section = {**before.manila_options, **often}
    share = alpha.make_share("failing")
    checkpoint, kept = protected(alpha, share)
    stack.restart("manila", manila_options=section)
    try:
        admin.manila.share_snapshots.reset_state(kept[share.id].id, "error")
        seen = says(alpha, checkpoint, "remarks", share)
        assert "is error in Manila" in seen["remarks"][f"{SHARE}#{share.id}"]
        assert seen["status"] == "available"
        is_read(spool)
        assert extra(alpha, checkpoint)["remarks"] == seen["remarks"]
        admin.manila.share_snapshots.reset_state(kept[share.id].id, "available")
    finally:
        stack.restart("manila", manila_options=before.manila_options)
    alpha.delete(checkpoint)
