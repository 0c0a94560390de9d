# SPDX-License-Identifier: Apache-2.0
"""What the resources of one flow share; every poller knows which will not be awaited."""

import uuid
from typing import Any

import pytest
from karbor.resource import Resource

from karbor_manila.common.polling import Poller
from karbor_manila.operations.restore import RestoreOperation
from tests.unit.stage import SHARE, Context, Record, Stage

# While resources are still to come, a flow looks no more often than this (pace._WHILE_ASKING).
RARELY = 4.4


def restore(stage: Stage, shared: Any, checkpoint: Any, share_id: str, **given: Any) -> None:
    request = Record(parameters={f"{SHARE}#{share_id}": given})
    RestoreOperation(shared).on_main(
        checkpoint,
        Resource(type=SHARE, id=share_id, name="s"),
        Context(stage.project_id),
        given,
        restore=request,
        operation_log=Record(),
    )


def test_restoring_one_share_of_twenty_looks_as_often_as_restoring_one_of_one(
    stage: Stage,
) -> None:
    shares = [stage.cloud.add_share(stage.project_id)["id"] for _ in range(20)]
    checkpoint = stage.checkpoint(*shares)
    assert stage.protect(checkpoint, *shares) == []
    shared = stage.flow(*shares)
    for left_out in shares[1:]:
        # None of these asks Manila for anything: there is no client and no driver yet.
        restore(stage, shared, checkpoint, left_out, include=False)
    pauses: list[float] = []
    wait = stage.cloud.clock.wait

    def recorded(condition: Any, seconds: float) -> None:
        pauses.append(seconds)
        wait(condition, seconds)

    stage.cloud.clock.wait = recorded

    restore(stage, shared, checkpoint, shares[0])

    assert min(pauses) < RARELY / 2


def test_a_poller_that_is_made_later_knows_what_will_not_be_awaited(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_awaited: list[str] = []
    monkeypatch.setattr(Poller, "no_wait", lambda _self, name: not_awaited.append(name))
    flow = stage.bound(*(str(uuid.UUID(int=n)) for n in (1, 2, 3)))
    flow.no_wait("before there is a client")
    assert flow.shares.poller
    assert not_awaited == ["before there is a client"]
    flow.no_wait("afterwards")
    assert not_awaited[-1] == "afterwards"
