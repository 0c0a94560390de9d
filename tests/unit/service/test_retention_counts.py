# SPDX-License-Identifier: Apache-2.0
"""Karbor's own retention against our manager: what goes by number and by age."""

from oslo_serialization import jsonutils

from karbor_manila.manila.errors import SnapshotGone
from karbor_manila.operations import lost_snapshots
from karbor_manila.recovery.audit.watched import Verdict
from tests.unit.karbor_stage import (
    SHARE,
    told,
)
from tests.unit.recovery.audit.watching import judge
from tests.unit.recovery.audit.watching import told as told_by_hook
from tests.unit.service.retention_stage import Stage, status


def test_of_good_checkpoints_the_newest_stay(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=2)
    made = [stage.run(plan, most=2).id for _ in range(5)]
    assert set(stage.left()) == set(made[-2:])


def test_a_broken_share_keeps_its_last_snapshot(stage: Stage) -> None:
    well, broken = stage.service.share(), stage.service.share()
    stage.schedule(stage.whole, max_backups=1)
    whole = stage.run(stage.whole, most=1)
    status(stage, broken, "error")
    for _ in range(3):
        partial = stage.run(stage.whole, most=1)
    assert stage.left() == {whole.id: "available", partial.id: "available"}
    assert (stage.snapshots(well), stage.snapshots(broken)) == (2, 1)
    status(stage, broken, "available")
    last = stage.run(stage.whole, most=1)
    assert stage.left() == {last.id: "available"}


def test_where_nothing_can_be_protected_the_last_real_checkpoint_stays(stage: Stage) -> None:
    share = stage.service.share()
    stage.schedule(stage.whole, max_backups=1, retention_duration=3)
    real = stage.run(stage.whole, most=1, days=3)
    stage.age(real, 10)
    status(stage, share, "extending_error")
    for _ in range(3):
        assert stage.run(stage.whole, most=1, days=3) is None
    assert stage.left()[real.id] == "available"
    assert stage.snapshots(share) == 1
    # The newest empty one tells its reason, and the older ones are gone.
    assert sorted(stage.left().values()) == ["available"] + ["error"] * (len(stage.left()) - 1)
    assert len(stage.left()) <= 2


def test_empty_checkpoints_of_earlier_releases_push_nothing_out(stage: Stage) -> None:
    stage.service.share()
    stage.schedule(stage.whole, max_backups=1)
    real, empty = (stage.service.protect(stage.whole) for _ in range(2))
    empty.resource_graph = []
    empty.commit()
    stage.prune(stage.whole, most=1)
    assert stage.left() == {real.id: "available"}


def test_a_checkpoint_whose_snapshot_is_lost_does_not_count(stage: Stage) -> None:
    one, other = stage.service.share(), stage.service.share()
    plan = stage.service.plan(one, other)
    stage.schedule(plan, max_backups=1)
    good, hurt = (stage.service.protect(plan) for _ in range(2))
    lost_snapshots.mark_as_lost(hurt, one, SnapshotGone("its snapshot"), lambda _seconds: None)
    stage.prune(plan, most=1)
    assert set(stage.left()) == {good.id, hurt.id}


def test_a_checkpoint_whose_snapshot_is_in_error_does_not_count(stage: Stage) -> None:
    """Manila's hook has told of it; it may be mended yet, so it stays, too."""
    one, other = stage.service.share(), stage.service.share()
    plan = stage.service.plan(one, other)
    stage.schedule(plan, max_backups=1)
    good, hurt = (stage.service.protect(plan) for _ in range(2))
    seen = told_by_hook(stage.service, hurt, one, what="failed", status="error")
    stage.service.cloud.snapshots[seen.snapshot_id]["status"] = "error"
    assert judge(stage.service, seen) == [Verdict.WRITTEN]
    stage.prune(plan, most=1)
    assert stage.left() == {good.id: "available", hurt.id: "available"}
    newer = stage.service.protect(plan)
    stage.prune(plan, most=1)
    assert stage.left() == {newer.id: "available"}


def test_what_an_earlier_release_called_lost_does_not_count_either(stage: Stage) -> None:
    """It wrote a sentence and nothing that a program could read."""
    one, other = stage.service.share(), stage.service.share()
    plan = stage.service.plan(one, other)
    stage.schedule(plan, max_backups=1)
    good, hurt = (stage.service.protect(plan) for _ in range(2))
    hurt.extra_info = jsonutils.dumps({"reasons": {f"{SHARE}#{one}": "any sentence"}})
    hurt.commit()
    stage.prune(plan, most=1)
    assert set(stage.left()) == {good.id, hurt.id}


def test_a_failed_checkpoint_that_was_reset_counts_for_what_it_has_records_of(
    stage: Stage,
) -> None:
    one, other = stage.service.share(), stage.service.share()
    plan = stage.service.plan(one, other)
    stage.schedule(plan, max_backups=1)
    good = stage.service.protect(plan)
    status(stage, other, "error")
    half = stage.service.protect(plan)
    assert half.status == "error"
    stage.service.call("reset_state", stage.service.provider.id, half.id, "available")
    stage.prune(plan, most=1)
    assert stage.left() == {good.id: "available", half.id: "available"}


def test_copies_push_out_no_original(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    source = stage.service.protect(plan)
    pairs = stage.service.call("copy", plan)
    stage.service.run()
    stage.prune(plan, most=1)
    assert set(stage.left()) == {source.id, pairs[0]["checkpoint_copy_id"]}


def test_copies_are_counted_for_themselves(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    copies = []
    for _ in range(3):
        stage.service.protect(plan)
        copies += [pair["checkpoint_copy_id"] for pair in stage.service.call("copy", plan)]
        stage.service.run()
    stage.prune(plan, most=1)
    left = set(stage.left())
    assert left & set(copies) == {copies[-1]}
    assert len(left) == 2


def test_a_copy_of_a_partial_checkpoint_says_what_it_does_not_hold(stage: Stage) -> None:
    stage.service.share()
    status(stage, stage.service.share(), "error")
    source = stage.service.protect(stage.whole)
    (pair,) = stage.service.call("copy", stage.whole)
    stage.service.run()
    copy = stage.service.checkpoint(pair["checkpoint_copy_id"])
    assert copy.status == "available"
    assert told(copy)["left_out"] == told(source)["left_out"]


def test_a_share_that_went_while_the_checkpoint_was_made_does_not_count(stage: Stage) -> None:
    """It is in the graph, and named as left out."""
    gone, there = stage.service.share(), stage.service.share()
    plan = stage.service.plan(gone, there)
    stage.schedule(plan, max_backups=1)
    full, less = (stage.service.protect(plan) for _ in range(2))
    item = {"type": SHARE, "id": gone, "name": None, "reason": "it went", "kind": "gone"}
    less.extra_info = jsonutils.dumps({"left_out": [item]})
    less.commit()
    stage.prune(plan, most=1)
    assert set(stage.left()) == {full.id, less.id}


def test_age_never_takes_the_last_good_checkpoint(stage: Stage) -> None:
    share = stage.service.share()
    plan = stage.service.plan(share)
    stage.schedule(plan, retention_duration=3)
    older, newest = (stage.service.protect(plan) for _ in range(2))
    stage.age(older, 20)
    stage.age(newest, 10)
    status(stage, share, "error")
    stage.run(plan, days=3)
    assert older.id not in stage.left()
    assert stage.left()[newest.id] == "available"


def test_both_limits_together_end_where_karbor_would(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=4, retention_duration=3)
    made = [stage.service.protect(plan) for _ in range(6)]
    for place, checkpoint in enumerate(made):
        stage.age(checkpoint, 2 * (5 - place))  # 10, 8, 6, 4, 2, 0 days
    stage.prune(plan, most=4, days=3)
    assert set(stage.left()) == {made[-1].id, made[-2].id}
