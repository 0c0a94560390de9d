# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of other plugins, and of Karbor's own manager."""

import uuid
from pathlib import Path

import pytest
from karbor import objects

from tests.fakes.manila import Died
from tests.unit.karbor_stage import (
    KARBORS,
    NOOP,
    OUR_PROJECT,
    OURS,
    VOLUME,
    Foreign,
    Service,
    started,
    told,
)
from tests.unit.recovery.reconciliation.stage import (
    assert_nothing_stays,
    killed,
    pages,
    reconcile,
    the_checkpoint,
    the_status,
)


def test_a_mixed_checkpoint_keeps_its_shares_and_says_that_it_is_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, NOOP, OURS, OUR_PROJECT) as first:
        share = first.share()
        first.manager.protectable_registry.register_plugin(Foreign())
        volume = {"type": VOLUME, "id": str(uuid.uuid4()), "name": "volume"}
        first.cloud.plan("create_snapshot", Died, after=True)
        service = killed(first, "protect", first.plan(share, resources=[volume]))
        service.manager.protectable_registry.register_plugin(Foreign())
        assert reconcile(service) == ["error"]
        checkpoint = the_checkpoint(service)
        assert set(pages(service, checkpoint, share)) == {"metadata", "status"}
        assert "died" in told(checkpoint)["reasons"][f"checkpoint#{checkpoint.id}"]
        assert_nothing_stays(service)


def test_checkpoints_of_karbors_own_plugin_end_in_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, KARBORS) as first:
        checkpoint_id = first.call("protect", first.plan(first.share()))
        service = first.die()
        assert reconcile(service) == ["error"]
        assert the_status(service, checkpoint_id) == "error"
        assert service.manager.claims.all() == []


@pytest.mark.parametrize("request_", ["delete", "reset_state"])
def test_a_user_who_is_quicker_than_the_reconciliation_leaves_no_open_log(
    service: Service, request_: str
) -> None:
    service.cloud.plan("create_snapshot", Died)
    service = killed(service, "protect", service.plan(service.share()))
    checkpoint_id = the_checkpoint(service).id
    if request_ == "delete":
        service.delete(checkpoint_id)
    else:
        service.call("reset_state", service.provider.id, checkpoint_id, "error")
    assert [log for log in service.logs() if log.ended_at is None] == []
    assert service.logs()[0].status == "error"


def test_what_nobody_has_claimed_yet_is_looked_at_again_before_long(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    service.record(objects.Restore, checkpoint.id)
    work = service.manager.reconciliation
    assert work.run() == {}
    assert work.unsure
    work._grace = 0.0
    assert list(work.run().values()) == ["fail"]
    assert not work.unsure


def test_with_nothing_in_work_the_next_look_has_time(service: Service) -> None:
    service.protect(service.plan(service.share()))
    assert service.manager.reconciliation.run() == {}
    assert not service.manager.reconciliation.unsure
