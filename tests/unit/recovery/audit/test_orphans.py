# SPDX-License-Identifier: Apache-2.0
"""An audit removes what no checkpoint accounts for, and never touches the rest."""

import uuid

import pytest

from karbor_manila.recovery.audit import ORPHAN
from tests.fakes.manila import transient
from tests.unit.karbor_stage import (
    Service,
)
from tests.unit.recovery.audit.stage import (
    NO_IDS,
    actions,
    everything_in,
    find,
    fix_all,
    mark_of,
    orphaned,
    plant,
    protected,
    snapshot_away,
    snapshots_of,
)


def test_nothing_is_found_when_all_agrees(service: Service) -> None:
    kept = protected(service, service.share(), service.share())
    service.restore(kept.id)
    service.delete(protected(service).id)
    assert find(service) == []


def test_finding_changes_nothing(service: Service) -> None:
    share = service.share()
    snapshot_away(service, protected(service, share), share)
    orphaned(service)
    before = everything_in(service)
    assert len(find(service)) == 2
    assert everything_in(service) == before


def test_snapshots_without_a_mark_are_nobodys_business(service: Service) -> None:
    protected(service)
    plant(service, service.share(), None)
    assert find(service) == []


def test_a_checkpoint_in_work_is_never_judged(service: Service) -> None:
    protected(service)
    checkpoint_id = service.call("protect", service.plan(service.share()))
    share = service.share()
    plant(service, share, mark_of(service, share, checkpoint=checkpoint_id))
    assert find(service) == []
    service.run()
    assert len(find(service)) == 1


def test_a_checkpoint_being_deleted_is_never_judged(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    service.call("delete", service.provider.id, checkpoint.id)
    snapshot_away(service, checkpoint, share)
    assert service.checkpoint(checkpoint.id).status == "deleting"
    assert find(service) == []


def test_a_snapshot_of_an_unknown_checkpoint_is_removed(service: Service) -> None:
    kept = protected(service)
    orphan = orphaned(service)
    (finding,) = find(service)
    assert (finding.kind, finding.snapshot_id) == (ORPHAN, orphan)
    assert finding.project_id == service.project_id
    assert fix_all(service) == ["removed"]
    assert list(service.cloud.snapshots) == list(snapshots_of(service, kept).values())
    assert find(service) == []


def test_a_snapshot_of_a_deleted_checkpoint_is_removed(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    service.delete(checkpoint.id)
    plant(service, share, mark_of(service, share, checkpoint=checkpoint.id))
    assert [finding.why for finding in find(service)] == ["its checkpoint was deleted"]
    assert fix_all(service) == ["removed"]
    assert service.cloud.snapshots == {}


def test_a_second_snapshot_of_a_share_is_told_and_left_to_its_checkpoint(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    (kept,) = snapshots_of(service, checkpoint).values()
    second = plant(service, share, mark_of(service, share, checkpoint=checkpoint.id))
    (finding,) = find(service)
    assert (finding.snapshot_id, finding.action) == (second, "")
    assert kept in finding.why
    assert fix_all(service) == ["left alone"]
    service.delete(checkpoint.id)
    assert service.cloud.snapshots == {}


def test_a_snapshot_of_a_share_that_the_checkpoint_has_no_record_of_is_left_alone(
    service: Service,
) -> None:
    checkpoint = protected(service)
    share = service.share()
    planted = plant(service, share, mark_of(service, share, checkpoint=checkpoint.id))
    (finding,) = find(service)
    assert (finding.snapshot_id, finding.action) == (planted, "")
    assert "no record" in finding.why
    assert fix_all(service) == ["left alone"]


def test_what_an_intent_stands_for_agrees(service: Service) -> None:
    """A protection failed and could not undo what it made: it goes with the checkpoint."""
    share = service.share()
    service.cloud.failing.add(f"create_snapshot {share}")
    fault = service.cloud.plan("delete_snapshot", transient, times=10**6)
    checkpoint = service.protect(service.plan(share))
    service.cloud.faults.remove(fault)
    assert checkpoint.status == "error"
    assert len(service.cloud.snapshots) == 1
    assert find(service) == []


@pytest.mark.parametrize("deleted", [False, True], ids=["alive", "deleted"])
def test_a_mark_in_another_project_is_forged_and_its_snapshot_left_alone(
    service: Service, deleted: bool
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    if deleted:
        service.delete(checkpoint.id)
    theirs = str(service.cloud.add_share(service.other_project)["id"])
    forged = plant(service, theirs, mark_of(service, theirs, checkpoint=checkpoint.id))
    (finding,) = find(service)
    assert (finding.snapshot_id, finding.project_id) == (forged, service.other_project)
    assert "forged" in finding.why
    assert fix_all(service) == ["left alone"]
    assert forged in service.cloud.snapshots


@pytest.mark.parametrize("known", ["unknown", "deleted"])
def test_a_mark_of_another_share_is_forged_and_its_snapshot_left_alone(
    service: Service, known: str
) -> None:
    checkpoint = protected(service)
    fields = {}
    if known == "deleted":
        service.delete(checkpoint.id)
        fields = {"checkpoint": checkpoint.id}
    share = service.share()
    forged = plant(service, share, mark_of(service, service.share(), **fields))
    (finding,) = find(service)
    assert (finding.snapshot_id, finding.action) == (forged, "")
    assert "another share" in finding.why
    assert fix_all(service) == ["left alone"]
    assert forged in service.cloud.snapshots


@pytest.mark.parametrize("field", ["resource", "checkpoint", "provider", "restore"])
@pytest.mark.parametrize("text", NO_IDS)
def test_no_tenant_can_stop_an_audit_by_a_mark_of_his_own(
    service: Service, field: str, text: str
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    fields = {"checkpoint": checkpoint.id, field: text}
    plant(service, share, mark_of(service, share, **fields))
    orphan = orphaned(service)
    findings = find(service)
    assert {orphan: "remove the snapshot"}.items() <= actions(findings).items()
    assert not [finding for finding in findings if text and text in finding.checkpoint_id]
    assert orphan not in (fix_all(service) and service.cloud.snapshots)


def test_another_banks_marks_are_nobodys_business(service: Service) -> None:
    protected(service)
    share = service.share()
    for bank in (str(uuid.uuid4()), "", "None"):
        plant(service, share, mark_of(service, share, bank=bank))
    assert find(service) == []
