# SPDX-License-Identifier: Apache-2.0
"""A Karbor that is killed. What else may fail is in test_fault_table.py."""

import signal

from sandbox.proxy.control import Proxy
from sandbox.proxy.rules import Rule
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait


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
            120,
        )
        wait("the request that is held back", proxy.unhit, lambda left: not left, 120)
        stack.kill("karbor", signal.SIGKILL)
    stack.start_service("karbor")
    # Whether or not the reconciliation has been there first.
    alpha.delete(alpha.checkpoint(plan.provider_id, begun.id))
    assert not [s for s in alpha.snapshots() if s.share_id in {share.id for share in shares}]
