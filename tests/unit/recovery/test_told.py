# SPDX-License-Identifier: Apache-2.0
"""What is told of the reconciliation and of an audit."""

import pytest

from karbor_manila.common import turns
from karbor_manila.recovery.audit import Finding
from karbor_manila.recovery.audit import telling as audit_telling
from tests.fakes.manila import Died, transient
from tests.unit.karbor_stage import Service
from tests.unit.recovery.audit.stage import audit_of, find, fix_all, protected, snapshot_away
from tests.unit.recovery.reconciliation.stage import killed, reconcile, the_checkpoint
from tests.unit.telemetry.listeners import heard, types


def test_what_was_settled_is_told_once_for_all_its_shares(service: Service) -> None:
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share(), service.share()))
    with heard() as told:
        reconcile(service)
    assert types(told) == ["reconcile.end"]
    (end,) = told
    checkpoint = the_checkpoint(service)
    assert (end.item, end.item_id, end.status) == ("protect", checkpoint.id, checkpoint.status)
    assert (end.project_id, end.provider_id) == (service.project_id, service.provider.id)
    assert end.since


def test_what_could_not_be_settled_is_told_with_the_reason(service: Service) -> None:
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share()))
    service.cloud.plan("snapshots", transient, times=10**6)
    with heard() as told:
        assert reconcile(service) == [""]
    assert types(told) == ["reconcile.error"]
    assert told[0].reason
    assert told[0].status == ""


def test_what_a_living_process_works_on_is_no_news(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    with heard() as told, service.manager.worker.claimed(checkpoint, "delete"):
        assert reconcile(service) == []
    assert told == []


def test_of_very_many_findings_who_listens_gets_each(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Green threads take none from a queue before they get a turn, and what is full drops."""
    shares = [service.share() for _ in range(3 * turns.STEPS)]
    checkpoint = protected(service, *shares, service.share())
    for share in shares:
        snapshot_away(service, checkpoint, share)
    with heard() as told:
        waiting: list[int] = []
        monkeypatch.setattr(turns, "pause", lambda: waiting.append(len(told)))
        find(service)
    assert len(told) == len(shares)
    assert waiting[-3:] == [turns.STEPS * number - 1 for number in (1, 2, 3)]


def test_each_finding_of_an_audit_is_told_and_what_became_of_it(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share, service.share())
    lost = snapshot_away(service, checkpoint, share)
    with heard() as told:
        find(service)
    assert types(told) == ["audit.start"]
    with heard() as told:
        fix_all(service)
    assert types(told) == ["audit.start", "audit.end"]
    for each in told:
        assert (each.finding, each.snapshot_id, each.share_id) == ("lost", lost, share)
        assert (each.checkpoint_id, each.kind) == (checkpoint.id, "gone")
    assert told[1].reason == "said so in the checkpoint"


def test_what_an_audit_leaves_alone_is_told_with_the_reason(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share, service.share())
    snapshot_away(service, checkpoint, share)
    audit = audit_of(service)
    (finding,) = audit.find()
    with heard() as told, service.manager.worker.claimed(checkpoint, "delete"):
        assert not audit.fix(finding).settled
    assert types(told) == ["audit.error"]
    assert told[0].reason.startswith("left alone: ")


def finding_of(service: Service) -> Finding:
    share = service.share()
    snapshot_away(service, protected(service, share, service.share()), share)
    (finding,) = find(service)
    return finding


def test_a_mending_that_fails_is_told_and_still_fails(service: Service) -> None:
    finding = finding_of(service)
    with heard() as told, pytest.raises(type(transient())), audit_telling.mending(finding):
        raise transient()
    assert types(told) == ["audit.error"]
