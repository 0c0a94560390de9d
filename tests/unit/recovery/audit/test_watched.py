# SPDX-License-Identifier: Apache-2.0
"""What Manila's hook tells is written into the checkpoint if it is true, once, and never else."""

import datetime
import functools
import itertools
import uuid
from typing import Any

import pytest

from karbor_manila.common.errors import ClaimLost
from karbor_manila.manila import marks
from karbor_manila.recovery.audit.watched import Verdict
from karbor_manila.recovery.claims import RECONCILE
from karbor_manila.recovery.errors import ManilaSuspect
from karbor_manila.telemetry import events
from sandbox.faults import AFTER, BEFORE
from tests.fakes.manila import transient
from tests.unit.karbor_stage import SHARE, Service
from tests.unit.karbor_stage import told as says
from tests.unit.points import Points
from tests.unit.recovery.audit.stage import (
    everything_in,
    find,
    plant,
    protected,
    snapshot_away,
    snapshots_of,
)
from tests.unit.recovery.audit.watching import WHO, judge, told


def said(service: Service, checkpoint: Any) -> dict[str, Any]:
    return says(service.checkpoint(checkpoint.id))


def test_a_snapshot_that_was_taken_away_is_lost_with_the_time_and_by_whom(
    service: Service,
) -> None:
    share, other = service.share(), service.share()
    checkpoint = protected(service, share, other)
    seen = told(service, checkpoint, share)
    lost = snapshot_away(service, checkpoint, share)
    assert judge(service, seen) == [Verdict.WRITTEN]
    known = said(service, checkpoint)
    assert known["lost"] == {share: lost}
    reason = known["reasons"][f"{SHARE}#{share}"]
    assert "was deleted in Manila on 2025-12-31 03:04:05 UTC by user u-1, project p-9" in reason
    assert known["watched"][share]["request_id"] == WHO["request_id"]
    assert service.checkpoint(checkpoint.id).status == "available"
    section = service.checkpoint(checkpoint.id).get_resource_bank_section(share)
    assert section.get_object("status") == "error"
    assert service.manager.claims.all() == []
    assert [finding.action for finding in find(service)] == [""]  # as if an audit had said it


def test_who_listens_is_told_of_the_loss_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_of: list[Any] = []
    monkeypatch.setattr(events, "_sink", lambda event, _context: told_of.append(event))
    share = service.share()
    checkpoint = protected(service, share)
    seen = told(service, checkpoint, share)
    lost = snapshot_away(service, checkpoint, share)
    told_of.clear()
    judge(service, seen, seen)
    (event,) = told_of
    assert event.type == "share_protection.audit.end"
    assert (event.finding, event.kind, event.snapshot_id) == ("lost", "gone", lost)
    assert "by user u-1" in event.reason


def test_a_checkpoint_of_which_nothing_is_left_becomes_an_error(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    seen = told(service, checkpoint, share)
    snapshot_away(service, checkpoint, share)
    assert judge(service, seen) == [Verdict.WRITTEN]
    assert service.checkpoint(checkpoint.id).status == "error"


def test_the_same_twice_is_one_remark(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    seen = told(service, checkpoint, share)
    snapshot_away(service, checkpoint, share)
    assert judge(service, seen, seen) == [Verdict.WRITTEN, Verdict.NOTHING]
    before = everything_in(service)
    assert judge(service, seen) == [Verdict.NOTHING]
    assert everything_in(service) == before


def test_what_is_told_and_not_so_changes_nothing(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    before = everything_in(service)
    assert judge(service, told(service, checkpoint, share)) == [Verdict.NOTHING]
    assert everything_in(service) == before


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"snapshot_id": str(uuid.UUID(int=7))}, Verdict.NOTHING),
        ({"project_id": str(uuid.UUID(int=7))}, Verdict.REFUSED),
    ],
)
def test_the_record_has_to_name_exactly_that(
    service: Service, fields: dict[str, str], verdict: Verdict
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    seen = told(service, checkpoint, share, **fields)
    snapshot_away(service, checkpoint, share)
    before = everything_in(service)
    assert judge(service, seen) == [verdict]
    assert everything_in(service) == before


@pytest.mark.parametrize("field", ["bank", "checkpoint"])
def test_a_mark_of_another_bank_or_of_no_checkpoint_is_refused(
    service: Service, field: str
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    mark = {**vars(told(service, checkpoint, share).mark), field: str(uuid.UUID(int=7))}
    seen = told(service, checkpoint, share, mark={k: v for k, v in mark.items() if v})
    snapshot_away(service, checkpoint, share)
    before = everything_in(service)
    assert judge(service, seen) == [Verdict.REFUSED]
    assert everything_in(service) == before


def test_a_snapshot_that_a_tenant_has_given_our_mark_takes_nothing_from_a_checkpoint(
    service: Service,
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    mine = told(service, checkpoint, share)
    forged = plant(service, service.cloud.add_share(service.other_project)["id"], mine.mark)
    del service.cloud.snapshots[forged]
    seen = told(service, checkpoint, share, snapshot_id=forged, project_id=service.other_project)
    assert judge(service, seen) == [Verdict.NOTHING]
    assert "lost" not in said(service, checkpoint)


# -- our own ----------------------------------------------------------------------------------


def test_a_deleted_checkpoint_says_nothing(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    seen = told(service, checkpoint, share)
    service.delete(checkpoint.id)
    assert judge(service, seen, seen) == [Verdict.NOTHING] * 2
    assert "lost" not in said(service, checkpoint)


@pytest.mark.parametrize("status", ["deleting", "protecting", "copying"])
def test_a_checkpoint_in_work_is_looked_at_later(service: Service, status: str) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    seen = told(service, checkpoint, share)
    snapshot_away(service, checkpoint, share)
    checkpoint = service.checkpoint(checkpoint.id)
    checkpoint.status = status
    checkpoint.commit()
    assert judge(service, seen) == [Verdict.LATER]
    checkpoint.status = "available"
    checkpoint.commit()
    assert judge(service, seen) == [Verdict.WRITTEN]


def test_a_checkpoint_on_which_somebody_has_a_claim_is_looked_at_later(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    seen = told(service, checkpoint, share)
    snapshot_away(service, checkpoint, share)
    claims, bank = service.manager.claims, service.provider.bank
    named = {"provider_id": service.provider.id, "checkpoint_id": checkpoint.id, "bank": bank}
    claims.take(checkpoint.id, RECONCILE, **named)
    before = everything_in(service)
    assert judge(service, seen) == [Verdict.LATER]
    assert everything_in(service) == before
    claims.release(checkpoint.id)
    assert judge(service, seen) == [Verdict.WRITTEN]


def test_who_lost_the_claim_meanwhile_writes_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    seen = told(service, checkpoint, share)
    snapshot_away(service, checkpoint, share)

    def lost(*_args: Any, **_kwargs: Any) -> None:
        raise ClaimLost(checkpoint.id, "its lease lapsed")

    before = everything_in(service)
    with monkeypatch.context() as patch:
        patch.setattr(service.manager.claims, "check", lost)
        with pytest.raises(ClaimLost):
            judge(service, seen)
    assert everything_in(service) == before


@pytest.mark.parametrize("side", [BEFORE, AFTER])
def test_wherever_it_dies_the_next_process_writes_it_once(
    service: Service, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    points = Points(monkeypatch)
    for nth in itertools.count(1):
        share, other = service.share(), service.share()
        checkpoint = protected(service, share, other)
        seen = told(service, checkpoint, share)
        lost = snapshot_away(service, checkpoint, share)
        died = points.kill(functools.partial(judge, service, seen), nth, side)
        service = service.die()
        service.manager.reconciliation.run()
        assert judge(service, seen)[0] in (Verdict.WRITTEN, Verdict.NOTHING)
        known = said(service, checkpoint)
        assert known["lost"] == {share: lost}, points.names
        assert list(known["reasons"]) == [f"{SHARE}#{share}"]
        assert service.checkpoint(checkpoint.id).status == "available"
        section = service.checkpoint(checkpoint.id).get_resource_bank_section(share)
        assert section.get_object("status") == "error", points.names
        service.manager.reconciliation.run()
        assert service.manager.claims.all() == []
        if not died:
            break
    assert nth > 5


# -- a Manila that is not believed ------------------------------------------------------------


def test_a_manila_that_shows_nothing_at_all_is_not_believed(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    seen = told(service, checkpoint, share)
    service.cloud.snapshots.clear()
    service.cloud.shares.clear()
    before = everything_in(service)
    with pytest.raises(ManilaSuspect):
        judge(service, seen)
    assert everything_in(service) == before
    assert service.manager.claims.all() == []


def test_what_went_with_its_share_is_lost_when_anything_else_is_shown(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    protected(service)
    seen = told(service, checkpoint, share, what="unmanage_share")
    snapshot_away(service, checkpoint, share)
    del service.cloud.shares[share]
    assert judge(service, seen) == [Verdict.WRITTEN]
    assert "went with its share" in said(service, checkpoint)["reasons"][f"{SHARE}#{share}"]


def test_a_manila_that_is_away_is_asked_again(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    seen = told(service, checkpoint, share)
    snapshot_away(service, checkpoint, share)
    service.cloud.plan("snapshot", transient, times=10_000)
    with pytest.raises(Exception, match="HTTP"):
        judge(service, seen)
    service.cloud.faults.clear()
    assert judge(service, seen) == [Verdict.WRITTEN]


def test_what_only_administrators_still_see_is_gone(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    seen = told(service, checkpoint, share)
    (view,) = service.cloud.snapshots.values()
    view["status"] = "error_deferred_deleting"
    assert judge(service, seen) == [Verdict.WRITTEN]


# -- what takes nothing away --------------------------------------------------------------------


def failed(service: Service, checkpoint: Any, share: str, status: str = "error") -> Any:
    fields = {"what": "failed", "status": status, "by": {}}
    seen = told(service, checkpoint, share, **fields)
    service.cloud.snapshots[seen.snapshot_id]["status"] = status
    return seen


def test_a_snapshot_that_failed_is_a_remark_and_the_next_gives_way_to_it(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    for status in ("error", "error_deleting"):
        seen = failed(service, checkpoint, share, status)
        assert judge(service, seen, seen) == [Verdict.WRITTEN, Verdict.NOTHING]
        remark = said(service, checkpoint)["remarks"][f"{SHARE}#{share}"]
        assert f"is {status} in Manila" in remark
        assert remark.count("Snapshot") == 1
    assert service.checkpoint(checkpoint.id).status == "available"
    assert "lost" not in said(service, checkpoint)


def test_one_that_has_recovered_is_none(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    seen = failed(service, checkpoint, share)
    service.cloud.snapshots[seen.snapshot_id]["status"] = "available"
    assert judge(service, seen) == [Verdict.NOTHING]


def test_what_failed_and_is_gone_by_now_is_lost_by_nobody_that_is_known(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    seen = failed(service, checkpoint, share)
    snapshot_away(service, checkpoint, share)
    assert judge(service, seen) == [Verdict.WRITTEN]
    assert "does not show it" in said(service, checkpoint)["reasons"][f"{SHARE}#{share}"]


def now_of(service: Service, later: float = 0.0) -> str:
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=later)
    return at.isoformat(timespec="seconds")


def test_a_revert_by_hand_is_a_remark_and_our_own_is_none(service: Service) -> None:
    share, other = service.share(), service.share()
    checkpoint = protected(service, share, other)
    what = {"what": "revert_to_snapshot"}
    by_hand = told(service, checkpoint, share, **what)
    assert judge(service, by_hand, by_hand) == [Verdict.WRITTEN, Verdict.NOTHING]
    remark = said(service, checkpoint)["remarks"][f"{SHARE}#{share}"]
    assert "by no restore of Karbor, on 2025-12-31" in remark
    record = service.restore(checkpoint.id, {f"{SHARE}#{other}": {"share_id": other}})
    assert service.saved(record).status == "success"
    ours = told(service, checkpoint, other, at=now_of(service), **what)
    assert judge(service, ours) == [Verdict.NOTHING]


def test_other_remarks_stay(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    held = service.checkpoint(checkpoint.id)
    held.extra_info = '{"remarks": {"%s": "Mind the gap."}}' % f"{SHARE}#{share}"  # noqa: UP031
    held.commit()
    for status in ("error", "error_deleting"):
        assert judge(service, failed(service, checkpoint, share, status)) == [Verdict.WRITTEN]
    remark = said(service, checkpoint)["remarks"][f"{SHARE}#{share}"]
    assert remark.startswith("Mind the gap. Snapshot")
    assert remark.count("Snapshot") == 1


# -- copies -------------------------------------------------------------------------------------


def test_a_copy_loses_what_it_keeps_as_well(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    source = service.protect(plan)
    (pair,) = service.call("copy", plan)
    service.run()
    copy = service.checkpoint(pair["checkpoint_copy_id"])
    (snapshot_id,) = snapshots_of(service, copy).values()
    (clone_id,) = snapshots_of(service, copy)
    of_share = {"snapshot_id": snapshot_id, "share_id": clone_id}
    seen = told(service, source, share, mark=_mark(service, snapshot_id), **of_share)
    del service.cloud.snapshots[snapshot_id]
    assert judge(service, seen) == [Verdict.WRITTEN]
    assert said(service, copy)["lost"] == {share: snapshot_id}
    assert "lost" not in said(service, source)


def _mark(service: Service, snapshot_id: str) -> dict[str, str]:
    mark = marks.read(service.cloud.snapshots[snapshot_id])
    assert mark
    return {name: value for name, value in vars(mark).items() if value}
