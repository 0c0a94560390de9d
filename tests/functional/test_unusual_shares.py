# SPDX-License-Identifier: Apache-2.0
"""Shares with names, keys and locks, in the recycle bin, deleted in a deferred manner, managed
again: on the real services."""

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from manilaclient.common.apiclient.exceptions import NotFound

from sandbox.manila import knobs
from sandbox.proxy.control import Proxy
from sandbox.stack import Stack
from sandbox.tenant import PROJECT, SHARE, Tenant, wait
from tests.functional.folders import contents, fill

DEFERRED = {"DEFAULT/is_deferred_deletion_enabled": True}


def key(share: Any) -> str:
    return f"{SHARE}#{share.id}"


def writes(proxy: Proxy) -> dict[str, int]:
    return {call: n for call, n in proxy.counts().items() if not call.startswith("GET")}


def filled(alpha: Tenant, name: str, **fields: Any) -> tuple[Any, dict[str, bytes]]:
    share = alpha.make_share(name, **fields)
    fill(alpha.folder(share.id), share.id)
    return share, contents(alpha.folder(share.id))


@pytest.fixture
def admin(stack: Stack) -> Tenant:
    return Tenant(stack.info, "admin")


@pytest.fixture
def turn(stack: Stack) -> Iterator[Path]:
    """The folder of the delays and faults files."""
    folder = stack.state.directory("manila")
    yield folder
    for name in ("delays.json", "faults.json"):
        (folder / name).unlink(missing_ok=True)


# -- names --------------------------------------------------------------------------------------


def test_a_new_share_is_mounted_under_a_free_name_and_told_whose_it_is_otherwise(
    empty_alpha: Tenant, proxy: Proxy
) -> None:
    share, then = filled(empty_alpha, "named", share_type="named", mount_point_name="home")
    assert empty_alpha.folder(share.id).name == f"{empty_alpha.project_id}_home"
    checkpoint = empty_alpha.protect(empty_alpha.plan_of_shares([share]))
    binned = empty_alpha.make_share("old", share_type="named", mount_point_name="old")
    empty_alpha.manila.shares.soft_delete(binned.id)

    restore = empty_alpha.restore(checkpoint, {SHARE: {"mount_point_name": "home-2"}})
    new = empty_alpha.restored_share(restore)
    assert empty_alpha.folder(new.id).name == f"{empty_alpha.project_id}_home-2"
    assert contents(empty_alpha.folder(new.id)) == then

    proxy.clear_counts()
    for name, said in (
        ("home", f"share {share.id} is mounted"),
        ("home-2", f"share {new.id} is mounted"),
        ("old", f"share {binned.id} in the recycle bin is mounted"),
        ("a.b", "matches"),
    ):
        given = {SHARE: {"mount_point_name": name}}
        refused = empty_alpha.restore(checkpoint, given, status="fail")
        assert said in refused.resources_reason[key(share)]
        planned = {SHARE: {"mount_point_name": name, "depth": "plan"}}
        assert said in str(empty_alpha.verify(checkpoint, planned, "fail").resources_reason)
    assert writes(proxy) == {}
    empty_alpha.manila.shares.restore(binned.id)
    empty_alpha.manila.shares.delete(new.id)
    wait("its end", empty_alpha.shares, lambda seen: new.id not in {one.id for one in seen}, 120)
    empty_alpha.restore(checkpoint, {SHARE: {"mount_point_name": "home-2"}})  # free again


def test_a_name_is_refused_where_the_type_has_none(alpha: Tenant, proxy: Proxy) -> None:
    share = alpha.make_share("plain")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    proxy.clear_counts()
    given = {SHARE: {"mount_point_name": "home"}}
    told = alpha.restore(checkpoint, given, status="fail").resources_reason[key(share)]
    assert "does not have mount_point_name_support" in told
    assert writes(proxy) == {}


def test_a_name_that_another_project_has_ends_the_restore_and_leaves_nothing(
    empty_alpha: Tenant, beta: Tenant, admin: Tenant
) -> None:
    """Whose shares Manila does not show cannot be asked about: the backend refuses the name."""
    kind = admin.manila.share_types.find(name="named")
    kind.set_keys({"provisioning:mount_point_prefix": "all-"})
    try:
        other = beta.make_share("theirs", share_type="named", mount_point_name="home")
        share = empty_alpha.make_share("mine", share_type="named")
        checkpoint = empty_alpha.protect(empty_alpha.plan_of_shares([share]))
        given = {SHARE: {"mount_point_name": "home"}}
        told = str(empty_alpha.restore(checkpoint, given, status="fail").resources_reason)
        assert "The new share was removed again" in told
        assert [one.id for one in empty_alpha.shares()] == [share.id]
        beta.manila.shares.delete(other.id)
    finally:
        kind.unset_keys(["provisioning:mount_point_prefix"])


# -- keys ---------------------------------------------------------------------------------------


def test_the_key_of_a_share_is_asked_for_at_a_restore_and_a_copy(
    empty_alpha: Tenant, stack: Stack
) -> None:
    """The sandbox has no Barbican, so nothing is encrypted: the key is put into Manila's database,
    and the real Manila tells what it was asked for."""
    share, then = filled(empty_alpha, "encrypted")
    ref = str(uuid.uuid4())
    path = stack.state.directory("manila") / "manila.db"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, database:
        change = "UPDATE share_instances SET encryption_key_ref = ? WHERE share_id = ?"
        assert database.execute(change, (ref, share.id)).rowcount == 1
    plan = empty_alpha.plan_of_shares([share])
    checkpoint = empty_alpha.protect(plan)
    page = stack.info.bank / "karbor/checkpoints" / checkpoint.id / "resource-data" / share.id
    assert json.loads((page / "metadata").read_text())["encryption_key_ref"] == ref
    new = empty_alpha.restored_share(empty_alpha.restore(checkpoint))
    assert new.encryption_key_ref == ref
    assert contents(empty_alpha.folder(new.id)) == then
    copy_id = empty_alpha.copy(plan)[checkpoint.id]
    copy = empty_alpha.wait_checkpoint(plan.provider_id, copy_id)
    clones = [one for one in empty_alpha.shares() if one.name.startswith("copy-")]
    assert [clone.encryption_key_ref for clone in clones] == [ref]
    empty_alpha.delete(copy)


# -- the recycle bin ----------------------------------------------------------------------------


def test_a_share_in_the_recycle_bin_is_not_protected_and_one_with_a_checkpoint_cannot_go_there(
    empty_alpha: Tenant, proxy: Proxy
) -> None:
    share, then = filled(empty_alpha, "binned")
    plan = empty_alpha.plan_of_shares([share])
    empty_alpha.manila.shares.soft_delete(share.id)
    proxy.clear_counts()
    refused = empty_alpha.protect(plan, status="error")
    assert "it is in the recycle bin" in refused.extra_info
    assert writes(proxy) == {}
    empty_alpha.delete(refused)

    empty_alpha.manila.shares.restore(share.id)
    checkpoint = empty_alpha.protect(plan)
    with pytest.raises(Exception, match="dependent snapshots"):
        empty_alpha.manila.shares.soft_delete(share.id)
    new = empty_alpha.restored_share(empty_alpha.restore(checkpoint))
    assert contents(empty_alpha.folder(new.id)) == then
    # What was restored is the user's: in the bin it keeps nothing from going.
    empty_alpha.manila.shares.soft_delete(new.id)
    empty_alpha.delete(checkpoint)
    empty_alpha.manila.shares.restore(new.id)
    assert contents(empty_alpha.folder(new.id)) == then


# -- locks --------------------------------------------------------------------------------------


def lock_when_made(tenant: Tenant, before: set[str]) -> tuple[str, str]:
    """The id of the share that appears, and of the lock on it."""
    made = wait(
        "the new share",
        lambda: {share.id for share in tenant.shares()} - before,
        lambda seen: len(seen) == 1,
        120,
        interval=0.05,
    )
    (share,) = made
    return share, tenant.manila.resource_locks.create(share, "share").id


def test_the_locked_share_of_a_drill_stays_and_is_told_and_goes_after_the_lock(
    empty_alpha: Tenant, turn: Path, command: Any
) -> None:
    share = empty_alpha.make_share("drilled")
    checkpoint = empty_alpha.protect(empty_alpha.plan_of_shares([share]))
    knobs.write(turn / "delays.json", {"create_share_from_snapshot": 5})
    provider = checkpoint.protection_plan["provider_id"]
    begun = empty_alpha.karbor.verifications.create(
        provider, checkpoint.id, {SHARE: {"depth": "drill"}}
    )
    temporary, lock = lock_when_made(empty_alpha, {share.id})
    ended = wait(
        "the drill",
        lambda: empty_alpha.karbor.verifications.get(begun.id),
        lambda seen: seen.status != "in_progress",
        60,
    )
    assert ended.status == "success"
    left = json.loads(ended.resources_reason[key(share)])["left"]
    assert f"openstack share lock delete {lock}" in left
    assert temporary in {one.id for one in empty_alpha.shares()}
    empty_alpha.manila.resource_locks.delete(lock)
    empty_alpha.delete(checkpoint)  # ends what the drill has left
    assert [one.id for one in empty_alpha.shares()] == [share.id]


def test_the_locked_share_of_a_failed_restore_goes_with_the_checkpoint_after_the_lock(
    empty_alpha: Tenant, turn: Path
) -> None:
    share = empty_alpha.make_share("restored")
    checkpoint = empty_alpha.protect(empty_alpha.plan_of_shares([share]))
    knobs.write(turn / "delays.json", {"create_share_from_snapshot": 5})
    knobs.write(turn / "faults.json", {"create_share_from_snapshot": True})
    provider = checkpoint.protection_plan["provider_id"]
    begun = empty_alpha.karbor.restores.create(provider, checkpoint.id, None, {}, None)
    new, lock = lock_when_made(empty_alpha, {share.id})
    ended = wait(
        "the restore",
        lambda: empty_alpha.karbor.restores.get(begun.id),
        lambda seen: seen.status != "in_progress",
        60,
    )
    assert ended.status == "fail"
    assert f"openstack share lock delete {lock}" in str(ended.resources_reason)
    assert new in {one.id for one in empty_alpha.shares()}
    empty_alpha.manila.resource_locks.delete(lock)
    empty_alpha.delete(checkpoint)
    assert [one.id for one in empty_alpha.shares()] == [share.id]


def test_a_locked_share_is_protected_restored_and_put_back_as_any_other(
    empty_alpha: Tenant,
) -> None:
    share, then = filled(empty_alpha, "locked")
    lock = empty_alpha.manila.resource_locks.create(share.id, "share")
    checkpoint = empty_alpha.protect(empty_alpha.plan_of_shares([share]))
    fill(empty_alpha.folder(share.id), "now")
    new = empty_alpha.restored_share(empty_alpha.restore(checkpoint))
    assert contents(empty_alpha.folder(new.id)) == then
    empty_alpha.restore(checkpoint, {key(share): {"share_id": share.id}})
    assert contents(empty_alpha.folder(share.id)) == then
    empty_alpha.delete(checkpoint)
    empty_alpha.manila.resource_locks.delete(lock.id)


# -- deferred deletion --------------------------------------------------------------------------


@pytest.fixture
def deferred(stack: Stack) -> Iterator[None]:
    """Manila that takes deletions and carries them out later."""
    before = stack.state.settings().manila_options
    stack.restart("manila", manila_options={**before, **DEFERRED})
    yield
    stack.restart("manila", manila_options=before)


@pytest.mark.usefixtures("deferred")
def test_what_manila_deletes_later_is_gone_for_tenant_and_administrator_alike(
    empty_alpha: Tenant, admin: Tenant, turn: Path
) -> None:
    share, then = filled(empty_alpha, "deferred")
    plan = empty_alpha.plan_of_shares([share])
    old, newer, another = (empty_alpha.protect(plan) for _ in range(3))
    knobs.write(turn / "faults.json", {"delete_snapshot": True})
    empty_alpha.delete(another)  # not there for its users any more
    mine = {snapshot.id for snapshot in empty_alpha.snapshots(share.id)}
    assert len(mine) == 2

    def statuses() -> set[str]:
        listed = admin.manila.share_snapshots.list(search_opts={"all_tenants": 1})
        others = {one.status for one in listed if one.share_id == share.id and one.id not in mine}
        return set(others)

    wait("the failure", statuses, lambda seen: seen == {"error_deferred_deleting"}, 120)
    admin.delete(newer, provider=plan.provider_id)  # who sees it, and is not kept by it
    assert len(empty_alpha.snapshots(share.id)) == 1
    new = empty_alpha.restored_share(empty_alpha.restore(old))
    assert contents(empty_alpha.folder(new.id)) == then
    # Newer ones that Manila has not removed yet are not in the way of a restore in place.
    fill(empty_alpha.folder(share.id), "now")
    empty_alpha.restore(old, {key(share): {"share_id": share.id}})
    assert contents(empty_alpha.folder(share.id)) == then
    # The share of a drill whose deletion fails on the backend: gone, too.
    knobs.write(turn / "faults.json", {"delete_snapshot": True, "delete_share": True})
    drill = empty_alpha.verify(old, {SHARE: {"depth": "drill"}})
    assert "left" not in json.loads(drill.resources_reason[key(share)])
    (turn / "faults.json").unlink()
    empty_alpha.delete(old)
    for one in admin.manila.share_snapshots.list(search_opts={"all_tenants": 1}):
        if one.share_id == share.id:
            with contextlib.suppress(NotFound):  # Manila's own turn has come meanwhile
                admin.manila.share_snapshots.force_delete(one.id)
    for one in admin.manila.shares.list(search_opts={"all_tenants": 1}):
        if one.status == "error_deferred_deleting":
            with contextlib.suppress(NotFound):
                admin.manila.shares.force_delete(one.id)


# -- managed again ------------------------------------------------------------------------------


def test_a_share_that_was_managed_again_is_hinted_at_and_never_touched(
    empty_alpha: Tenant, admin: Tenant, proxy: Proxy
) -> None:
    share, then = filled(empty_alpha, "managed")
    plan = empty_alpha.plan_of_shares([share])
    checkpoint = empty_alpha.protect(plan)
    (snapshot,) = empty_alpha.snapshots(share.id)
    seen = admin.manila.shares.get(share.id)
    (location,) = empty_alpha.manila.share_export_locations.list(share.id)
    admin.manila.share_snapshots.unmanage(snapshot.id)
    wait("its end", empty_alpha.snapshots, lambda left: not left, 120)
    admin.manila.shares.unmanage(share.id)
    wait("its end", empty_alpha.shares, lambda left: not left, 120)
    managed = admin.manila.shares.manage(
        seen.host, "NFS", location.path, share_type="sandbox", name="managed"
    )
    admin.wait_share(managed.id)
    transfer = admin.manila.transfers.create(managed.id)
    empty_alpha.manila.transfers.accept(transfer.id, transfer.auth_key)
    assert contents(empty_alpha.folder(managed.id)) == then
    empty_alpha.make_share("managed")  # by chance of that name

    proxy.clear_counts()
    told = [empty_alpha.restore(checkpoint, status="fail").resources_reason[key(share)]]
    for depth in ("record", "plan", "drill"):
        verified = empty_alpha.verify(checkpoint, {SHARE: {"depth": depth}}, "fail")
        told.append(verified.resources_reason[key(share)])
    place = {key(share): {"share_id": share.id}}
    told.append(empty_alpha.restore(checkpoint, place, status="fail").resources_reason[key(share)])
    for reason in told:
        assert "there may be the same share" in reason
        assert f"{managed.id} (127.0.0.1:" in reason
        assert "nothing was done with it" in reason
    assert writes(proxy) == {}
    assert contents(empty_alpha.folder(managed.id)) == then
    refused = empty_alpha.protect(plan, status="error")
    assert share.id in refused.extra_info
    empty_alpha.delete(checkpoint)
    assert contents(empty_alpha.folder(managed.id)) == then
    new = empty_alpha.protect(empty_alpha.plan_of_project())
    assert key(managed) not in (new.extra_info or "")
    assert PROJECT
    empty_alpha.delete(new)


# -- hints to the scheduler ---------------------------------------------------------------------


def test_a_hint_to_a_share_that_is_gone_keeps_a_restored_one_from_nothing(
    empty_alpha: Tenant,
) -> None:
    """Manila takes a hint from the metadata at each extension, and stops when its share is gone."""
    near = empty_alpha.make_share("near")
    hints = {"same_host": near.id}
    share, then = filled(empty_alpha, "hinted", scheduler_hints=hints, metadata={"of": "mine"})
    assert "__affinity_same_host" in share.metadata
    checkpoint = empty_alpha.protect(empty_alpha.plan_of_shares([share]))
    empty_alpha.manila.shares.delete(near.id)
    wait("its end", empty_alpha.shares, lambda seen: len(seen) == 1, 120)
    restore = empty_alpha.restore(checkpoint)
    new = empty_alpha.restored_share(restore)
    assert new.metadata["of"] == "mine"
    assert "__affinity_same_host" not in new.metadata
    told = json.loads(restore.resources_reason[key(new)])
    assert any("__affinity_same_host" in said for said in told["not_restored"])
    assert contents(empty_alpha.folder(new.id)) == then
    empty_alpha.manila.shares.extend(new.id, 2)
    assert empty_alpha.wait_share(new.id).size == 2
