# SPDX-License-Identifier: Apache-2.0
"""Who works on a checkpoint: one that is in work and whose owner is dead is abandoned."""

import datetime
import json
from dataclasses import asdict

import pytest
from karbor import exception as karbor_exception
from karbor.common import constants

from karbor_manila import identity, lease, ownership
from tests.unit.banks import (
    FaultyPlugin,
    break_bank,
    make_checkpoint,
    open_bank,
    open_provider,
    stored,
)

TIMEOUT = 60.0
CLAIM = "karbor-manila/owner.json"
PROTECT = constants.OPERATION_PROTECT

HALF = [
    "",
    "{",
    "null",
    "7",
    "[]",
    '"owner"',
    "{}",
    '{"owner": "o"}',
    '{"owner": "o", "since": "yesterday"}',
    '{"owner": "o", "since": null}',
    '{"owner": "o", "since": "2026-11-20T12:00:00"}',
    '{"since": "2026-11-20T12:00:00+00:00"}',
]


def before_now(seconds):
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)


@pytest.fixture
def theirs(tmp_path):
    """The bank as another process has it open."""
    return open_bank(tmp_path)


@pytest.fixture
def ours(tmp_path):
    """The bank as this process has it open."""
    return open_bank(tmp_path, FaultyPlugin)


def seen(bank, checkpoint):
    """A checkpoint of another process, as it is read from this bank."""
    return open_provider(bank).get_checkpoint(checkpoint.id)


def made_before(bank, seconds):
    """A checkpoint that was made so many seconds ago, without a claim: Karbor's own."""
    return make_checkpoint(bank, before_now(seconds))


def claimed_before(checkpoint, seconds, owner):
    checkpoint.checkpoint_section.update_object(
        CLAIM,
        {
            "owner": owner,
            "operation": PROTECT,
            "since": before_now(seconds).isoformat(),
        },
    )


def renewed_before(bank, owner, seconds):
    """A lease of a process on another machine."""
    entry = lease.Lease("there", "another boot", 1, 1.0, before_now(seconds).isoformat())
    bank.update_object(f"{identity.PREFIX}/leases/{owner}", asdict(entry))


def abandoned(bank, checkpoint, *, running=()):
    return ownership.is_abandoned(
        checkpoint, own={bank.get_owner_id()}, running=set(running), timeout=TIMEOUT
    )


def test_a_claim_says_who_does_what_since_when(ours):
    checkpoint = make_checkpoint(ours)
    ownership.claim(checkpoint, PROTECT)
    claim = checkpoint.checkpoint_section.get_object(CLAIM)
    assert (claim["owner"], claim["operation"]) == (ours.get_owner_id(), PROTECT)
    assert datetime.datetime.fromisoformat(claim["since"]) > before_now(60)


def test_a_claim_changes_nothing_of_karbors(ours):
    checkpoint = make_checkpoint(ours)
    before = checkpoint.to_dict()
    ownership.claim(checkpoint, PROTECT)
    assert seen(ours, checkpoint).to_dict() == before


@pytest.mark.parametrize(
    "status",
    [
        "available",
        "error",
        "error-deleting",
        "deleted",
        "wait_copying",
        "copying",
    ],
)
def test_what_is_not_in_work_is_never_abandoned(theirs, ours, status):
    checkpoint = seen(ours, made_before(theirs, 3600))
    checkpoint.status = status
    assert not abandoned(ours, checkpoint)


@pytest.mark.parametrize("status", ["protecting", "deleting"])
def test_work_of_a_dead_process_is_abandoned(theirs, ours, status):
    checkpoint = seen(ours, made_before(theirs, 3600))
    checkpoint.status = status
    claimed_before(checkpoint, 3600, theirs.get_owner_id())
    renewed_before(theirs, theirs.get_owner_id(), 3000)
    assert abandoned(ours, checkpoint)


def test_work_of_a_living_process_is_not_abandoned_however_long_it_takes(theirs, ours):
    checkpoint = made_before(theirs, 86400)
    claimed_before(checkpoint, 86400, theirs.get_owner_id())
    renewed_before(theirs, theirs.get_owner_id(), 5)
    assert not abandoned(ours, seen(ours, checkpoint))


def test_work_of_another_process_of_this_machine_is_not_abandoned(theirs, ours):
    checkpoint = made_before(theirs, 86400)
    ownership.claim(checkpoint, PROTECT)
    lease.renew(theirs)  # by this very pid, which lives
    assert not abandoned(ours, seen(ours, checkpoint))


def test_who_has_just_begun_may_still_have_no_lease(theirs, ours):
    checkpoint = seen(ours, made_before(theirs, 86400))
    claimed_before(checkpoint, 5, "new-owner")
    assert not abandoned(ours, checkpoint)
    claimed_before(checkpoint, 300, "new-owner")
    assert abandoned(ours, checkpoint)


def test_what_this_process_works_on_is_not_abandoned(ours):
    checkpoint = make_checkpoint(ours)
    ownership.claim(checkpoint, PROTECT)
    assert not abandoned(ours, checkpoint, running=[checkpoint.id])


def test_what_this_process_does_not_work_on_any_more_is_abandoned(ours):
    checkpoint = make_checkpoint(ours)
    ownership.claim(checkpoint, PROTECT)
    assert abandoned(ours, checkpoint, running=["another"])


def test_the_last_claim_counts(theirs, ours):
    checkpoint = seen(ours, made_before(theirs, 86400))
    claimed_before(checkpoint, 86400, theirs.get_owner_id())
    renewed_before(theirs, theirs.get_owner_id(), 86000)
    assert abandoned(ours, checkpoint)
    claimed_before(checkpoint, 300, "third")
    renewed_before(theirs, "third", 5)
    assert not abandoned(ours, checkpoint)


def test_without_a_claim_karbors_own_owner_counts(theirs, ours):
    checkpoint = seen(ours, made_before(theirs, 3600))
    renewed_before(theirs, theirs.get_owner_id(), 5)
    assert not abandoned(ours, checkpoint)
    renewed_before(theirs, theirs.get_owner_id(), 300)
    assert abandoned(ours, checkpoint)


@pytest.mark.parametrize(("seconds", "expected"), [(5, False), (300, True)])
def test_without_claim_and_lease_the_age_of_the_checkpoint_counts(theirs, ours, seconds, expected):
    assert abandoned(ours, seen(ours, made_before(theirs, seconds))) is expected


@pytest.mark.parametrize("text", HALF)
def test_a_damaged_claim_counts_as_none(tmp_path, theirs, ours, text):
    checkpoint = seen(ours, made_before(theirs, 3600))
    claimed_before(checkpoint, 5, "owner")
    stored(tmp_path, f"/checkpoints/{checkpoint.id}/{CLAIM}").write_text(text)
    assert abandoned(ours, checkpoint)
    renewed_before(theirs, theirs.get_owner_id(), 5)
    assert not abandoned(ours, checkpoint)


def test_who_cannot_read_a_claim_calls_nobody_dead(tmp_path, theirs):
    class LosesClaims(FaultyPlugin):
        def get_object(self, key, context=None):
            if key.endswith(CLAIM):
                raise karbor_exception.BankGetObjectFailed(reason="lost", key=key)
            return super().get_object(key, context)

    checkpoint = made_before(theirs, 3600)
    claimed_before(checkpoint, 5, "owner")
    ours = open_bank(tmp_path, LosesClaims)
    with pytest.raises(karbor_exception.BankGetObjectFailed):
        abandoned(ours, seen(ours, checkpoint))


@pytest.mark.parametrize("broken", [["list"], ["get"], ["list", "get"]])
def test_in_an_unreadable_bank_nothing_is_abandoned(theirs, ours, broken):
    checkpoint = seen(ours, made_before(theirs, 3600))
    claimed_before(checkpoint, 3600, theirs.get_owner_id())
    break_bank(ours, *broken)
    with pytest.raises(karbor_exception.KarborException):
        abandoned(ours, checkpoint)


def test_a_checkpoint_of_another_release_of_karbor_can_be_judged(tmp_path, theirs, ours):
    checkpoint = made_before(theirs, 3600)
    path = stored(tmp_path, f"/checkpoints/{checkpoint.id}/index.json")
    index = json.loads(path.read_text())
    path.write_text(json.dumps(index | {"timestamp": str(index["timestamp"]), "new": "field"}))
    assert abandoned(ours, seen(ours, checkpoint))
