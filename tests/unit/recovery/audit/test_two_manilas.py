# SPDX-License-Identifier: Apache-2.0
"""No checkpoint is called lost because another Manila is asked than the one in which it is kept,
whatever else that one shows."""

from typing import Any

import pytest

from karbor_manila.bank.checkpoints import resources
from karbor_manila.recovery.audit import Action
from karbor_manila.recovery.audit.watched import Verdict
from tests.fakes.manila import Died, FakeManila
from tests.unit.karbor_stage import SHARE, Service
from tests.unit.recovery.audit.stage import find, fix_all, protected, snapshots_of
from tests.unit.recovery.audit.watching import judge, told
from tests.unit.recovery.browsed import HOST, HOUR, browse, checkpoint_of, opened


@pytest.fixture
def moved(service: Service, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A checkpoint of the one Manila, and a later one of another region, which is asked."""
    old = protected(service)
    seen = told(service, old, next(iter(snapshots_of(service, old))))
    monkeypatch.setattr(FakeManila, "endpoint", "https://manila.two.invalid/v2")
    service.cloud.snapshots.clear()
    service.cloud.shares.clear()
    protected(service)
    return old, seen


def without_endpoint(service: Service, checkpoint: Any) -> None:
    """As an earlier release has written it."""
    (share,) = [node.id for node in resources(checkpoint) if node.type == SHARE]
    section = checkpoint.get_resource_bank_section(share)
    record = dict(section.get_object("metadata"))
    del record["endpoint"]
    section.update_object("metadata", record)


@pytest.mark.parametrize("earlier", [False, True])
def test_what_is_kept_in_another_region_is_not_called_lost_by_what_this_one_shows(
    service: Service, moved: Any, earlier: bool
) -> None:
    old, _seen = moved
    if earlier:
        without_endpoint(service, old)
    (finding,) = find(service)
    assert finding.checkpoint_id == old.id
    assert finding.action is Action.NONE
    assert "another region" in finding.why
    assert fix_all(service) == ["left alone"]
    assert service.checkpoint(old.id).status == "available"


def test_what_is_told_of_another_region_is_written_once_that_one_is_asked(
    service: Service, moved: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, seen = moved
    assert judge(service, seen) == [Verdict.LATER]
    assert service.checkpoint(old.id).status == "available"
    monkeypatch.setattr(FakeManila, "endpoint", "http://manila.invalid/v2")
    assert judge(service, seen) == [Verdict.WRITTEN]


def test_under_another_url_a_type_that_is_still_there_makes_a_loss_true(
    service: Service, moved: Any
) -> None:
    service.cloud.type_ids["default"] = "type-id"
    assert fix_all(service) == ["said so in the checkpoint"]


def test_what_is_complete_in_another_region_is_settled_once_that_one_is_asked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = protected(service)
    checkpoint.status = "protecting"
    checkpoint.commit()
    service = service.die()
    service.manager.reconciliation._grace = 0.0
    shares, snapshots = dict(service.cloud.shares), dict(service.cloud.snapshots)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(FakeManila, "endpoint", "https://manila.two.invalid/v2")
        elsewhere.setattr(FakeManila, "share_type", lambda _self, _type_id: None)
        service.cloud.snapshots.clear()
        service.cloud.shares.clear()
        service.manager.reconciliation.run()
        assert service.checkpoint(checkpoint.id).status == "protecting"
    service.cloud.shares.update(shares)
    service.cloud.snapshots.update(snapshots)
    service.manager.reconciliation.run()
    assert service.checkpoint(checkpoint.id).status == "available"


def test_a_restore_that_was_cut_short_in_another_region_leaves_no_share_there(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = protected(service)
    service.cloud.plan("create_share", Died, after=True)
    with pytest.raises(Died):
        service.restore(checkpoint.id)
    service = service.die()
    service.manager.reconciliation._grace = 0.0
    service.cloud.clock.sleep(600)
    shares, snapshots = dict(service.cloud.shares), dict(service.cloud.snapshots)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(FakeManila, "endpoint", "https://manila.two.invalid/v2")
        elsewhere.setattr(FakeManila, "share_type", lambda _self, _type_id: None)
        service.cloud.snapshots.clear()
        service.cloud.shares.clear()
        assert list(service.manager.reconciliation.run().values()) == [""]
    service.cloud.shares.update(shares)
    service.cloud.snapshots.update(snapshots)
    assert list(service.manager.reconciliation.run().values()) == ["success"]
    assert service.manager.claims.all() == []


def test_access_that_was_given_in_another_region_is_taken_back_once_that_one_is_asked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = checkpoint_of(service)
    browse(service, checkpoint, browse_to=HOST, browse_for=HOUR)
    service.cloud.clock.sleep(HOUR)
    shares, snapshots = dict(service.cloud.shares), dict(service.cloud.snapshots)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(FakeManila, "endpoint", "https://manila.two.invalid/v2")
        elsewhere.setattr(FakeManila, "share_type", lambda _self, _type_id: None)
        service.cloud.snapshots.clear()
        service.cloud.shares.clear()
        service.manager.reconciliation.run()
    service.cloud.shares.update(shares)
    service.cloud.snapshots.update(snapshots)
    assert opened(service) == [HOST]
    service.manager.reconciliation.run()
    assert opened(service) == []
