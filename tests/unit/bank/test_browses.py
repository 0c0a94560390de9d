# SPDX-License-Identifier: Apache-2.0
"""What access is open, in a bank: the intent of each, and the key that says when it is due."""

import dataclasses
import datetime
import uuid

import pytest

from karbor_manila.bank import browses, record
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.manila.marks import Mark
from tests.unit.memory_bank import PROVIDER, MemoryBank

GIVEN = record.Browse("snap-1", "ip", "10.0.0.7", ("rule-0",), "2026-11-20T12:00:00+00:00")
MARK = Mark(bank="b", provider="p", checkpoint="c", resource="s", restore="r")
SINCE = "2026-11-20T11:00:00+00:00"
INTENT = record.Intent("restore", "snapshot", "project-a", MARK, "owner-1", SINCE)
BROWSE = dataclasses.replace(INTENT, operation="browse", browse=GIVEN)
DUE = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)


def entry(due=DUE, **fields):
    ids = {name: str(uuid.uuid4()) for name in ("checkpoint_id", "share_id", "browse_id")}
    return browses.Entry(due, **ids | fields)


@pytest.mark.parametrize("until", [GIVEN.until, None])
def test_an_intent_comes_back_as_it_was(until):
    intent = dataclasses.replace(BROWSE, browse=dataclasses.replace(GIVEN, until=until))
    assert record.load_intent(record.dump_intent(intent)) == intent


def test_other_intents_say_nothing_of_it():
    assert "browse" not in record.dump_intent(INTENT)


@pytest.mark.parametrize(
    "damage", [None, {"until": "soon"}, {"until": "2026-11-20T12:00:00"}, {"before": None}]
)
def test_damage_is_refused(damage):
    page = record.dump_intent(BROWSE)
    if damage is None:
        del page["browse"]
    else:
        page["browse"] |= damage
    with pytest.raises(RecordInvalid):
        record.load_intent(page)


def test_keys_are_listed_by_when_they_are_due_and_each_by_its_provider():
    bank = MemoryBank()
    late, early = entry(DUE + datetime.timedelta(hours=1)), entry()
    for each in (late, early):
        browses.put(bank, PROVIDER, each)
    browses.put(bank, str(uuid.uuid4()), entry())
    assert browses.entries(bank, PROVIDER) == [early, late]


def test_what_is_no_key_of_ours_is_passed_over():
    bank = MemoryBank()
    browses.put(bank, PROVIDER, entry())
    for name in ("x", "20261120T120000Z@a@b@c", "yesterday@" + "@".join([str(uuid.uuid4())] * 3)):
        bank.put(f"/karbor-manila/browses/{PROVIDER}/{name}", {})
    assert len(browses.entries(bank, PROVIDER)) == 1


def test_the_keys_of_one_browse_are_forgotten_but_for_the_one_to_keep():
    bank = MemoryBank()
    first, other = entry(), entry()
    second = dataclasses.replace(first, due=DUE + datetime.timedelta(hours=1))
    for each in (first, other, second):
        browses.put(bank, PROVIDER, each)
    browses.forget(bank, PROVIDER, first.share_id, first.browse_id, keep=second)
    assert set(browses.entries(bank, PROVIDER)) == {other, second}
    browses.forget(bank, PROVIDER, first.share_id, first.browse_id)
    browses.forget(bank, PROVIDER, first.share_id, first.browse_id)
    assert browses.entries(bank, PROVIDER) == [other]


def test_the_lock_is_of_one_share_of_one_checkpoint():
    assert browses.lock_id("a", "b") == browses.lock_id("a", "b")
    assert (
        len({browses.lock_id("a", "b"), browses.lock_id("b", "a"), browses.lock_id("a", "c")}) == 3
    )
    assert len(browses.lock_id("a", "b")) == 36
