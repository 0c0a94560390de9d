# SPDX-License-Identifier: Apache-2.0
"""Shares that share servers export: back in the same network, or told why not, on the real
services."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.proxy.control import Proxy
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.folders import contents, fill


def key(share: Any) -> str:
    return f"{SHARE}#{share.id}"


class Scene:
    """A share in a share network, protected, with other files since."""

    def __init__(self, alpha: Tenant, stack: Stack) -> None:
        self.alpha = alpha
        self.stack = stack
        self.network = alpha.manila.share_networks.create(name="net").id
        self.share = alpha.make_share("served", share_type="servers", share_network=self.network)
        self.folder = alpha.folder(self.share.id)
        fill(self.folder, "then")
        self.then = contents(self.folder)
        self.checkpoint = alpha.protect(alpha.plan_of_shares([self.share]))
        fill(self.folder, "now")

    def set(self, table: str, change: str, where: str) -> None:
        """Change Manila's database as no request of ours could: nobody deletes a network or a
        subnet in which there are shares, and nothing here holds a network in a change."""
        path = self.stack.state.directory("manila") / "manila.db"
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, database:
            changed = database.execute(f"UPDATE {table} SET {change} WHERE {where}")  # noqa: S608
            assert changed.rowcount

    def refusals(self) -> list[str]:
        """Why a restore, its plan and a drill are refused."""
        restore = self.alpha.restore(self.checkpoint, status="fail")
        told = [restore.resources_reason]
        for depth in ("plan", "drill"):
            asked = {SHARE: {"depth": depth}}
            told.append(self.alpha.verify(self.checkpoint, asked, "fail").resources_reason)
        return [reason[key(self.share)] for reason in told]


@pytest.fixture
def scene(empty_alpha: Tenant, stack: Stack) -> Iterator[Scene]:
    made = Scene(empty_alpha, stack)
    yield made
    empty_alpha.clean()
    admin = Tenant(stack.info, "admin")

    def servers() -> list[Any]:
        found: list[Any] = admin.manila.share_servers.list(
            search_opts={"share_network_id": made.network}
        )
        return found

    for server in servers():
        admin.manila.share_servers.delete(server.id)
    wait("the end of the servers", servers, lambda left: not left, 40)
    empty_alpha.manila.share_networks.delete(made.network)


def made_of(proxy: Proxy) -> dict[str, int]:
    return {call: n for call, n in proxy.counts().items() if not call.startswith("GET")}


def test_a_share_comes_back_into_its_network_and_in_place(scene: Scene, proxy: Proxy) -> None:
    given = {SHARE: {"share_network_id": scene.network}}
    for parameters in ({}, given):
        restore = scene.alpha.restore(scene.checkpoint, parameters)
        new = scene.alpha.restored_share(restore)
        assert new.share_network_id == scene.network
        assert contents(scene.alpha.folder(new.id)) == scene.then
        told = json.loads(restore.resources_reason[key(new)])
        assert told["not_restored"] == []
        assert told["export_locations"][0].startswith("10.254.0.")
    scene.alpha.verify(scene.checkpoint, {SHARE: {"depth": "drill"}})
    scene.alpha.restore(scene.checkpoint, {key(scene.share): {"share_id": scene.share.id}})
    assert contents(scene.folder) == scene.then
    proxy.clear_counts()
    other = scene.alpha.restore(
        scene.checkpoint, {SHARE: {"share_network_id": "another"}}, status="fail"
    )
    assert f"has {scene.network} now" in other.resources_reason[key(scene.share)]
    assert made_of(proxy) == {}


def test_a_copy_lives_in_the_same_network(scene: Scene) -> None:
    plan = scene.alpha.plan_of_shares([scene.share])
    source = scene.alpha.protect(plan)
    copy_id = scene.alpha.copy(plan)[source.id]
    copy = scene.alpha.wait_checkpoint(plan.provider_id, copy_id)
    scene.alpha.delete(source)
    new = scene.alpha.restored_share(scene.alpha.restore(copy))
    assert new.share_network_id == scene.network
    scene.alpha.delete(copy)


@pytest.mark.parametrize(
    ("table", "change", "back", "said"),
    [
        ("share_networks", "status = 'network_change'", "status = 'active'", "'network_change'"),
        ("share_networks", "status = 'error'", "status = 'active'", "status is 'error'"),
        ("share_networks", "deleted = id", "deleted = 'False'", "it is not there"),
        ("share_network_subnets", "deleted = id", "deleted = 'False'", "no subnet"),
    ],
    ids=["changing", "error", "gone", "no subnet"],
)
def test_a_network_that_cannot_have_it_refuses_before_anything_is_made(
    scene: Scene, proxy: Proxy, table: str, change: str, back: str, said: str
) -> None:
    column = "id" if table == "share_networks" else "share_network_id"
    where = f"{column} = '{scene.network}'"
    scene.set(table, change, where)
    try:
        proxy.clear_counts()
        told = scene.refusals()
        assert made_of(proxy) == {}
    finally:
        scene.set(table, back, where)
    for reason in told:
        assert said in reason
        assert scene.network in reason
        assert "Nothing was created" in reason
    new = scene.alpha.restored_share(scene.alpha.restore(scene.checkpoint))
    assert contents(scene.alpha.folder(new.id)) == scene.then


def test_a_server_that_is_not_active_ends_the_restore_with_manilas_reason(scene: Scene) -> None:
    """Tenants do not see share servers, so this is not known before."""
    where = "status = 'active'"
    scene.set("share_servers", "status = 'error'", f"{where} AND deleted = 'False'")
    try:
        restore = scene.alpha.restore(scene.checkpoint, status="fail")
    finally:
        scene.set("share_servers", "status = 'active'", "status = 'error' AND deleted = 'False'")
    assert "The new share was removed again" in str(restore.resources_reason)
    assert [share.id for share in scene.alpha.shares()] == [scene.share.id]


def test_a_network_with_what_is_kept_in_it_stays(scene: Scene) -> None:
    """The checkpoint keeps its share, the share its network; after both it can go."""
    with pytest.raises(Exception, match="it has 1 share"):
        scene.alpha.manila.share_networks.delete(scene.network)
    with pytest.raises(Exception, match="dependent snapshots"):
        scene.alpha.manila.shares.delete(scene.share.id)
    scene.alpha.delete(scene.checkpoint)
