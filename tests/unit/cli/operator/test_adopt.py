# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila adopt``: what a bank has lost is listed, and written again when that is asked."""

import shutil
import uuid
from typing import Any

import pytest

from karbor_manila.bank import identity, index
from karbor_manila.common.errors import Taken
from karbor_manila.recovery import adoption
from tests.unit.recovery.audit.stage import everything_in, protected, snapshots_of


@pytest.fixture
def lost(service: Any) -> Any:
    """Two checkpoints that the bank does not have any more; the older one first."""
    protected(service)
    shutil.copytree(service.folder / "bank", service.folder / "copy")
    share = service.share()
    made = []
    for _ in range(2):
        service.cloud.clock.sleep(60)
        made.append(protected(service, share))
    shutil.rmtree(service.folder / "bank")
    (service.folder / "copy").rename(service.folder / "bank")
    return made


def listed_in(service: Any) -> set[str]:
    return {each["id"] for each in service.call("list_checkpoints", service.provider.id)}


def test_without_a_word_it_lists_and_changes_nothing(service: Any, run: Any, lost: Any) -> None:
    before = everything_in(service)
    ran = run("adopt", service.provider.id, "-f", "json")
    assert ran.code == 3
    assert {row["Checkpoint"] for row in ran.rows} == {each.id for each in lost}
    assert {row["State"] for row in ran.rows} == {"can be adopted"}
    assert {row["Project"] for row in ran.rows} == {service.project_id}
    assert everything_in(service) == before


def test_one_that_is_named_is_adopted_and_the_other_is_not(
    service: Any, run: Any, lost: Any
) -> None:
    ran = run("adopt", service.provider.id, lost[0].id, "-f", "json")
    assert ran.code == 0
    (row,) = ran.rows
    assert (row["Checkpoint"], row["State"]) == (lost[0].id, "adopted")
    assert row["Shares"] == list(snapshots_of(service, lost[0]))
    assert set(service.checkpoints()) & {each.id for each in lost} == {lost[0].id}


def test_all_are_adopted_and_then_the_audit_trusts_the_bank_again(
    service: Any, run: Any, lost: Any
) -> None:
    refused = run("audit", "-f", "json")
    assert refused.code == 1
    assert f"karbor-manila adopt {service.provider.id} --all" in refused.err
    assert run("adopt", service.provider.id, "--all", "-f", "json").code == 0
    assert run("audit", "-f", "json").rows == []
    again = run("adopt", service.provider.id, "--all", "-f", "json")
    assert (again.code, again.rows) == (0, [])


def test_what_cannot_be_adopted_is_said_and_does_not_hold_up_the_others(
    service: Any, run: Any, lost: Any
) -> None:
    for snapshot in snapshots_of(service, lost[0]).values():
        service.cloud.snapshots[snapshot]["status"] = "error"
    unknown = str(uuid.uuid4())
    wanted = (lost[0].id, lost[1].id, unknown)
    ran = run("adopt", service.provider.id, *wanted, "-f", "json")
    assert ran.code == 1
    state = {row["Checkpoint"]: row["State"] for row in ran.rows}
    assert state[lost[1].id] == "adopted"
    assert "only an available one can be used" in state[lost[0].id]
    assert "nothing that bears its mark" in state[unknown]


@pytest.fixture
def half(service: Any, run: Any, lost: Any) -> Any:
    """Of the two that are lost, the first was adopted by one that died before the index."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(index, "mend_index", lambda _checkpoint: None)
        run("adopt", service.provider.id, lost[0].id)
    assert lost[0].id not in listed_in(service)
    return lost


def test_what_was_begun_and_not_ended_is_listed_and_ended_by_all(
    service: Any, run: Any, half: Any
) -> None:
    listed = run("adopt", service.provider.id, "-f", "json")
    state = {row["Checkpoint"]: row["State"] for row in listed.rows}
    assert listed.code == 3
    assert state[half[0].id] == "begun, and not listed yet: can be adopted"
    assert run("adopt", service.provider.id, "--all").code == 0
    assert {each.id for each in half} <= listed_in(service)


def test_one_that_was_begun_and_resists_does_not_hold_up_the_others(
    service: Any, run: Any, half: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(_adoption: Any, checkpoint_id: str) -> None:
        raise Taken(checkpoint_id, None)

    monkeypatch.setattr(adoption.Adoption, "complete", taken)
    ran = run("adopt", service.provider.id, "--all", "-f", "json")
    state = {row["Checkpoint"]: row["State"] for row in ran.rows}
    assert ran.code == 1
    assert (state[half[1].id], state[half[0].id][:7]) == ("adopted", "failed:")


def test_the_marks_of_a_bank_that_is_in_use_are_its_own(service: Any, run: Any, lost: Any) -> None:
    other, bank = str(uuid.uuid4()), str(uuid.uuid4())
    identity.KNOWN.add(other, bank)
    ran = run("adopt", service.provider.id, "--bank", bank)
    assert ran.code == 1
    assert f"is not lost but that of provider {other}" in ran.err


def test_an_empty_bank_is_not_believed_unless_the_lost_one_is_named(
    service: Any, run: Any, lost: Any
) -> None:
    old = identity.read(service.provider.bank)
    shutil.rmtree(service.folder / "bank")
    (service.folder / "bank" / "karbor").mkdir(parents=True)
    refused = run("adopt", service.provider.id, "--all", "--bank", old)
    assert refused.code == 1
    assert "bank accept" in refused.err
    assert run("bank", "accept", service.provider.id).code == 0
    ran = run("adopt", service.provider.id, "--all", "--bank", old, "-f", "json")
    assert ran.code == 0
    assert {each.id for each in lost} <= {row["Checkpoint"] for row in ran.rows}
