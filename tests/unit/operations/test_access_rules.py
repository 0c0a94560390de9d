# SPDX-License-Identifier: Apache-2.0
"""Whether a protection records access rules, and what is said where it did not."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from karbor.resource import Resource
from oslo_serialization import jsonutils

from karbor_manila.operations import parameters
from karbor_manila.operations.adopt import RecoverProtectOperation
from karbor_manila.operations.not_restored import NOT_RECORDED
from karbor_manila.operations.protect import ProtectOperation
from tests.fakes.manila import Died
from tests.unit.stage import SHARE, Context, Record, Stage

RULE = {"access_type": "ip", "access_to": "10.0.0.0/8", "access_level": "rw"}


def protected(stage: Stage, **given: str) -> tuple[str, Any]:
    share = str(stage.cloud.add_share(stage.project_id)["id"])
    stage.cloud.access[share] = [RULE | {"metadata": {}, "state": "active", "id": "rule"}]
    checkpoint = stage.checkpoint(share)
    assert stage.protect(checkpoint, share, given=given) == []
    return share, checkpoint


def recorded(stage: Stage, share: str, checkpoint: Any) -> Any:
    return stage.pages(checkpoint, share)["metadata"]["access_rules"]


def remarks(checkpoint: Any) -> Any:
    return (jsonutils.loads(checkpoint.extra_info or "{}") or {}).get("remarks")


@pytest.mark.parametrize(
    ("provider", "given"),
    [(False, {}), (False, {"record_access_rules": ""}), (True, {"record_access_rules": "false"})],
)
def test_without_them_the_checkpoint_and_each_restore_say_so(
    tmp_path: Path, provider: bool, given: dict[str, str]
) -> None:
    stage = Stage(tmp_path, record_access_rules=provider)
    share, checkpoint = protected(stage, **given)
    assert recorded(stage, share, checkpoint) is None
    assert "access_rules" not in stage.cloud.calls
    assert remarks(checkpoint) == {SHARE: NOT_RECORDED}

    restore = Record()
    assert stage.restore(checkpoint, share, restore=restore, given={"access_rules": True}) == []
    (told,) = restore["resources_reason"].values()
    (said,) = jsonutils.loads(told)["not_restored"]
    assert "record_access_rules" in said


def test_what_is_so_of_one_drivers_shares_is_not_said_of_all(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each share has its own parameters."""
    stage.settings = {"share_type_drivers": {"other": "faulty"}}
    shares = [
        str(stage.cloud.add_share(stage.project_id, share_type_name=name)["id"])
        for name in ("default", "other")
    ]
    checkpoint = stage.checkpoint(*shares)
    resolve = parameters.protect_options

    def resolved(given: Any, *args: Any, **kwargs: Any) -> Any:
        return dataclasses.replace(resolve(given, *args, **kwargs), record_access_rules=bool(given))

    monkeypatch.setattr(parameters, "protect_options", resolved)
    flow = stage.flow(*shares)
    hooks = [
        {
            "checkpoint": checkpoint,
            "resource": Resource(type=SHARE, id=share, name="s"),
            "context": Context(stage.project_id),
            "parameters": {"force": "false"} if share == shares[0] else {},
            "operation_log": Record(),
        }
        for share in shares
    ]
    flow.at_a_time = 1
    ProtectOperation(flow).run_together(hooks)
    assert remarks(checkpoint) == {f"{SHARE}#{shares[1]}": NOT_RECORDED}


@pytest.mark.parametrize("given", [{}, {"record_access_rules": "true"}])
def test_with_them_nothing_is_remarked(tmp_path: Path, given: dict[str, str]) -> None:
    stage = Stage(tmp_path, record_access_rules=True)
    share, checkpoint = protected(stage, **given)
    assert recorded(stage, share, checkpoint) == [RULE | {"metadata": {}}]
    assert remarks(checkpoint) is None


def test_a_plan_may_want_what_its_provider_leaves_out(tmp_path: Path) -> None:
    stage = Stage(tmp_path, record_access_rules=False)
    share, checkpoint = protected(stage, record_access_rules="true")
    assert recorded(stage, share, checkpoint)


@pytest.mark.parametrize(
    ("provider", "given"), [(False, {}), (True, {"record_access_rules": "false"})]
)
def test_who_completes_what_another_began_records_none_either(
    tmp_path: Path, provider: bool, given: dict[str, str]
) -> None:
    stage = Stage(tmp_path, record_access_rules=provider)
    share = str(stage.cloud.add_share(stage.project_id)["id"])
    stage.cloud.access[share] = [RULE | {"metadata": {}, "state": "active", "id": "rule"}]
    checkpoint = stage.checkpoint(share)
    stage.cloud.plan("create_snapshot", Died, after=True)
    with pytest.raises(Died):
        stage.protect(checkpoint, share, given=given)
    stage.open_bank()
    checkpoint = stage.checkpoints.get(checkpoint.id)
    assert stage.run(RecoverProtectOperation, checkpoint, share) == []
    assert recorded(stage, share, checkpoint) is None
    assert "access_rules" not in stage.cloud.calls


def test_that_there_are_none_is_not_that_none_are_recorded(stage: Stage) -> None:
    share = str(stage.cloud.add_share(stage.project_id)["id"])
    checkpoint = stage.checkpoint(share)
    assert stage.protect(checkpoint, share) == []
    assert recorded(stage, share, checkpoint) == []
