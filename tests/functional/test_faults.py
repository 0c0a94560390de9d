# SPDX-License-Identifier: Apache-2.0
"""Passing errors between Karbor and Manila are ridden out, and nothing is made twice."""

import signal
from collections.abc import Callable

import pytest

from sandbox.proxy.control import Proxy
from sandbox.proxy.rules import Rule
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait

Make = Callable[..., Rule]

FAULTS: dict[str, Make] = {
    "500": lambda method, path: Rule.answer(method, path, 500),
    "503": lambda method, path: Rule.answer(method, path, 503),
    "429": lambda method, path: Rule.answer(method, path, 429, headers={"Retry-After": "1"}),
    "reset": Rule.reset,
    "lost": Rule.lose_reply,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/shares/[0-9a-f-]+$"),
        ("GET", "/limits"),
        ("POST", "/snapshots$"),
        ("GET", "/snapshots/[0-9a-f-]+$"),
    ],
)
def test_a_protection_rides_out_one_fault_and_makes_one_snapshot(
    alpha: Tenant, proxy: Proxy, fault: str, method: str, path: str
) -> None:
    share = alpha.make_share("fault")
    plan = alpha.plan_of_shares([share])
    with proxy.fault(FAULTS[fault](method, path)):
        checkpoint = alpha.protect(plan)
    assert len(alpha.snapshots(share.id)) == 1
    alpha.delete(checkpoint)
    assert alpha.snapshots(share.id) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_restore_rides_out_one_fault_and_makes_one_share(
    alpha: Tenant, proxy: Proxy, fault: str
) -> None:
    share = alpha.make_share("fault")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    with proxy.fault(FAULTS[fault]("POST", "/shares$")):
        alpha.restore(checkpoint)
    (snapshot,) = alpha.snapshots(share.id)
    made = [new for new in alpha.shares() if new.snapshot_id == snapshot.id]
    assert len(made) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_a_deletion_rides_out_one_fault(alpha: Tenant, proxy: Proxy, fault: str) -> None:
    share = alpha.make_share("fault")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    with proxy.fault(FAULTS[fault]("DELETE", "/snapshots/")):
        alpha.delete(checkpoint)
    assert alpha.snapshots(share.id) == []


def test_a_protection_rides_out_an_outage_of_twenty_seconds(alpha: Tenant, proxy: Proxy) -> None:
    share = alpha.make_share("outage")
    plan = alpha.plan_of_shares([share])
    with proxy.fault(Rule.outage("POST", "/snapshots$", seconds=20)):
        alpha.protect(plan)
    assert len(alpha.snapshots(share.id)) == 1


def test_a_quota_refusal_is_final_and_leaves_nothing(alpha: Tenant, proxy: Proxy) -> None:
    share = alpha.make_share("quota")
    plan = alpha.plan_of_shares([share])
    body = {"overLimit": {"code": 413, "message": "SnapshotLimitExceeded: no more"}}
    rule = Rule.answer(
        "POST", "/snapshots$", 413, body, headers={"Content-Type": "application/json"}, times=None
    )
    with proxy.fault(rule):
        checkpoint = alpha.protect(plan, status="error")
    assert "SnapshotLimitExceeded" in checkpoint.extra_info
    assert alpha.snapshots(share.id) == []
    alpha.delete(checkpoint)


def test_a_killed_protection_can_be_deleted_and_leaves_nothing(
    alpha: Tenant, proxy: Proxy, stack: Stack
) -> None:
    shares = [alpha.make_share(f"killed {n}") for n in range(3)]
    plan = alpha.plan_of_shares(shares)
    with proxy.fault(Rule.delay("POST", "/snapshots$", 5, nth=2, times=None)):
        begun = alpha.karbor.checkpoints.create(plan.provider_id, plan.id)
        wait(
            "the first snapshot",
            alpha.snapshots,
            lambda seen: {s.share_id for s in seen} & {s.id for s in shares},
            30,
        )
        stack.kill("karbor", signal.SIGKILL)
    stack.start_service("karbor")
    stuck = alpha.checkpoint(plan.provider_id, begun.id)
    assert stuck.status == "protecting"
    alpha.delete(stuck)
    assert not [s for s in alpha.snapshots() if s.share_id in {share.id for share in shares}]
