# SPDX-License-Identifier: Apache-2.0
"""What earlier releases marked, with an entry for each field, is adopted, restored and deleted."""

import contextlib
from typing import Any

from karbor_manila.bank import record
from karbor_manila.manila import marks
from karbor_manila.operations.adopt import RecoverProtectOperation
from tests.fakes.manila import Died
from tests.unit.stage import Record, Stage


def as_before(stage: Stage) -> None:
    """Give all snapshots and shares the marks that an earlier release would have given them."""
    for view in [*stage.cloud.snapshots.values(), *stage.cloud.shares.values()]:
        borne = marks.read(view)
        if borne:
            view["metadata"] = borne.metadata_of_before()


def interrupted(stage: Stage, *share_ids: str) -> Any:
    """A checkpoint whose protection died after the request, before its answer was written down, in
    a process of an earlier release."""
    checkpoint = stage.checkpoint(*share_ids)
    stage.cloud.plan("create_snapshot", Died, after=True)
    with contextlib.suppress(Died):
        stage.protect(checkpoint, *share_ids)
    as_before(stage)
    section = checkpoint.get_resource_bank_section(share_ids[0])
    intent = section.get_object("intent") | {"version": 1}
    section.update_object("intent", intent)
    return checkpoint


def test_a_snapshot_of_before_is_adopted(stage: Stage, share: dict[str, Any]) -> None:
    checkpoint = interrupted(stage, share["id"])
    assert stage.run(RecoverProtectOperation, checkpoint, share["id"]) == []
    kept = record.load_record(stage.pages(checkpoint, share["id"])["metadata"])
    assert [kept.snapshot_id] == list(stage.cloud.snapshots)


def test_a_snapshot_of_before_goes_by_its_mark(stage: Stage, share: dict[str, Any]) -> None:
    checkpoint = interrupted(stage, share["id"])
    assert stage.delete(checkpoint, share["id"]) == []
    assert stage.cloud.snapshots == {}


def test_a_damaged_record_of_before_hides_no_snapshot(
    stage: Stage, share: dict[str, Any], checkpoint: Any
) -> None:
    as_before(stage)
    section = checkpoint.get_resource_bank_section(share["id"])
    section.update_object("metadata", {"version": 3})
    assert stage.delete(checkpoint, share["id"]) == []
    assert stage.cloud.snapshots == {}


def test_a_share_that_an_earlier_release_restored_is_not_made_again(
    stage: Stage, share: dict[str, Any], checkpoint: Any
) -> None:
    restore = Record()
    assert stage.restore(checkpoint, share["id"], restore=restore) == []
    as_before(stage)
    made = set(stage.cloud.shares)
    assert stage.restore(checkpoint, share["id"], restore=restore) == []
    assert set(stage.cloud.shares) == made
