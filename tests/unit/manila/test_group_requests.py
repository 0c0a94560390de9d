# SPDX-License-Identifier: Apache-2.0
"""Requests about share groups, as they go over the wire."""

import pytest

from karbor_manila.manila.errors import ManilaRefused
from tests.unit.manila.wire import ENDPOINT, fault, query


def test_lists_of_groups_ask_for_no_count_and_come_page_by_page(connect, requests_mock):
    manila = connect("2.98")
    for kind, path in (
        ("share_groups", "share-groups"),
        ("share_group_snapshots", "share-group-snapshots"),
    ):
        pages = iter([[{"id": "a"}, {"id": "b"}], []])
        asked = requests_mock.get(
            f"{ENDPOINT}/{path}/detail", json=lambda *_, pages=pages, kind=kind: {kind: next(pages)}
        )
        assert [view["id"] for view in getattr(manila, kind)()] == ["a", "b"]
        # Manila refuses a filter that it does not know.
        assert {name for request in asked.request_history for name in query(request)} == {
            "limit",
            "offset",
        }


def test_a_share_in_a_group_is_deleted_with_the_groups_id(connect, requests_mock):
    manila = connect("2.98")
    asked = requests_mock.delete(f"{ENDPOINT}/shares/s", status_code=202)
    assert manila.delete_share("s", "g")
    assert query(asked.last_request) == {"share_group_id": "g"}
    assert manila.delete_share("s")
    assert query(asked.last_request) == {}


def test_the_shares_of_a_group_are_no_others(connect, requests_mock):
    manila = connect("2.98")
    views = [{"id": "a", "share_group_id": "g"}, {"id": "b", "share_group_id": None}]
    asked = requests_mock.get(
        f"{ENDPOINT}/shares/detail", json={"shares": views, "count": len(views)}
    )
    assert [view["id"] for view in manila.shares_of_group("g")] == ["a"]
    assert query(asked.last_request)["share_group_id"] == "g"


@pytest.mark.parametrize("microversion", ["2.37", "2.54", "2.55"])
def test_groups_below_2_55_are_asked_for_as_an_experiment(connect, requests_mock, microversion):
    manila = connect(microversion)
    body = {"share_group_snapshot": {"id": "x"}}
    asked = requests_mock.post(f"{ENDPOINT}/share-group-snapshots", json=body)
    assert manila.create_share_group_snapshot("g", name="n", description="d")["id"] == "x"
    sent = asked.last_request
    assert sent.json()["share_group_snapshot"] == {
        "share_group_id": "g",
        "name": "n",
        "description": "d",
    }
    assert sent.headers["X-OpenStack-Manila-API-Experimental"] == "true"


def test_a_group_with_something_in_it_is_refused_by_name(connect, requests_mock):
    manila = connect("2.98")
    requests_mock.delete(
        f"{ENDPOINT}/share-groups/g", status_code=409, json=fault(409, "with shares")
    )
    with pytest.raises(ManilaRefused, match="share group g"):
        manila.delete_share_group("g")


def test_the_name_and_metadata_of_a_share_are_sent(connect, requests_mock):
    manila = connect("2.98")
    named = requests_mock.put(f"{ENDPOINT}/shares/s", json={"share": {"id": "s"}})
    tagged = requests_mock.post(f"{ENDPOINT}/shares/s/metadata", json={"metadata": {"a": "b"}})
    manila.update_share("s", display_name="n", is_public=False)
    manila.set_share_metadata("s", {"a": "b"})
    assert named.last_request.json() == {"share": {"display_name": "n", "is_public": False}}
    assert tagged.last_request.json() == {"metadata": {"a": "b"}}
