# SPDX-License-Identifier: Apache-2.0
"""Share groups through Karbor's REST API: kept by one request each, and given back, with bytes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_serialization import jsonutils

from karbor_manila.manila import marks
from sandbox.manila import knobs
from sandbox.proxy.control import Proxy
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.grouping import make_group


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A sandbox whose provider keeps shares by their groups."""
    options = {"default_driver": "group", "undo_timeout": 30, "request_settle_time": 3}
    folder = tmp_path_factory.mktemp("groups") / "state"
    with Stack(folder, share_options=options) as stack:
        yield stack


@pytest.fixture
def tenant(grouped: Stack) -> Iterator[Tenant]:
    """A project in which a test leaves nothing of its checkpoints."""
    tenant = Tenant(grouped.info, "alpha")
    yield tenant
    assert tenant.snapshots() == []


@pytest.fixture
def requests(grouped: Stack) -> Proxy:
    proxy = Proxy(grouped.info.proxy_control_url)
    proxy.reset()
    return proxy


def filled(tenant: Tenant, number: int, kind: str = "sandbox") -> tuple[Any, list[Any]]:
    """A group with shares that have files of their own."""
    group = make_group(tenant, kind)
    shares = [tenant.make_share(f"g{n}", share_group_id=group.id) for n in range(number)]
    for share in shares:
        fill(tenant.folder(share.id), f"then {share.id}")
    return group, shares


def held(tenant: Tenant, shares: list[Any]) -> dict[str, dict[str, bytes]]:
    return {share.id: contents(tenant.folder(share.id)) for share in shares}


def restored(tenant: Tenant, restore: Any) -> dict[str, Any]:
    """The new shares of a restore, by the share that each was made from."""
    new = [tenant.manila.shares.get(key.partition("#")[2]) for key in restore.resources_status]
    found = {}
    for share in new:
        mark = marks.read({"metadata": share.metadata})
        assert mark is not None
        found[mark.resource] = share
    return found


def groups_of(tenant: Tenant, snapshot_id: str) -> list[Any]:
    """What was made from a group snapshot."""
    listed = [tenant.manila.share_groups.get(one.id) for one in tenant.manila.share_groups.list()]
    return [one for one in listed if one.source_share_group_snapshot_id == snapshot_id]


def group_snapshots(tenant: Tenant, group: Any) -> list[Any]:
    listed = tenant.manila.share_group_snapshots.list()
    every = [tenant.manila.share_group_snapshots.get(one.id) for one in listed]
    return [one for one in every if one.share_group_id == group.id]


def remarks(checkpoint: Any) -> dict[str, str]:
    found: dict[str, str] = jsonutils.loads(checkpoint.extra_info)["remarks"]
    return found


def counted(proxy: Proxy, method: str, path: str) -> int:
    return sum(n for what, n in proxy.counts().items() if what == f"{method} /v2/{path}")


def test_ten_shares_are_kept_by_one_request_and_come_back_alone_and_as_a_group(
    tenant: Tenant, requests: Proxy
) -> None:
    group, shares = filled(tenant, 10)
    then = held(tenant, shares)
    checkpoint = tenant.protect(tenant.plan_of_shares(shares))
    assert counted(requests, "POST", "share-group-snapshots") == 1
    assert counted(requests, "POST", "snapshots") == 0
    (kept,) = group_snapshots(tenant, group)
    assert all("at one moment" in said for said in remarks(checkpoint).values())
    for share in shares:
        fill(tenant.folder(share.id), "damaged")

    requests.clear_counts()
    before = {share.id for share in tenant.shares()}
    alone = restored(tenant, tenant.restore(checkpoint, seconds=300))
    assert counted(requests, "POST", "share-groups") == 1
    assert {source: contents(tenant.folder(new.id)) for source, new in alone.items()} == then
    assert {new.share_group_id for new in alone.values()} == {None}
    assert groups_of(tenant, kept.id) == []
    made = {share.id for share in tenant.shares()} - before
    assert made == {new.id for new in alone.values()}

    requests.clear_counts()
    parameters = {SHARE: {"as_group": "true"}}
    together = restored(tenant, tenant.restore(checkpoint, parameters, seconds=300))
    assert counted(requests, "POST", "share-groups") == 1
    assert {source: contents(tenant.folder(new.id)) for source, new in together.items()} == then
    (back,) = groups_of(tenant, kept.id)
    assert {new.share_group_id for new in together.values()} == {back.id}
    assert sorted(new.name for new in together.values()) == sorted(one.name for one in shares)

    requests.clear_counts()
    tenant.delete(checkpoint)
    assert counted(requests, "DELETE", "share-group-snapshots/{id}") == 1
    assert group_snapshots(tenant, group) == []
    assert {one.status for one in tenant.shares()} == {"available"}


def test_what_is_in_the_group_besides_is_kept_said_and_comes_back_with_it(
    tenant: Tenant,
) -> None:
    group, shares = filled(tenant, 3)
    then = held(tenant, shares)
    checkpoint = tenant.protect(tenant.plan_of_shares(shares[:2]))
    assert all(shares[2].id in said for said in remarks(checkpoint).values())
    (kept,) = group_snapshots(tenant, group)
    restore = tenant.restore(checkpoint, {SHARE: {"as_group": "true"}})
    assert all(shares[2].id in told for told in restore.resources_reason.values())
    (back,) = groups_of(tenant, kept.id)
    inside = [share for share in tenant.shares() if share.share_group_id == back.id]
    got = sorted((contents(tenant.folder(share.id)) for share in inside), key=repr)
    assert got == sorted(then.values(), key=repr)
    tenant.delete(checkpoint)


def test_a_share_of_a_group_with_one_in_error_is_refused_and_nothing_is_made(
    tenant: Tenant, grouped: Stack, requests: Proxy
) -> None:
    group, shares = filled(tenant, 2)
    admin = Tenant(grouped.info, "admin")
    admin.manila.shares.reset_state(shares[1].id, "error")
    checkpoint = tenant.protect(tenant.plan_of_shares(shares[:1]), status="error")
    reasons = jsonutils.loads(checkpoint.extra_info)["reasons"]
    assert shares[1].id in reasons[f"{SHARE}#{shares[0].id}"]
    assert counted(requests, "POST", "share-group-snapshots") == 0
    assert group_snapshots(tenant, group) == []
    admin.manila.shares.reset_state(shares[1].id, "available")
    tenant.delete(checkpoint)


def test_a_group_snapshot_that_fails_leaves_nothing_and_says_why(
    tenant: Tenant, grouped: Stack
) -> None:
    group, shares = filled(tenant, 2)
    faults: Path = grouped.state.directory("manila") / "faults.json"
    knobs.write(faults, {"create_share_group_snapshot": {"id": shares[1].id}})
    try:
        checkpoint = tenant.protect(tenant.plan_of_shares(shares), status="error")
    finally:
        faults.unlink(missing_ok=True)
    assert len(jsonutils.loads(checkpoint.extra_info)["reasons"]) == 2
    assert group_snapshots(tenant, group) == []
    tenant.delete(checkpoint)


def test_one_share_is_drilled_and_copied_and_nothing_temporary_remains(tenant: Tenant) -> None:
    group, shares = filled(tenant, 2, "loose")
    then = held(tenant, shares)
    plan = tenant.plan_of_shares(shares)
    checkpoint = tenant.protect(plan)
    (kept,) = group_snapshots(tenant, group)
    before = {share.id for share in tenant.shares()}
    tenant.verify(checkpoint, {SHARE: {"depth": "drill"}}, seconds=120)
    assert {share.id for share in tenant.shares()} == before
    assert groups_of(tenant, kept.id) == []

    pairs = tenant.copy(plan)
    copied = tenant.wait_checkpoint(plan.provider_id, pairs[checkpoint.id], seconds=300)
    assert groups_of(tenant, kept.id) == []
    tenant.delete(checkpoint)
    assert group_snapshots(tenant, group) == []
    back = restored(tenant, tenant.restore(copied, seconds=300))
    assert {source: contents(tenant.folder(new.id)) for source, new in back.items()} == then
    tenant.delete(copied)
    wait("the end of the copies", tenant.snapshots, lambda left: not left, 60)


def test_in_place_and_other_wishes_are_refused_by_name(tenant: Tenant) -> None:
    _group, shares = filled(tenant, 1)
    checkpoint = tenant.protect(tenant.plan_of_shares(shares))
    for given in ({"share_id": shares[0].id}, {"as_group": "true", "size": "2"}):
        restore = tenant.restore(checkpoint, {SHARE: given}, status="fail")
        (reason,) = restore.resources_reason.values()
        assert "group" in reason
    assert len([s for s in tenant.shares() if s.share_group_id == shares[0].share_group_id]) == 1
    tenant.delete(checkpoint)
