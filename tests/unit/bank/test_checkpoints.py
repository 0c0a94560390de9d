# SPDX-License-Identifier: Apache-2.0
"""Lists of checkpoints: in the order of their making, whatever the order of the bank."""

import datetime
import itertools
import json
from dataclasses import replace

import pytest
from karbor import exception as karbor_exception

from karbor_manila.bank import checkpoints, index
from karbor_manila.bank.checkpoints import Query
from tests.unit.banks import (
    FaultyPlugin,
    ShuffledPlugin,
    make_checkpoint,
    open_bank,
    open_provider,
    outage,
    stored,
)

FIRST_DAY = datetime.datetime(2026, 11, 20, 22, 0, tzinfo=datetime.UTC)
ALL = Query(provider_id="provider-1", project_id="project-a")


@pytest.fixture(params=[FaultyPlugin, ShuffledPlugin])
def provider(request, tmp_path):
    return open_provider(open_bank(tmp_path, request.param))


def make(provider, hours, **fields):
    """The id of a checkpoint that was made so many hours after FIRST_DAY."""
    made = FIRST_DAY + datetime.timedelta(hours=hours)
    return make_checkpoint(provider.bank, made, **fields).id


def find(provider, query=ALL, **changes):
    return [found.id for found in checkpoints.find(provider, replace(query, **changes))]


@pytest.fixture
def made(provider):
    """Nine checkpoints of one plan, an hour apart, over midnight; the oldest first."""
    hours = [4, 0, 7, 2, 8, 1, 3, 6, 5]
    by_hour = {hour: make(provider, hour) for hour in hours}
    return [by_hour[hour] for hour in sorted(by_hour)]


def index_file(folder, checkpoint_id):
    return stored(folder, f"/checkpoints/{checkpoint_id}/index.json")


# -- order ----------------------------------------------------------------------------------------


def test_the_newest_come_first(provider, made):
    assert find(provider) == made[::-1]


def test_the_oldest_come_first_when_asked_for(provider, made):
    assert find(provider, newest_first=False) == made


def test_the_order_is_that_of_numbers_not_of_digits(provider):
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    older, newer = (
        make_checkpoint(provider.bank, epoch + datetime.timedelta(seconds=seconds)).id
        for seconds in (9, 10)
    )
    assert find(provider) == [newer, older]


def test_checkpoints_of_the_same_second_have_an_order_too(provider):
    made = {make(provider, 0) for _ in range(9)}
    listed = find(provider)
    assert listed == sorted(made, reverse=True)
    assert find(provider, newest_first=False) == listed[::-1]


def test_what_is_found_are_karbors_checkpoints(provider):
    checkpoint_id = make(provider, 0)
    [found] = checkpoints.find(provider, ALL)
    assert found.to_dict() == provider.get_checkpoint(checkpoint_id).to_dict()


def test_in_an_empty_bank_there_is_nothing(provider):
    assert find(provider) == []


# -- pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 1, 4, 9, 100])
def test_a_limit_gives_the_first_of_the_order(provider, made, limit):
    assert find(provider, limit=limit) == made[::-1][:limit]
    assert find(provider, limit=limit, newest_first=False) == made[:limit]


def test_a_marker_gives_what_comes_after_it(provider, made):
    assert find(provider, marker=made[3]) == made[:3][::-1]
    assert find(provider, marker=made[3], newest_first=False) == made[4:]


def test_after_the_last_there_is_nothing(provider, made):
    assert find(provider, marker=made[0]) == []


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_of_any_size_make_up_the_whole(provider, made, newest_first):
    for size in (1, 2, 4, 9):
        marker, listed = None, []
        while page := find(provider, marker=marker, limit=size, newest_first=newest_first):
            listed += page
            marker = page[-1]
        assert listed == (made[::-1] if newest_first else made)


def test_a_marker_that_is_not_in_the_list_is_an_error(provider, made):
    others = make(provider, 1, project_id="project-b")
    for marker in ("nowhere", others):
        with pytest.raises(karbor_exception.CheckpointNotFound):
            find(provider, marker=marker)


# -- filters --------------------------------------------------------------------------------------


def test_projects_are_kept_apart(provider):
    ours = make(provider, 0)
    theirs = make(provider, 1, project_id="project-b")
    assert find(provider) == [ours]
    assert find(provider, project_id="project-b") == [theirs]
    assert find(provider, project_id="project") == []


def test_projects_are_kept_apart_in_a_plan_that_both_know(provider):
    ours = make(provider, 0)
    make(provider, 1, project_id="project-b")
    assert find(provider, plan_id="plan-1") == [ours]


def test_all_projects_are_listed_together_when_asked_for(provider):
    ours = make(provider, 0)
    theirs = make(provider, 1, project_id="project-b")
    assert find(provider, project_id=None) == [theirs, ours]
    assert find(provider, project_id=None, plan_id="plan-1") == [theirs, ours]


def test_a_plan_has_its_own(provider):
    nightly = [make(provider, hour) for hour in (3, 1)]
    other = make(provider, 2, plan_id="plan-12")
    assert find(provider, plan_id="plan-1") == nightly
    assert find(provider, plan_id="plan-12") == [other]
    assert find(provider, plan_id="plan-2") == []


def test_a_provider_has_its_own(provider):
    ours = make(provider, 0)
    other = make(provider, 1, provider_id="provider-12", plan_id="plan-2")
    assert find(provider) == [ours]
    assert find(provider, provider_id="provider-12") == [other]


@pytest.mark.parametrize("plan_id", [None, "plan-1"])
def test_days_are_utc_and_both_ends_count(provider, made, plan_id):
    first, second = datetime.date(2026, 11, 20), datetime.date(2026, 11, 21)
    asked = {"plan_id": plan_id, "newest_first": False}
    assert find(provider, **asked, first_day=second) == made[2:]
    assert find(provider, **asked, last_day=first) == made[:2]
    assert find(provider, **asked, first_day=first, last_day=first) == made[:2]
    assert find(provider, **asked, first_day=first, last_day=second) == made
    assert find(provider, **asked, first_day=second + datetime.timedelta(days=1)) == []


def test_a_day_is_the_one_that_karbor_writes_down(provider, made):
    for checkpoint_id, found in zip(
        made, checkpoints.find(provider, replace(ALL, newest_first=False)), strict=True
    ):
        entry = next(
            e for e in checkpoints._entries_of(provider.bank, ALL) if e.id == checkpoint_id
        )
        assert entry.day.isoformat() == found.created_at


def test_a_limit_counts_what_the_filters_leave(provider):
    for hour in range(5):
        make(provider, hour, project_id="project-b")
    ours = make(provider, 9), make(provider, 10)
    assert find(provider, limit=2) == [ours[1], ours[0]]
    assert find(provider, plan_id="plan-1", limit=2) == [ours[1], ours[0]]


def test_what_was_deleted_is_listed_no_more(provider, made):
    provider.get_checkpoint(made[4]).delete()
    assert find(provider) == [one for one in made[::-1] if one != made[4]]


def test_what_says_deleted_is_not_listed_although_the_index_has_it(provider, made):
    checkpoint = provider.get_checkpoint(made[4])
    checkpoint.status = "deleted"
    checkpoint.commit()
    assert find(provider) == [one for one in made[::-1] if one != made[4]]
    assert find(provider, limit=5) == [made[8], made[7], made[6], made[5], made[3]]


def entries(provider):
    return {key: provider.bank.get_object(key) for key in provider.bank.list_objects("/indices/")}


@pytest.mark.parametrize("gone", ["by-provider", "by-date", "by-plan", ""])
def test_a_mended_index_is_as_karbor_made_it(provider, made, tmp_path, gone):
    before = entries(provider)
    for key in before:
        if key.endswith(made[4]) and gone in key:
            stored(tmp_path, key).unlink()
    assert entries(provider) != before
    index.mend_index(provider.get_checkpoint(made[4]))
    assert entries(provider) == before


def test_a_mended_checkpoint_can_be_deleted(provider, made, tmp_path):
    for key in entries(provider):
        if key.endswith(made[4]) and "by-date" in key:
            stored(tmp_path, key).unlink()
    checkpoint = provider.get_checkpoint(made[4])
    index.mend_index(checkpoint)
    checkpoint.delete()
    assert not [key for key in entries(provider) if key.endswith(made[4])]


# -- damage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["missing", "", "{", "null", "[]", "7", '"text"', "{}"])
def test_what_cannot_be_read_hides_nothing_else(provider, made, tmp_path, damage):
    damaged = index_file(tmp_path, made[4])
    if damage == "missing":
        damaged.unlink()
    else:
        damaged.write_text(damage)
    assert find(provider) == [one for one in made[::-1] if one != made[4]]


@pytest.mark.parametrize("damage", [b'{"version": "1.0"}', b"\x80\xff\xfe"])
def test_what_nobody_understands_hides_nothing_else(provider, made, tmp_path, damage):
    index_file(tmp_path, made[4]).write_bytes(damage)
    assert find(provider) == [one for one in made[::-1] if one != made[4]]


@pytest.mark.parametrize("field", ["status", "project_id", "protection_plan"])
def test_what_is_found_can_be_shown(provider, made, tmp_path, field):
    damaged = index_file(tmp_path, made[4])
    index = json.loads(damaged.read_text())
    del index[field]
    damaged.write_text(json.dumps(index))
    shown = [found.to_dict()["id"] for found in checkpoints.find(provider, ALL)]
    assert shown == [one for one in made[::-1] if one != made[4]]


def test_what_cannot_be_read_does_not_count_for_the_limit(provider, made, tmp_path):
    index_file(tmp_path, made[-1]).unlink()
    assert find(provider, limit=2) == [made[-2], made[-3]]


def test_what_cannot_be_read_is_a_marker_all_the_same(provider, made, tmp_path):
    index_file(tmp_path, made[4]).unlink()
    assert find(provider, marker=made[4]) == made[:4][::-1]


@pytest.mark.parametrize(
    "key",
    [
        "/indices/by-provider/provider-1/project-a/notes.txt",
        "/indices/by-provider/provider-1/project-a/soon@checkpoint",
        "/indices/by-provider/provider-1/project-a/1766268000@",
        "/indices/by-provider/provider-1/project-a/²@checkpoint",
        "/indices/by-provider/provider-1/project-a/99999999999999@checkpoint",
        "/indices/by-provider/provider-1/project-a/" + "9" * 200 + "@checkpoint",
        "/indices/by-provider/provider-1/stray",
    ],
)
def test_what_is_no_entry_is_passed_over(provider, made, tmp_path, key):
    path = stored(tmp_path, key)
    path.write_text("")
    assert find(provider) == made[::-1]
    assert find(provider, project_id=None) == made[::-1]
    assert find(provider, last_day=FIRST_DAY.date()) == made[1::-1]
    assert index.times(provider.bank).keys() == set(made)


def test_only_what_is_shown_is_read(provider, made):
    read = []
    provider.get_checkpoint = lambda one: (read.append(one), provider.collection.get(one))[1]
    assert find(provider, limit=3) == read == made[:-4:-1]


def test_a_bank_that_cannot_be_listed_is_an_error(tmp_path):
    provider = open_provider(open_bank(tmp_path, FaultyPlugin))
    make(provider, 0)
    outage(provider.bank, "list")
    with pytest.raises(karbor_exception.BankListObjectsFailed):
        find(provider)


def test_the_shuffled_bank_is_shuffled(tmp_path):
    provider = open_provider(open_bank(tmp_path, ShuffledPlugin))
    for hour in range(6):
        make(provider, hour)
    keys = list(provider.bank.list_objects("/indices/by-provider/"))
    assert any(first > second for first, second in itertools.pairwise(keys))
    assert any(first < second for first, second in itertools.pairwise(keys))
