# SPDX-License-Identifier: Apache-2.0
"""The installed command as a tenant runs it: real Keystone, Karbor and Manila."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.info import StackInfo
from sandbox.proxy.control import Proxy
from sandbox.tenant import Tenant, wait
from tests.functional.tenant_command import Run, command


@pytest.fixture
def run(info: StackInfo) -> Run:
    return command(info, "alpha")


@pytest.fixture
def plans(empty_alpha: Tenant) -> Iterator[Callable[..., Any]]:
    """Makes plans that go again, so that status sees those of its test alone."""
    for old in empty_alpha.karbor.plans.list():
        empty_alpha.karbor.plans.delete(old.id)
    made = []

    def make(*names: str) -> Any:
        shares = [empty_alpha.make_share(name) for name in names]
        for share in shares:
            (empty_alpha.folder(share.id) / "file").write_text(f"of {share.name}")
        made.append(empty_alpha.plan_of_shares(shares))
        return made[-1]

    yield make
    for plan in made:
        empty_alpha.karbor.plans.delete(plan.id)


def writes(proxy: Proxy) -> dict[str, int]:
    return {call: n for call, n in proxy.counts().items() if not call.startswith("GET")}


@pytest.mark.parametrize("how", ["clouds.yaml", "variables"])
def test_status_before_and_after_a_checkpoint(
    info: StackInfo, alpha: Tenant, plans: Callable[..., Any], how: str
) -> None:
    run = command(info, "alpha", how)
    plan = plans("home")
    code, (row,), _err = run("status")
    assert (code, row["ID"], row["Newest Good"]) == (3, plan.id, None)
    checkpoint = alpha.protect(plan)
    code, (row,), _err = run("status", "--max-age", "1")
    assert (code, row["Newest Good"], row["Shares"]) == (0, checkpoint.id, 1)
    assert 0 <= row["Age"] < 120
    assert run("status", "--max-age", "0")[0] == 3


def test_a_restore_that_is_planned_is_then_made_and_shown(
    alpha: Tenant, plans: Callable[..., Any], proxy: Proxy, run: Run
) -> None:
    plan = plans("home", "wiki")
    checkpoint = alpha.protect(plan)
    home = next(item["id"] for item in plan.resources if item["name"] == "home")
    (alpha.folder(home) / "file").write_text("damaged")
    options = ("restore", checkpoint.id, "--share", "home", "--name", "home again")

    proxy.clear_counts()
    code, rows, _err = run(*options, "--dry-run")
    planned = {row["Share"]: row for row in rows}
    assert (code, writes(proxy)) == (0, {})
    assert planned["home"]["New Share"]["name"] == "home again"
    assert planned["wiki"]["Way"] == "left out"
    assert len(alpha.shares()) == 2

    code, rows, err = run(*options, "--wait")
    assert (code, err) == (0, "")
    made = {row["Share"]: row for row in rows}
    new = alpha.manila.shares.get(made["home"]["New Share"])
    assert (new.name, made["home"]["Status"]) == ("home again", "available")
    assert made["home"]["Export Locations"] == [
        place.path for place in alpha.manila.share_export_locations.list(new.id)
    ]
    assert (alpha.folder(new.id) / "file").read_bytes() == b"of home"
    assert (made["wiki"]["Status"], made["wiki"]["New Share"]) == ("left out", None)

    code, shown, _err = run("show", checkpoint.id)
    assert (code, shown["status"], shown["plan"]["id"]) == (0, "available", plan.id)
    assert [share["name"] for share in shown["shares"]] == ["home", "wiki"]
    (restore,) = shown["restores"]
    assert new.id in {result["id"] for result in restore["results"]}
    assert [item["depth"] for item in shown["verifications"]] == ["plan"]


def test_a_checkpoint_is_verified_in_three_depths(
    alpha: Tenant, plans: Callable[..., Any], run: Run
) -> None:
    checkpoint = alpha.protect(plans("home"))
    told = {}
    for depth in ("record", "plan", "drill"):
        code, (row,), err = run("verify", checkpoint.id, "--depth", depth)
        assert (code, row["Result"], err) == (0, "good", "")
        told[depth] = row["Told"]
    assert (told["record"], told["plan"]["way"]) == (None, "new share")
    assert told["drill"]["seconds"] > 0
    assert len(alpha.shares()) == 1

    (snapshot,) = alpha.snapshots()
    alpha.manila.share_snapshots.delete(snapshot.id)
    wait("its end", alpha.snapshots, lambda left: not left, 120)
    for depth in ("record", "plan", "drill"):
        code, (row,), _err = run("verify", checkpoint.id, "--depth", depth)
        assert (code, row["Result"]) == (3, "bad")
        assert "does not show it in this project any more" in row["Told"]
    code, (row,), _err = run("restore", checkpoint.id, "--wait")
    assert (code, row["Status"], row["New Share"]) == (1, "error", None)
    assert run("restore", checkpoint.id, "--dry-run")[0] == 3


def test_the_newest_checkpoint_of_each_plan_is_drilled(
    alpha: Tenant, plans: Callable[..., Any], run: Run
) -> None:
    newest = [alpha.protect(plan).id for plan in (plans("one"), plans("two"))]
    code, rows, err = run("drill", "--newest")
    assert (code, err) == (0, "")
    assert {row["Checkpoint"] for row in rows} == set(newest)
    assert {row["Result"] for row in rows} == {"good"}
    code, rows, _err = run("status")
    assert (code, {row["Drill"] for row in rows}) == (0, {"good"})
    assert all(row["Drilled At"] for row in rows)
    assert len(alpha.shares()) == 2
    plans("unprotected")
    code, rows, _err = run("drill", "--newest")
    assert code == 3
    assert "no good checkpoint" in {row["Result"] for row in rows}


def test_another_tenant_sees_nothing(
    info: StackInfo, alpha: Tenant, plans: Callable[..., Any]
) -> None:
    plan = plans("home")
    checkpoint = alpha.protect(plan)
    beta = command(info, "beta")
    assert plan.id not in {row["ID"] for row in beta("status")[1]}
    for argv in (("show",), ("restore", "--wait"), ("verify",), ("drill",)):
        code, told, err = beta(*argv, checkpoint.id)
        assert (code, told) == (1, None)
        assert "not allowed" in err
        assert err.count("\n") == 1
    assert len(alpha.shares()) == 1
