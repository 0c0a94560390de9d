# SPDX-License-Identifier: Apache-2.0
"""What a new checkpoint does not hold, and one that would hold nothing."""

import uuid
from pathlib import Path

import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.flows import utils as flow_utils
from oslo_serialization import jsonutils

from tests.unit.karbor_stage import NOOP, SHARE, Foreign, Service, started, told
from tests.unit.service.flow_stage import whole_project


def test_what_is_left_out_is_told_in_extra_info_as_a_json_string(service: Service) -> None:
    bad = service.share(status="error", name="broken")
    service.share()
    checkpoint = service.protect(whole_project(service))
    assert checkpoint.status == "available"
    assert isinstance(checkpoint.extra_info, str)
    assert told(checkpoint)["left_out"] == [
        {
            "type": SHARE,
            "id": bad,
            "name": "broken",
            "reason": "its status is 'error'",
            "kind": "broken",
        }
    ]


def test_what_is_left_out_stands_beside_who_made_the_checkpoint(service: Service) -> None:
    service.share(status="error")
    service.share()
    made_by = {"created_by": "operation-engine", "scheduled_operation_id": str(uuid.uuid4())}
    checkpoint = service.protect(whole_project(service), {"extra_info": jsonutils.dumps(made_by)})
    assert told(checkpoint).items() >= made_by.items()
    assert "left_out" in told(checkpoint)


def test_karbor_can_load_the_extra_info_that_we_wrote(service: Service) -> None:
    """Its flows read the schedule from there (flows/utils.py, create_operation_log)."""
    service.share(status="error")
    service.share()
    operation = str(uuid.uuid4())
    made_by = {"created_by": "operation-engine", "scheduled_operation_id": operation}
    checkpoint = service.protect(whole_project(service), {"extra_info": jsonutils.dumps(made_by)})
    log = flow_utils.create_operation_log(service.context(), checkpoint)
    assert log.scheduled_operation_id == operation


def test_a_checkpoint_that_leaves_nothing_out_has_no_word_of_it(service: Service) -> None:
    service.share()
    assert told(service.protect(whole_project(service))) == {}


def test_a_plan_on_a_project_with_other_things_in_it_is_protected(service: Service) -> None:
    """Karbor's own way is ProtectionPluginNotFound (protectable_registry.py, resource_flow.py)."""
    service.manager.protectable_registry.register_plugin(Foreign(["a volume"]))
    share = service.share()
    checkpoint = service.protect(whole_project(service))
    assert checkpoint.status == "available"
    assert [item["id"] for item in told(checkpoint)["left_out"]] == ["a volume"]
    assert [view["share_id"] for view in service.cloud.snapshots.values()] == [share]


def test_a_checkpoint_that_holds_nothing_is_no_success_and_says_why(service: Service) -> None:
    """Else it would be available, restorable and "Newest Good"."""
    bad, gone = service.share(status="error"), service.share(status="deleting")
    service.share(snapshot_support=False)
    with pytest.raises(karbor_exception.FlowError) as refused:  # HTTP 400 of Karbor's API
        service.protect(whole_project(service))
    (checkpoint,) = (service.checkpoint(item) for item in service.checkpoints())
    assert checkpoint.status == "error"
    (reason,) = told(checkpoint)["reasons"].values()
    for said in (bad, gone, "its status is 'error'", "has no snapshot support"):
        assert said in reason
        assert said in str(refused.value)
    assert len(told(checkpoint)["left_out"]) == 3
    assert service.manager.claims.held == frozenset()
    assert [log.status for log in service.logs()] == ["error"]
    service.delete(checkpoint.id)
    assert service.checkpoints() == []


def test_a_project_without_a_share_gives_no_good_checkpoint(service: Service) -> None:
    with pytest.raises(karbor_exception.FlowError) as refused:
        service.protect(whole_project(service))
    assert "there is nothing in its project that could be protected" in str(refused.value)
    assert [service.checkpoint(item).status for item in service.checkpoints()] == ["error"]


def test_of_many_gaps_the_reason_names_some_and_counts_the_rest(service: Service) -> None:
    for _ in range(9):
        service.share(status="error")
    with pytest.raises(karbor_exception.FlowError) as refused:
        service.protect(whole_project(service))
    assert str(refused.value).count("its status is 'error'") == 5
    assert "and 4 more, which the checkpoint names" in str(refused.value)


def test_a_provider_whose_shares_are_not_ours_is_left_to_karbor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, NOOP) as service:
        assert service.protect(whole_project(service)).status == "available"
