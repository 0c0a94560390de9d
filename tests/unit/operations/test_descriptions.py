# SPDX-License-Identifier: Apache-2.0
"""Below microversion 2.73 the mark stands in the description: what does not fit beside it is
refused before anything is written or made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception

from tests.fakes.manila import transient
from tests.unit.karbor_stage import PROJECT, SHARE, Service, started, told
from tests.unit.stage import Stage

LONG = "d" * 255
OLD = "2.72"
WRITING = {"create_share", "create_snapshot"}


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        service.microversion = OLD
        yield service


@pytest.mark.parametrize("whole", [False, True], ids=["named", "project"])
@pytest.mark.parametrize("own", [False, True], ids=["all", "one"])
def test_a_plan_whose_description_does_not_fit_is_refused_before_its_checkpoint_exists(
    service: Service, whole: bool, own: bool
) -> None:
    shares = [service.share(), service.share()]
    of_project = [{"type": PROJECT, "id": service.project_id, "name": "p"}]
    parameters = {f"{SHARE}#{shares[0]}" if own else SHARE: {"description": LONG}}
    plan = service.plan(*shares, resources=of_project if whole else [], parameters=parameters)
    with pytest.raises(karbor_exception.InvalidPlan, match="leaves 99 characters"):
        service.call("protect", plan)
    assert service.checkpoints() == []
    assert not WRITING & set(service.cloud.calls)


@pytest.mark.parametrize("length", [99, 100])
def test_what_fits_is_taken_and_no_more(service: Service, length: int) -> None:
    plan = service.plan(service.share(), parameters={SHARE: {"description": "d" * length}})
    if length == 100:
        with pytest.raises(karbor_exception.InvalidPlan):
            service.call("protect", plan)
        return
    assert service.protect(plan).status == "available"


def test_a_manila_with_metadata_takes_it_and_is_not_asked_beforehand_for_a_short_one(
    service: Service,
) -> None:
    service.microversion = "2.98"
    plan = service.plan(service.share(), parameters={SHARE: {"description": LONG}})
    assert service.protect(plan).status == "available"
    (snapshot,) = service.cloud.snapshots.values()
    assert snapshot["description"] == LONG


def test_what_cannot_be_told_beforehand_is_refused_before_any_intent(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = [service.share(), service.share()]
    plan = service.plan(*shares, parameters={SHARE: {"description": LONG}})
    with monkeypatch.context() as patch:
        patch.setattr("karbor_manila.service.sessions.connect", _away)
        checkpoint_id = service.call("protect", plan)
    service.run()
    checkpoint = service.checkpoint(checkpoint_id)
    assert checkpoint.status == "error"
    assert set(told(checkpoint)["reasons"]) == {f"{SHARE}#{share}" for share in shares}
    assert all("'description'" in said for said in told(checkpoint)["reasons"].values())
    assert not WRITING & set(service.cloud.calls)


def _away(*_args: Any, **_kwargs: Any) -> Any:
    raise transient()


def test_a_copys_description_is_refused_before_there_is_a_copy(service: Service) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    service.cloud.calls.clear()
    plan.parameters = {SHARE: {"description": LONG}}
    with pytest.raises(karbor_exception.InvalidInput, match="'description'"):
        service.call("copy", plan)
    assert len(service.checkpoints()) == 1
    assert not WRITING & set(service.cloud.calls)


def test_a_protection_writes_no_intent_for_what_it_refuses(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.microversion = OLD
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    writes: list[str] = []
    update = stage.bank_plugin.update_object

    def noted(key: str, value: Any, context: Any = None) -> None:
        writes.append(key.rpartition("/")[2])
        update(key, value, context)

    stage.bank_plugin.update_object = noted  # type: ignore[method-assign]
    (error,) = stage.protect(checkpoint, share["id"], given={"description": LONG})
    assert "'description'" in str(error)
    assert "intent" not in writes
