# SPDX-License-Identifier: Apache-2.0
"""An audit reports in the checkpoint what is lost."""

from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin

from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.operations import reporting
from karbor_manila.recovery.audit import LOST
from tests.fakes.manila import FakeManila
from tests.unit.karbor_stage import (
    SHARE,
    Service,
    told,
)
from tests.unit.recovery.audit.stage import (
    actions,
    audit_of,
    everything_in,
    find,
    fix_all,
    protected,
    snapshot_away,
    snapshots_of,
)


def test_a_checkpoint_says_which_of_its_snapshots_is_gone_and_keeps_the_others(
    service: Service,
) -> None:
    gone, good = service.share(), service.share()
    checkpoint = protected(service, gone, good)
    lost = snapshot_away(service, checkpoint, gone)
    (finding,) = find(service)
    assert (finding.kind, finding.snapshot_id, finding.share_id) == (LOST, lost, gone)
    assert (finding.checkpoint_id, finding.project_id) == (checkpoint.id, service.project_id)
    assert fix_all(service) == ["said so in the checkpoint"]
    checkpoint = service.checkpoint(checkpoint.id)
    assert checkpoint.status == "available"
    assert list(told(checkpoint)["reasons"]) == [f"{SHARE}#{gone}"]
    assert lost in told(checkpoint)["reasons"][f"{SHARE}#{gone}"]
    assert checkpoint.get_resource_bank_section(gone).get_object("status") == "error"
    assert checkpoint.get_resource_bank_section(good).get_object("status") == "available"


def test_a_snapshot_that_went_to_another_project_with_its_share_is_lost(service: Service) -> None:
    """Karbor's own user sees it all the same (manila/transfer/api.py)."""
    share = service.share()
    checkpoint = protected(service, share)
    protected(service)
    (snapshot_id,) = snapshots_of(service, checkpoint).values()
    for view in (service.cloud.shares[share], service.cloud.snapshots[snapshot_id]):
        view["project_id"] = service.other_project
    (finding,) = [each for each in find(service) if each.kind == LOST]
    assert service.other_project in finding.why
    fix_all(service)
    assert service.checkpoint(checkpoint.id).status == "error"
    assert (
        "transferred to another project"
        in told(service.checkpoint(checkpoint.id))["reasons"][f"{SHARE}#{share}"]
    )
    assert snapshot_id in service.cloud.snapshots


def test_a_checkpoint_of_which_nothing_is_left_becomes_an_error(service: Service) -> None:
    shares = [service.share(), service.share()]
    checkpoint = protected(service, *shares)
    for share in shares:
        snapshot_away(service, checkpoint, share)
    assert fix_all(service) == ["said so in the checkpoint"] * 2
    checkpoint = service.checkpoint(checkpoint.id)
    assert checkpoint.status == "error"
    assert set(told(checkpoint)["reasons"]) == {f"{SHARE}#{share}" for share in shares}
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"


def test_what_is_known_as_lost_is_listed_and_not_done_again(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    lost = snapshot_away(service, checkpoint, share)
    fix_all(service)
    before = everything_in(service)
    assert actions(find(service)) == {lost: ""}
    assert fix_all(service) == ["left alone"]
    assert everything_in(service) == before


def test_another_reason_of_the_share_does_not_hide_that_it_is_lost(service: Service) -> None:
    share, other = service.share(), service.share()
    checkpoint = protected(service, share, other)
    for named in (share, other):
        reporting.add(checkpoint, "reasons", {reporting.key(named): "Its deletion failed once."})
    checkpoint.commit()
    lost = snapshot_away(service, checkpoint, share)
    assert fix_all(service) == ["said so in the checkpoint"]
    checkpoint = service.checkpoint(checkpoint.id)
    assert lost in told(checkpoint)["reasons"][f"{SHARE}#{share}"]
    assert checkpoint.status == "available"  # the other share is as good as ever


def test_a_share_whose_record_cannot_be_read_counts_as_left(service: Service) -> None:
    gone, newer = service.share(), service.share()
    checkpoint = protected(service, gone, newer)
    section = checkpoint.get_resource_bank_section(newer)
    section.update_object("metadata", section.get_object("metadata") | {"version": 9})
    snapshot_away(service, checkpoint, gone)
    assert fix_all(service) == ["said so in the checkpoint"]
    assert service.checkpoint(checkpoint.id).status == "available"


def test_nothing_is_lost_that_only_a_list_leaves_out(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    protected(service)
    monkeypatch.setattr(FakeManila, "snapshots", lambda self, **_kwargs: [])
    assert find(service) == []


@pytest.mark.parametrize("status", ["creating", "error", "deleting", "error_deleting", "restoring"])
def test_a_snapshot_in_any_status_is_not_gone(service: Service, status: str) -> None:
    checkpoint = protected(service)
    (snapshot_id,) = snapshots_of(service, checkpoint).values()
    service.cloud.snapshots[snapshot_id]["status"] = status
    assert find(service) == []


def test_a_bank_that_does_not_take_what_is_lost_is_told(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = service.share()
    snapshot_away(service, protected(service, share), share)
    audit = audit_of(service)
    (finding,) = audit.find()

    def full(self: Any, key: str, value: Any, context: Any = None) -> None:
        if key.endswith("index.json"):
            raise karbor_exception.BankUpdateObjectFailed(reason="disk full", key=key)

    monkeypatch.setattr(FileSystemBankPlugin, "update_object", full)
    with pytest.raises(BankUnreadable, match="disk full"):
        audit.fix(finding)
