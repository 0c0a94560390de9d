# SPDX-License-Identifier: Apache-2.0
"""Work goes on under the very claim that it began under, and under no later one on the same id."""

import pytest

from karbor_manila.bank.fencing import Hold
from karbor_manila.common.errors import ClaimLost
from tests.unit.recovery.claims.stage import THING, Process

OTHER = "0c5c2f7f-7fe5-4bd6-a1f0-a2d39f7a5b11"


@pytest.mark.parametrize("give_back", ["release", "leave"])
@pytest.mark.parametrize("ask", ["check", "confirm"])
def test_what_outlives_its_flow_does_not_act_under_the_next_claim_of_its_process(
    one: Process, give_back: str, ask: str
) -> None:
    """A flow is killed, and the reconciliation of the same process takes its checkpoint up, while
    a green thread of the flow goes on."""
    one.take()
    before = Hold(one.claims, THING)
    getattr(before, ask)()
    getattr(one.claims, give_back)(THING)
    one.take(operation="reconcile")
    with pytest.raises(ClaimLost, match="another one has claimed it"):
        getattr(before, ask)()
    getattr(Hold(one.claims, THING), ask)()


@pytest.mark.parametrize("again", [THING, OTHER])
def test_so_it_is_for_what_is_held_besides(one: Process, again: str) -> None:
    one.take()
    one.take(OTHER)
    copied = Hold(one.claims, THING, (OTHER,))
    copied.check()
    one.claims.release(again)
    one.take(again)
    with pytest.raises(ClaimLost):
        copied.check()


def test_a_share_of_a_flow_is_acted_on_only_under_the_flows_own_claim(one: Process) -> None:
    one.take()
    flow = Hold(one.claims, THING)
    one.take(OTHER)
    flow.share(OTHER).confirm()
    one.claims.leave(THING)
    one.take(operation="reconcile")
    with pytest.raises(ClaimLost):
        flow.share(OTHER).confirm()


def test_without_a_claim_nothing_is_done(one: Process) -> None:
    early = Hold(one.claims, THING)
    one.take()
    with pytest.raises(ClaimLost):
        early.check()
