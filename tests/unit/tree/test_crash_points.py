# SPDX-License-Identifier: Apache-2.0
"""How the kill-point harness names points and chooses among them."""

import re

import pytest

from tests.crash.points import Call, Point, find, of_request, of_write, sample

ID = "3f2b8c1e-5d64-4a7f-9b0e-6c1d2a3b4c5d"
GET = of_request("GET /v2/snapshots/{id}")
POST = of_request("POST /v2/snapshots")
ROOT = of_request("GET /")


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (f"/checkpoints/{ID}/index.json", "/checkpoints/{id}/index.json"),
        (
            f"/checkpoints/{ID}/resource-data/{ID}/restores/{ID}",
            "/checkpoints/{id}/resource-data/{id}/restores/{id}",
        ),
        (
            f"/indices/by-plan/{ID}/{ID.replace('-', '')}/2026-11-20/1795186808@{ID}",
            "/indices/by-plan/{id}/{id}/{day}/{entry}",
        ),
        (
            f"/karbor-manila/browses/{ID}/20261126T150000Z@{ID}@{ID}@{ID}",
            "/karbor-manila/browses/{id}/{entry}",
        ),
    ],
)
def test_a_key_without_its_ids_matches_the_key_and_no_longer_one(key: str, path: str) -> None:
    call = of_write("update", key)
    assert call == Call("bank", "update", path)
    assert re.search(call.pattern, key)
    assert not re.search(call.pattern, key + "/more")


def test_the_key_of_a_run_of_hooks_is_one_entry() -> None:
    key = f"/karbor-manila/hook-runs/{ID}/20261126T150000Z@{ID}@{ID}@{ID}@{ID}"
    call = of_write("update", key)
    assert call == Call("bank", "update", "/karbor-manila/hook-runs/{id}/{entry}")
    assert re.search(call.pattern, key)


def test_a_word_in_the_place_of_an_id_is_another_route() -> None:
    assert re.search(GET.pattern, f"/v2/snapshots/{ID}")
    assert not re.search(GET.pattern, "/v2/snapshots/detail")


def test_each_call_has_a_point_on_either_side() -> None:
    assert find("protect", [POST, POST], [[POST, POST]]) == [
        Point("protect", POST, nth, side) for nth in (1, 2) for side in ("before", "after")
    ]


def test_polls_count_as_often_as_every_warm_recording_has_them() -> None:
    found = find("protect", [POST, GET, GET, GET], [[POST, GET, GET], [POST, GET]])
    assert [(point.call, point.nth) for point in found if point.side == "after"] == [
        (POST, 1),
        (GET, 1),
    ]


def test_a_poll_too_many_is_no_point() -> None:
    found = find("protect", [GET], [[GET] * 5] * 2)
    assert [point.nth for point in found if point.side == "after"] == [1, 2]


def test_what_only_a_new_process_asks_needs_a_new_process() -> None:
    found = find("protect", [ROOT, POST], [[POST]])
    assert [point.call for point in found if point.cold] == [ROOT, ROOT]
    assert [point.call for point in found if not point.cold] == [POST, POST]


@pytest.mark.parametrize("seed", range(50))
def test_a_sample_has_each_operation_and_each_side_and_can_be_repeated(seed: int) -> None:
    all_points = [
        point
        for operation in ("protect", "verify", "restore", "delete")
        for point in find(operation, [], [[POST, GET, GET]])
    ]
    chosen = sample(all_points, 8, seed)
    assert chosen == sample(all_points, 8, seed)
    assert len(chosen) == 8
    assert {point.operation for point in chosen} == {"protect", "verify", "restore", "delete"}
    assert {point.side for point in chosen} == {"before", "after"}
