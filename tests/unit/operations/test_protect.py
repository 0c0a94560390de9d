# SPDX-License-Identifier: Apache-2.0
"""Protect: what stands in Manila and in the bank afterwards, whatever happened."""

import pytest
from oslo_serialization import jsonutils

from karbor_manila.manila.marks import read
from tests.fakes.manila import Died, refused, transient
from tests.unit.stage import Record, Stage


def reason(checkpoint: object, share_id: str) -> str:
    info = jsonutils.loads(checkpoint.extra_info)
    return str(info["reasons"][f"OS::Manila::Share#{share_id}"])


def test_a_protected_share_has_a_snapshot_with_our_mark(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    (snapshot,) = stage.cloud.snapshots.values()
    mark = read(snapshot)
    assert (mark.checkpoint, mark.resource) == (checkpoint.id, share["id"])
    assert mark.provider == checkpoint.provider_id


def test_the_record_is_a_superset_of_what_karbors_own_plugin_writes(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id, size=7)
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    pages = stage.pages(checkpoint, share["id"])
    (snapshot_id,) = stage.cloud.snapshots
    assert (
        pages["metadata"].items()
        >= {
            "share_id": share["id"],
            "size": 7,
            "share_proto": "NFS",
            "share_type": "type-id",
            "share_network_id": None,
            "snapshot_id": snapshot_id,
        }.items()
    )
    assert pages["status"] == "available"


def test_a_complete_protection_leaves_no_intent(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    assert "intent" not in stage.pages(checkpoint, share["id"])


def test_the_users_name_and_text_are_on_the_snapshot(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)
    given = {"snapshot_name": "nightly", "description": "before the move", "force": "False"}
    stage.protect(stage.checkpoint(share["id"]), share["id"], given=given)
    (snapshot,) = stage.cloud.snapshots.values()
    assert (snapshot["name"], snapshot["description"]) == ("nightly", "before the move")


def test_many_shares_are_asked_for_with_one_list(stage: Stage) -> None:
    ids = [stage.cloud.add_share(stage.project_id)["id"] for _ in range(20)]
    assert stage.protect(stage.checkpoint(*ids), *ids) == []
    assert stage.cloud.calls.count("shares") == 1
    assert stage.cloud.calls.count("limits") == 1
    assert stage.cloud.calls.count("create_snapshot") == 20


def test_a_busy_share_is_waited_for(stage: Stage) -> None:
    share = stage.cloud.add_share(
        stage.project_id, status="extending", _fails=False, _until=stage.cloud.clock.now() + 30
    )
    assert stage.protect(stage.checkpoint(share["id"]), share["id"]) == []


def test_a_busy_share_is_not_waited_for_with_force(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id, status="extending")
    before = stage.cloud.clock.now()
    (error,) = stage.protect(stage.checkpoint(share["id"]), share["id"], given={"force": "True"})
    assert "extending" in str(error)
    assert stage.cloud.clock.now() - before < 5


def test_a_share_that_stays_busy_fails_at_the_deadline(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id, status="some_new_status")
    (error,) = stage.protect(stage.checkpoint(share["id"]), share["id"])
    assert "600 seconds" in str(error)
    assert "some_new_status" in str(error)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "error"},
        {"status": "deleting"},
        {"snapshot_support": False},
        {"is_soft_deleted": True},
        {"status": "awaiting_transfer"},
    ],
)
def test_a_share_that_cannot_be_protected_is_refused_before_anything(
    stage: Stage, fields: dict[str, object]
) -> None:
    share = stage.cloud.add_share(stage.project_id, **fields)
    checkpoint = stage.checkpoint(share["id"])
    assert len(stage.protect(checkpoint, share["id"])) == 1
    assert "create_snapshot" not in stage.cloud.calls
    assert set(stage.pages(checkpoint, share["id"])) == {"status"}
    assert share["id"] in reason(checkpoint, share["id"])


def test_another_projects_public_share_is_refused(stage: Stage) -> None:
    share = stage.cloud.add_share("project-b", is_public=True)
    (error,) = stage.protect(stage.checkpoint(share["id"]), share["id"])
    assert "another project" in str(error)
    assert not stage.cloud.snapshots


def test_a_quota_that_does_not_suffice_for_the_plan_stops_all_of_it(stage: Stage) -> None:
    stage.cloud.limits = {"maxTotalShareSnapshots": 10, "totalShareSnapshotsUsed": 8}
    ids = [stage.cloud.add_share(stage.project_id)["id"] for _ in range(3)]
    errors = stage.protect(stage.checkpoint(*ids), *ids)
    assert len(errors) == 3
    assert "3 snapshots are needed" in str(errors[0])
    assert not stage.cloud.snapshots


def test_a_wrong_parameter_is_named_with_what_is_allowed(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    (error,) = stage.protect(checkpoint, share["id"], given={"force": "perhaps"})
    assert "'force' cannot be 'perhaps': it takes true or false" in str(error)
    assert stage.cloud.calls == []


@pytest.mark.parametrize(
    "method",
    [
        "share",
        "limits",
        "snapshots",
        "create_snapshot",
        "snapshot",
    ],
)
def test_a_transient_error_on_any_call_is_retried(stage: Stage, method: str) -> None:
    share = stage.cloud.add_share(stage.project_id)
    stage.cloud.plan(method, transient, times=3)
    assert stage.protect(stage.checkpoint(share["id"]), share["id"]) == []
    assert len(stage.cloud.snapshots) == 1
    stage.cloud.assert_hit()


def test_a_lost_reply_makes_no_second_snapshot(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)
    stage.cloud.plan("create_snapshot", transient, after=True)
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    (snapshot_id,) = stage.cloud.snapshots
    assert stage.pages(checkpoint, share["id"])["metadata"]["snapshot_id"] == snapshot_id
    stage.cloud.assert_hit()


def test_an_outage_that_does_not_end_fails_and_says_so(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)
    stage.cloud.plan("create_snapshot", transient, times=10**6)
    (error,) = stage.protect(stage.checkpoint(share["id"]), share["id"])
    assert "for 120 seconds" in str(error)
    assert "503" in str(error)


def test_a_snapshot_that_ends_in_error_is_removed_and_manilas_reason_is_told(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)
    stage.cloud.failing.add(f"create_snapshot {share['id']}")
    checkpoint, log = stage.checkpoint(share["id"]), Record()
    errors = stage.protect(checkpoint, share["id"], operation_log=log)
    assert len(errors) == 1
    assert stage.cloud.snapshots == {}
    for told in (str(errors[0]), log["error_info"], reason(checkpoint, share["id"])):
        assert "the backend is full" in told
    assert set(stage.pages(checkpoint, share["id"])) == {"status"}


def test_one_share_that_fails_leaves_the_others_recorded(stage: Stage) -> None:
    good, bad = (stage.cloud.add_share(stage.project_id)["id"] for _ in range(2))
    stage.cloud.failing.add(f"create_snapshot {bad}")
    checkpoint = stage.checkpoint(good, bad)
    assert len(stage.protect(checkpoint, bad, good)) == 1
    assert "metadata" in stage.pages(checkpoint, good)
    assert "metadata" not in stage.pages(checkpoint, bad)


def test_what_cannot_be_undone_stays_in_the_bank_for_delete(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)
    stage.cloud.failing.add(f"create_snapshot {share['id']}")
    stage.cloud.plan("delete_snapshot", refused, times=10**6)
    checkpoint = stage.checkpoint(share["id"])
    (error,) = stage.protect(checkpoint, share["id"])
    assert "goes with the checkpoint" in str(error)
    (snapshot_id,) = stage.cloud.snapshots
    assert stage.pages(checkpoint, share["id"])["intent"]["created_id"] == snapshot_id


def test_a_bank_that_fails_once_is_asked_again(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    stage.bank_plugin.writes = 0
    stage.bank_plugin.dies_at = (3, False, OSError)
    assert stage.protect(checkpoint, share["id"]) == []


CALLS = ("share", "limits", "snapshots", "create_snapshot", "snapshot")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("method", CALLS)
def test_a_death_at_any_call_to_manila_leaves_nothing_that_delete_does_not_remove(
    stage: Stage, method: str, after: bool
) -> None:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    stage.cloud.plan(method, Died, after=after)
    with pytest.raises(Died):
        stage.protect(checkpoint, share["id"])
    stage.cloud.assert_hit()
    _delete_after_restart(stage, checkpoint.id, share["id"])


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", range(1, 7))
def test_a_death_at_any_write_to_the_bank_leaves_nothing_that_delete_does_not_remove(
    stage: Stage, write: int, after: bool
) -> None:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    stage.bank_plugin.writes = 0
    stage.bank_plugin.dies_at = (write, after, Died)
    with pytest.raises(Died):
        stage.protect(checkpoint, share["id"])
    _delete_after_restart(stage, checkpoint.id, share["id"])


def test_a_protection_writes_to_the_bank_as_often_as_the_test_above_kills_it(
    stage: Stage,
) -> None:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    stage.bank_plugin.writes = 0
    stage.protect(checkpoint, share["id"])
    assert stage.bank_plugin.writes == 6


def _delete_after_restart(stage: Stage, checkpoint_id: str, share_id: str) -> None:
    assert "delete_snapshot" not in stage.cloud.calls, "the dead undid something"
    stage.open_bank()
    stage.cloud.faults.clear()
    stage.cloud.clock.sleep(60)
    checkpoint = stage.checkpoints.get(checkpoint_id)
    assert stage.delete(checkpoint, share_id) == []
    assert stage.cloud.snapshots == {}
    assert set(stage.pages(checkpoint, share_id)) == {"status"}


def test_manilas_own_words_are_told_though_they_are_asked_for_twice(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)
    stage.cloud.failing.add(f"create_snapshot {share['id']}")
    stage.cloud.plan("messages", transient)
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    assert "Manila says" in reason(checkpoint, share["id"])
    stage.cloud.assert_hit()


def test_a_failure_is_told_though_manilas_own_words_cannot_be_had(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)
    stage.cloud.failing.add(f"create_snapshot {share['id']}")
    stage.cloud.plan("messages", transient, times=1000)
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    assert "is in status 'error'. Manila gives no reason." in reason(checkpoint, share["id"])
    assert stage.cloud.snapshots == {}


def test_the_record_has_the_size_of_the_snapshot_of_a_share_that_was_extended_meanwhile(
    stage: Stage,
) -> None:
    share = stage.cloud.add_share(stage.project_id, size=1)
    checkpoint = stage.checkpoint(share["id"])

    def extended() -> Exception:
        until = stage.cloud.clock.now() + 30.0
        share.update(status="extending", size=2, _until=until, _fails=False)
        return refused(400)

    stage.cloud.plan("create_snapshot", extended)
    assert stage.protect(checkpoint, share["id"]) == []
    (snapshot,) = stage.cloud.snapshots.values()
    assert snapshot["size"] == 2
    assert stage.pages(checkpoint, share["id"])["metadata"]["size"] == 2
    assert stage.restore(checkpoint, share["id"], restore=Record()) == []
