# SPDX-License-Identifier: Apache-2.0
"""The mark on what we make in Manila: written and read back, in metadata and in descriptions."""

import re
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karbor_manila.manila import marks
from karbor_manila.manila.marks import Mark

patient = settings(deadline=None)

dashed = st.uuids().map(str)
bare = st.uuids().map(lambda value: value.hex)
odd = st.text(min_size=1, max_size=40).filter(lambda text: not re.search(r"\s", text))
ids = st.one_of(dashed, bare, odd)
any_mark = st.builds(Mark, bank=ids, provider=ids, checkpoint=ids, resource=ids)
restores = st.builds(Mark, bank=ids, provider=ids, checkpoint=ids, resource=ids, restore=ids)

OURS = Mark(
    bank="0f0a4b43-7c41-4f0a-8a2e-3f2e4f1f5a01",
    provider="cf56bd3e-97a7-4078-b6d5-f36246333fd9",
    checkpoint="dcb20606-ad71-40a3-80e4-ef0fafdad0c3",
    resource="2a3a67b6-6f45-4c53-8d5f-6d3f2f6a0f11",
)


@patient
@given(st.one_of(any_mark, restores))
def test_a_mark_in_metadata_comes_back_as_it_was(mine):
    assert marks.read({"metadata": mine.metadata(), "description": None}) == mine


@patient
@given(any_mark, st.one_of(st.none(), st.text()))
def test_a_mark_in_a_description_comes_back_as_it_was_behind_any_text(mine, text):
    assert marks.read({"description": mine.describe(text)}) == mine


@patient
@given(any_mark, any_mark)
def test_the_mark_that_counts_is_the_last_one_in_a_description(mine, forged):
    assert marks.read({"description": mine.describe(forged.describe("see"))}) == mine


@patient
@given(any_mark)
def test_a_mark_survives_white_space_behind_it(mine):
    assert marks.read({"description": mine.describe("nightly") + " \n"}) == mine


@patient
@given(st.text(max_size=255))
def test_a_description_that_fits_its_room_fits_manila(text):
    described = OURS.describe(text[: OURS.room()])
    assert len(described) <= marks.DESCRIPTION_LENGTH


@patient
@given(any_mark)
def test_the_room_is_exactly_what_is_left(mine):
    assert len(mine.describe("x" * 300)) - 300 + mine.room() == marks.DESCRIPTION_LENGTH


def test_real_ids_leave_room_for_a_sentence():
    assert OURS.room() >= 80
    assert len(OURS.describe("x" * OURS.room())) == 255


def test_the_text_of_the_user_stands_first():
    assert OURS.describe("before the upgrade").startswith("before the upgrade [karbor-manila ")
    assert OURS.describe(None) == OURS.describe("")


def test_an_undashed_id_is_not_given_back_dashed():
    checkpoint = uuid.uuid4().hex
    mine = Mark(bank="b", provider="p", checkpoint=checkpoint, resource="r")
    assert marks.read({"description": mine.describe("")}).checkpoint == checkpoint


def test_metadata_holds_strings_under_our_prefix_only():
    metadata = OURS.metadata()
    assert all(key.startswith(marks.PREFIX) for key in metadata)
    assert metadata == {
        "karbor_manila_checkpoint": OURS.checkpoint,
        "karbor_manila_mark": f"bank={OURS.bank}&provider={OURS.provider}&resource={OURS.resource}",
    }


def test_what_a_restore_made_is_listed_by_the_restore():
    restored = Mark(**(vars(OURS) | {"restore": str(uuid.uuid4())}))
    assert restored.scope() == {"karbor_manila_restore": restored.restore}
    assert set(restored.metadata()) == {"karbor_manila_restore", "karbor_manila_mark"}


def test_the_share_of_a_copy_is_listed_with_what_its_checkpoint_keeps():
    assert OURS.of_clone().scope() == OURS.scope()


@patient
@given(st.one_of(any_mark, restores))
def test_a_mark_of_earlier_releases_is_read_and_listed_by_the_same(mine):
    before = mine.metadata_of_before()
    assert marks.read({"metadata": before}) == mine
    assert mine.scope().items() <= before.items()


def test_a_value_of_a_mark_fits_manila():
    """manila/api/common.py, check_metadata_properties: 255 characters of key, 1023 of value; a
    column may count bytes."""
    longest = Mark(*(["\U0001f600" * 12] * 5))  # as many bytes as 36 letters have at most
    for mark in (longest, Mark(*(str(uuid.uuid4()) for _ in range(5)))):
        assert all(len(value.encode()) <= 1023 for value in mark.metadata().values())
        assert all(len(key) <= 255 for key in mark.metadata())


@pytest.mark.parametrize("restore", ["", "r1"])
def test_an_earlier_release_takes_a_mark_of_today_for_none_of_its_bank(restore):
    """Its rule: each field has an entry, and without that of the checkpoint there is no mark."""
    metadata = Mark(**(vars(OURS) | {"restore": restore})).metadata()
    assert "karbor_manila_bank" not in metadata
    if restore:
        assert "karbor_manila_checkpoint" not in metadata


@pytest.mark.parametrize("field", ["bank", "provider", "resource", "checkpoint"])
def test_a_mark_that_lacks_something_is_none(field):
    lacking = Mark(**(vars(OURS) | {field: ""})).metadata()
    assert marks.read({"metadata": lacking}) is None


def test_what_a_later_release_adds_to_a_mark_is_not_guessed_at():
    metadata = OURS.metadata()
    metadata[marks.MARK] += "&region=north"
    assert marks.read({"metadata": metadata}) is None


@pytest.mark.parametrize(
    "view",
    [
        {},
        {"metadata": None, "description": None},
        {"metadata": {}, "description": ""},
        {"metadata": {"purpose": "nightly"}, "description": "taken by hand"},
        {"metadata": {"checkpoint": OURS.checkpoint}},
        {"metadata": [marks.PREFIX + "checkpoint"]},
        {"description": "[karbor-manila]"},
        {"description": "[karbor-manila c=1 s=2 p=3 b=4]"},
        {"description": OURS.describe("")[:-1]},
        {"description": OURS.describe("") + " edited since"},
        {"description": OURS.describe("").upper()},
    ],
)
def test_what_others_made_bears_no_mark(view):
    assert marks.read(view) is None


def test_half_a_mark_is_nobodys():
    assert marks.read({"metadata": {marks.PREFIX + "checkpoint": OURS.checkpoint}}) != OURS


@pytest.mark.parametrize("field", ["bank", "provider", "checkpoint", "resource"])
def test_the_mark_of_another_is_not_ours(field):
    others = Mark(**(vars(OURS) | {field: str(uuid.uuid4())}))
    assert marks.read({"metadata": others.metadata()}) != OURS
    assert marks.read({"description": others.describe("")}) != OURS


def test_metadata_counts_before_the_description():
    other = Mark(bank="b", provider="p", checkpoint="c", resource="r")
    view = {"metadata": OURS.metadata(), "description": other.describe("")}
    assert marks.read(view) == OURS


def test_a_restored_share_is_not_taken_for_the_snapshot_of_its_checkpoint():
    restored = Mark(**(vars(OURS) | {"restore": "r1"}))
    assert marks.read({"metadata": restored.metadata()}) not in (OURS, None)


@patient
@given(restores, ids)
def test_the_shares_of_a_flow_have_one_scope(mine, other_share):
    sibling = Mark(**(vars(mine) | {"resource": other_share}))
    assert mine.scope() == sibling.scope()
    assert mine.scope().items() < mine.metadata().items()


@pytest.mark.parametrize(("restore", "field"), [("", "checkpoint"), ("r1", "restore")])
def test_the_things_of_another_flow_are_out_of_scope(restore, field):
    mine = Mark(**(vars(OURS) | {"restore": restore}))
    others = Mark(**(vars(mine) | {field: "another"}))
    assert not mine.scope().items() <= others.metadata().items()
