# SPDX-License-Identifier: Apache-2.0
"""What is damaged, or of another release, in the section of a share is settled or waits."""

from typing import Any

import pytest

from tests.fakes.manila import Died
from tests.unit.karbor_stage import (
    SHARE,
    Service,
    told,
)
from tests.unit.recovery.reconciliation.stage import (
    DAMAGES,
    assert_at_its_end,
    assert_nothing_stays,
    killed,
    reconcile,
    the_checkpoint,
)


@pytest.mark.parametrize("damage", [*DAMAGES, {"version": 1}], ids=str)
def test_an_intent_that_cannot_be_understood_ends_in_error_and_deletes_cleanly(
    service: Service, damage: Any
) -> None:
    share = service.share()
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(share))
    the_checkpoint(service).get_resource_bank_section(share).update_object("intent", damage)
    assert reconcile(service) == ["error"]
    assert f"{SHARE}#{share}" in told(the_checkpoint(service))["reasons"]
    assert_nothing_stays(service)


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_record_whose_write_was_cut_short_is_written_anew_from_its_intent(
    service: Service, damage: Any
) -> None:
    """Karbor's file-system bank empties a file before it writes it."""
    share = service.share()
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(share))
    section = the_checkpoint(service).get_resource_bank_section(share)
    section.update_object("metadata", damage)
    assert reconcile(service) == ["available"]
    assert section.get_object("metadata")["snapshot_id"] in service.cloud.snapshots
    assert_at_its_end(service)
    assert_nothing_stays(service)


@pytest.mark.parametrize("page", ["intent", "metadata"])
def test_what_a_later_release_left_unfinished_waits_for_one(service: Service, page: str) -> None:
    share = service.share()
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(share))
    section = the_checkpoint(service).get_resource_bank_section(share)
    known = section.get_object("intent")
    later = {"version": 99, "driver": "snapshot", "more": "fields"}
    section.update_object(page, later)
    assert reconcile(service) == [""]
    assert the_checkpoint(service).status == "protecting"
    assert section.get_object(page) == later
    assert len(service.cloud.snapshots) == 1
    section.delete_object(page)
    section.update_object("intent", known)
    assert reconcile(service) == ["available"]


def test_an_intent_of_before_0_2_ends_in_error_and_leaves_no_snapshot(service: Service) -> None:
    share = service.share()
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(share))
    section = the_checkpoint(service).get_resource_bank_section(share)
    intent = section.get_object("intent")
    del intent["share"]
    section.update_object("intent", intent)
    assert reconcile(service) == ["error"]
    assert service.cloud.snapshots == {}
    assert_at_its_end(service)
