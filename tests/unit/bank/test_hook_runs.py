# SPDX-License-Identifier: Apache-2.0
"""Which hooks have begun and are not through, in a bank: the run, its key, and damage to it."""

import dataclasses
import datetime
import uuid

import pytest
from karbor import exception as karbor_exception

from karbor_manila.bank import hook_runs
from karbor_manila.bank.errors import BankUnreadable, RecordInvalid, RecordVersionUnknown
from karbor_manila.bank.hook_runs import Began, Run
from tests.unit.memory_bank import PROVIDER, MemoryBank

SINCE = "2026-11-26T12:00:00+00:00"
FOLDER = f"/karbor-manila/hook-runs/{PROVIDER}/"


def new_id():
    return str(uuid.uuid4())


def run(**fields):
    checkpoint_id = new_id()
    usual = {
        "claimed_id": checkpoint_id,
        "token": new_id(),
        "checkpoint_id": checkpoint_id,
        "project_id": "project-a",
        "point": "protect",
        "scope": "share",
        "share_ids": (new_id(),),
        "since": SINCE,
    }
    return Run(**usual | fields)


@pytest.fixture
def bank():
    return MemoryBank()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"hooks": (Began("command", {"argv": ["a", 1, None, True], "n": {"x": 1.5}}), Began("b"))},
        {"token": ""},
        {"scope": "checkpoint", "share_ids": (new_id(), new_id())},
        {"claimed_id": new_id(), "request_id": "r-1", "point": "restore"},
    ],
)
def test_a_run_comes_back_as_it_was(bank, fields):
    put = run(**fields)
    hook_runs.put(bank, PROVIDER, put)
    assert hook_runs.entries(bank, PROVIDER) == [put]


def test_a_run_is_put_again_in_the_place_of_what_was_put_before(bank):
    first = run()
    hook_runs.put(bank, PROVIDER, first)
    second = dataclasses.replace(first, hooks=[Began("command")])
    hook_runs.put(bank, PROVIDER, second)
    third = dataclasses.replace(first, hooks=[Began("command", {"rules": ["r-1"]})])
    hook_runs.put(bank, PROVIDER, third)
    assert len(bank.objects) == 1
    assert hook_runs.entries(bank, PROVIDER)[0].hooks == (Began("command", {"rules": ["r-1"]}),)


def test_two_runs_around_the_same_work_are_two(bank):
    first = run()
    again = dataclasses.replace(first, id=new_id())
    for each in (first, again):
        hook_runs.put(bank, PROVIDER, each)
    assert len(hook_runs.entries(bank, PROVIDER)) == 2


def test_they_are_listed_by_their_age_and_each_by_its_provider(bank):
    young, old = run(since="2026-11-26T13:00:00+01:00"), run(since="2026-11-26T11:00:00+00:00")
    for each in (young, old):
        hook_runs.put(bank, PROVIDER, each)
    hook_runs.put(bank, new_id(), run())
    assert hook_runs.entries(bank, PROVIDER) == [old, young]


def test_one_list_tells_under_which_claim_they_are_and_reads_nothing(bank):
    put = run(claimed_id=new_id())
    hook_runs.put(bank, PROVIDER, put)
    bank.forget()
    (left,) = hook_runs.left(bank, PROVIDER)
    assert (bank.reads, len(bank.lists)) == ([], 1)
    assert (left.claimed_id, left.token) == (put.claimed_id, put.token)
    assert (left.checkpoint_id, left.run_id) == (put.checkpoint_id, put.id)
    assert left.since == datetime.datetime(2026, 11, 26, 12, tzinfo=datetime.UTC)
    assert hook_runs.read(bank, PROVIDER, left) == put


def test_what_is_forgotten_is_none_however_often(bank):
    put, other = run(), run()
    for each in (put, other):
        hook_runs.put(bank, PROVIDER, each)
    left = next(each for each in hook_runs.left(bank, PROVIDER) if each.run_id == put.id)
    for _time in range(2):
        hook_runs.forget(bank, PROVIDER, put)
    assert hook_runs.read(bank, PROVIDER, left) is None
    assert hook_runs.entries(bank, PROVIDER) == [other]


@pytest.mark.parametrize(
    "damage",
    [
        {"hooks": "command"},
        {"hooks": [{"name": "command"}]},
        {"hooks": [{"name": "", "data": None}]},
        {"hooks": [{"name": "command", "data": [1]}]},
        {"scope": "plan"},
        {"share_ids": []},
        {"share_ids": [5]},
        {"project_id": ""},
        {"since": "today"},
        {"since": "2026-11-26T12:00:00"},
        {"claimed_id": "../x"},
        {"token": "x"},
        {"claimed_id": "00000000-0000-4000-8000-000000000001"},  # of another key
        {"version": 0},
        {"version": 2},
        {"version": None},
        None,  # the whole value
    ],
)
def test_a_damaged_one_is_logged_with_its_key_and_stops_no_other(bank, caplog, damage):
    bad, good = run(since="2026-11-26T11:00:00+00:00"), run()
    for each in (bad, good):
        hook_runs.put(bank, PROVIDER, each)
    key = bad.key(PROVIDER)
    bank.objects[key] = None if damage is None else bank.objects[key] | damage
    assert hook_runs.entries(bank, PROVIDER) == [good]
    assert key in caplog.text
    assert key in bank.objects


def test_one_of_a_later_release_says_so(bank):
    put = run()
    hook_runs.put(bank, PROVIDER, put)
    bank.objects[put.key(PROVIDER)]["version"] = 2
    (left,) = hook_runs.left(bank, PROVIDER)
    with pytest.raises(RecordVersionUnknown, match="later release"):
        hook_runs.read(bank, PROVIDER, left)


def test_what_is_no_key_of_ours_is_logged_and_passed_over(bank, caplog):
    hook_runs.put(bank, PROVIDER, run())
    ids = [new_id() for _each in range(4)]
    for name in ("x", f"yesterday@{'@'.join(ids)}", f"20261126T120000Z@{'@'.join(ids[:3])}@../x"):
        bank.put(FOLDER + name, {})
    assert len(hook_runs.entries(bank, PROVIDER)) == 1
    assert len(caplog.records) == 3


@pytest.mark.parametrize("data", [{"x": object()}, {"x": float("nan")}, {"x": {1, 2}}, ["x"], "x"])
def test_what_json_cannot_keep_is_refused_before_it_is_written(bank, data):
    with pytest.raises(RecordInvalid):
        hook_runs.put(bank, PROVIDER, run(hooks=[Began("command", data)]))
    assert bank.writes == []


def test_a_bank_that_fails_says_so(bank, monkeypatch):
    def fails(*_args, **_kwargs):
        raise karbor_exception.BankUpdateObjectFailed(reason="no", key="k")

    put = run()
    hook_runs.put(bank, PROVIDER, put)
    for name in ("update_object", "list_objects", "delete_object"):
        monkeypatch.setattr(bank, name, fails)
    for call in (hook_runs.put, hook_runs.forget):
        with pytest.raises(BankUnreadable):
            call(bank, PROVIDER, put)
    with pytest.raises(BankUnreadable):
        hook_runs.entries(bank, PROVIDER)
