# SPDX-License-Identifier: Apache-2.0
"""The main job on Karbor in processes of its own, three of them workers, on a real broker."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from karbor_manila.hooks.watch_options import TOPIC
from karbor_manila.manila import marks
from sandbox.manila.config import BACKEND
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.clusters import Reader, cluster
from tests.functional.folders import contents, fill

GROUP = "manila_share_protection"
PREFIX = "share_protection."


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A cluster with events and the watch in Manila over its broker."""
    with cluster(
        tmp_path_factory.mktemp("cluster"),
        karbor_options={
            f"{GROUP}/event_listeners": "notifications",
            f"{GROUP}/watch_spool": "",
            f"{GROUP}/watch_notifications": True,
        },
        manila_options={
            f"{BACKEND}/karbor_watch_spool": "",
            f"{BACKEND}/karbor_watch_notifications": True,
        },
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def alpha(stack: Stack) -> Tenant:
    return Tenant(stack.info, "alpha")


def test_a_life_of_a_checkpoint_with_bytes_is_told_to_a_consumer_of_the_broker(
    stack: Stack, alpha: Tenant
) -> None:
    share = alpha.make_share("home")
    folder = alpha.folder(share.id)
    fill(folder, "before")
    kept = contents(folder)
    plan = alpha.plan_of_shares([share])
    with Reader(stack, "notifications") as reader:
        checkpoint = alpha.protect(plan)
        fill(folder, "after")
        alpha.verify(checkpoint, {SHARE: {"depth": "drill"}})
        new = alpha.restored_share(alpha.restore(checkpoint))
        assert contents(alpha.folder(new.id)) == kept
        alpha.restore(checkpoint, {SHARE: {"share_id": share.id}})
        assert contents(folder) == kept
        alpha.delete(checkpoint)
        assert alpha.snapshots(share.id) == []

        def told() -> list[Any]:
            return [one for one in reader.read if one[3]["payload"].get("plan_id") == plan.id]

        kinds = wait(
            "events", lambda: [one[2] for one in told()], lambda seen: len(seen) >= 20, 120
        )
    assert sorted(kinds) == sorted(
        f"{PREFIX}{name}.{phase}"
        for kind in ("protect", "drill", "restore", "revert", "delete")
        for name in ("checkpoint", kind)
        for phase in ("start", "end")
    )
    # Each event says by which worker.
    assert {one[1].removeprefix("karbor_manila:") for one in told()} <= set(
        map("worker{}".format, stack.workers())
    )
    assert {one[0] for one in told()} == {"info"}


def test_plans_at_once_are_taken_by_every_worker(stack: Stack, alpha: Tenant) -> None:
    shares = [alpha.make_share("many") for _ in range(2)]
    plans = [alpha.plan_of_shares(shares) for _ in range(10)]
    with Reader(stack, "notifications") as reader, ThreadPoolExecutor(len(plans)) as pool:
        made = list(pool.map(alpha.protect, plans))
        asked = {plan.id for plan in plans}

        def workers() -> set[str]:
            ours = [one for one in reader.read if one[3]["payload"].get("plan_id") in asked]
            return {one[1].removeprefix("karbor_manila:") for one in ours}

        wait("a word of each", workers, lambda seen: len(seen) == len(stack.workers()), 120)
        list(pool.map(alpha.delete, made))
    assert not [one for share in shares for one in alpha.snapshots(share.id)]


def test_a_snapshot_that_is_taken_away_is_told_by_manila_over_the_broker(
    stack: Stack, alpha: Tenant
) -> None:
    share = alpha.make_share("watched")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    (snapshot,) = alpha.snapshots(share.id)
    mark = marks.read({"metadata": dict(snapshot.metadata)})
    assert mark is not None
    assert mark.checkpoint == checkpoint.id
    alpha.manila.share_snapshots.delete(snapshot.id)
    seen = wait(
        "the checkpoint's word",
        lambda: alpha.checkpoint(alpha.provider, checkpoint.id),
        lambda it: "lost" in json.loads(it.extra_info or "{}"),
        40,
    )
    assert json.loads(seen.extra_info)["lost"] == {share.id: snapshot.id}
    assert "was deleted" in json.loads(seen.extra_info)["reasons"][f"{SHARE}#{share.id}"]
    assert seen.status == "error"
    # By a message, and not by a file between two processes of one host.
    assert not list(stack.state.directory("manila").glob("watch/*.json"))
    alpha.delete(checkpoint)
    with Reader(stack, TOPIC) as reader:
        pass
    assert reader.read == [], "a message was left in the broker"
