# SPDX-License-Identifier: Apache-2.0
"""Delays and faults act on the calls they name, and on no others."""

import json

import pytest

from sandbox.manila import knobs


@pytest.fixture
def slept():
    return []


@pytest.fixture
def backend(tmp_path, slept):
    return knobs.Knobs(str(tmp_path / "delays"), str(tmp_path / "faults"), sleep=slept.append)


def fails(backend, method, *ids):
    """Tell where a call fails: 'before', 'after' or not at all."""
    try:
        backend.before(method, ids)
    except knobs.Fault:
        return "before"
    try:
        backend.after(method, ids)
    except knobs.Fault:
        return "after"
    return None


def test_no_files_mean_nothing(backend, slept):
    assert fails(backend, "create_share", "a") is None
    assert fails(knobs.Knobs(None, None), "create_share", "a") is None
    assert slept == []


def test_delays_add_up(backend, slept, tmp_path):
    knobs.write(
        tmp_path / "delays",
        {"create_share": [1, {"seconds": 2.5, "id": "a"}, {"seconds": 9, "id": "b"}]},
    )
    backend.before("create_share", ["a", "other"])
    backend.before("delete_share", ["a"])
    assert slept == [3.5]


def test_files_are_read_again(backend, slept, tmp_path):
    for seconds in (1, 2):
        knobs.write(tmp_path / "delays", {"create_share": seconds})
        backend.before("create_share", [])
    assert slept == [1, 2]


def test_true_always_fails(backend, tmp_path):
    knobs.write(tmp_path / "faults", {"create_share": True})
    assert [fails(backend, "create_share", one) for one in "abc"] == ["before"] * 3
    assert fails(backend, "delete_share", "a") is None


def test_times_count_only_what_matched(backend, tmp_path):
    knobs.write(tmp_path / "faults", {"create_share": {"times": 2, "id": "a"}})
    seen = [fails(backend, "create_share", one) for one in "abaa"]
    assert seen == ["before", None, "before", None]


def test_times_start_again_with_a_new_file(backend, tmp_path):
    for _ in range(2):
        knobs.write(tmp_path / "faults", {"create_share": {"times": 1}})
        assert [fails(backend, "create_share", "a") for _ in range(2)] == ["before", None]


def test_after_fails_with_the_work_done(backend, tmp_path):
    knobs.write(tmp_path / "faults", {"create_share": {"side": "after", "message": "lost"}})
    backend.before("create_share", ["a"])
    with pytest.raises(knobs.Fault, match="lost"):
        backend.after("create_share", ["a"])


def test_hits_are_recorded(backend, tmp_path):
    knobs.write(tmp_path / "faults", {"create_share": {"id": "a"}})
    for one in "ab":
        fails(backend, "create_share", one)
    hits = [json.loads(line) for line in (tmp_path / "faults.hits").read_text().splitlines()]
    assert [(hit["method"], hit["ids"]) for hit in hits] == [("create_share", ["a"])]


def test_steps_are_those_of_the_method_and_the_resource(backend, slept, tmp_path):
    rules = [{"steps": 4, "id": "a"}, {"steps": 2}, {"seconds": 1}]
    knobs.write(tmp_path / "delays", {"create_backup_continue": rules, "create_share": 1})
    steps = [backend.steps("create_backup_continue", [one]) for one in "ab"]
    assert steps == [4, 2]
    assert backend.steps("migration_continue", ["a"]) == backend.steps("create_share", ["a"]) == 1
    backend.before("create_backup_continue", ["a"])
    assert slept == [1]


def test_rules_are_refused_by_whom_they_are_for(backend, tmp_path):
    assert not backend.refuses("10.9.9.9")
    knobs.write(tmp_path / "faults", {"refuse": ["10.9.9.9", "eve"]})
    assert [backend.refuses(one) for one in ("10.9.9.9", "eve", "10.0.0.1")] == [True, True, False]
