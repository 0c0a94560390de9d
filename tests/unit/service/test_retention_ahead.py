# SPDX-License-Identifier: Apache-2.0
"""Karbor's own retention and what a host with a wrong clock has made: nothing good goes for it."""

import datetime
import itertools

import pytest
from karbor import exception as karbor_exception

from tests.unit.service.retention_stage import Stage

#: A month after now, whenever that is.
AHEAD = datetime.timedelta(days=30)


def test_nothing_goes_for_what_is_stamped_later_than_now(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=2)
    made = [stage.service.protect(plan).id for _ in range(2)]
    wrong = datetime.datetime.now(datetime.UTC) + AHEAD
    right, stage.seconds = stage.seconds, itertools.count(int(wrong.timestamp()))
    ahead = [stage.service.protect(plan).id for _ in range(2)]
    stage.seconds = right
    made.append(stage.service.protect(plan).id)
    stage.prune(plan, most=2)
    assert set(stage.left()) == {*ahead, *made[-2:]}
    assert f"Checkpoint {ahead[0]} is stamped" in caplog.text


def test_a_delete_of_the_engine_does_not_take_it_either(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    wrong = datetime.datetime.now(datetime.UTC) + AHEAD
    stage.seconds = itertools.count(int(wrong.timestamp()))
    first, _second = (stage.service.protect(plan).id for _ in range(2))
    provider_id, context = stage.service.provider.id, stage.context()
    with pytest.raises(karbor_exception.InvalidInput, match="stamped later than now"):
        stage.service.call("delete", provider_id, first, context=context)
    assert first in stage.left()
