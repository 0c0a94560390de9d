# SPDX-License-Identifier: Apache-2.0
"""A safety copy that its user was told of is his, whatever he does to it."""

from pathlib import Path

import pytest

from tests.fakes.cloud import Died
from tests.unit.stage import Record, Stage


@pytest.mark.parametrize("status", ["extending", "inactive", "error"])
@pytest.mark.parametrize(
    ("driver", "asked"), [("snapshot", "revert_share"), ("backup", "restore_backup")]
)
def test_a_copy_that_was_told_outlives_the_checkpoint_in_any_status(
    tmp_path: Path, driver: str, asked: str, status: str
) -> None:
    stage = Stage(tmp_path, default_driver=driver)
    share = stage.cloud.add_share(stage.project_id, size=2, _text="then")
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    share["_text"] = "now"
    # With backups the copy is filled by the same request before.
    stage.cloud.plan(asked, Died, nth=2 if driver == "backup" else 1)
    request = Record(status="in_progress")
    given = {"share_id": share["id"], "safety_copy": True}
    with pytest.raises(Died):
        stage.restore(checkpoint, share["id"], restore=request, given=given)
    (copy_id,) = set(stage.cloud.shares) - {share["id"]}
    assert request["resources_status"][f"OS::Manila::Share#{copy_id}"] == "available"
    stage.cloud.shares[copy_id]["status"] = status
    assert stage.delete(checkpoint, share["id"]) == []
    assert stage.cloud.shares[copy_id]["_text"] == "now"
