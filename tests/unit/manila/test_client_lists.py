# SPDX-License-Identifier: Apache-2.0
"""Lists: everything once, whatever the pages, and nobody else's."""

import itertools

import pytest

from karbor_manila.manila import client
from karbor_manila.manila.errors import (
    ManilaRefused,
    ManilaTransient,
    NotAdministrator,
)
from tests.unit.manila.wire import ENDPOINT, answers, error_of, fault, query


def ids(listed):
    return "".join(view["id"] for view in listed)


@pytest.fixture
def rows(requests_mock, monkeypatch):
    """Serves a list as Manila does, four rows at a time.

    Each letter is a row of the database; a thing with several (a share with replicas) is shown once
    on a page. ``most`` is the server's own limit of rows (``osapi_max_limit``).
    """
    monkeypatch.setattr(client, "PAGE", 4)

    def serve(kind, rows, *, most=4, count=None):
        def answer(request, _context):
            asked = query(request)
            offset, limit = int(asked["offset"]), min(int(asked["limit"]), most)
            body = {kind: [{"id": row} for row in dict.fromkeys(rows[offset : offset + limit])]}
            if asked.get("with_count"):
                body["count"] = len(set(rows)) if count is None else count
            return body

        return requests_mock.get(f"{ENDPOINT}/{kind}/detail", json=answer)

    return serve


@pytest.mark.parametrize("microversion", ["2.78", "2.79"])
@pytest.mark.parametrize(
    "there",
    ["", "a", "abcd", "abcde", "abcdefgh", "aabbccdd", "aaaabbbb", "aaaaaaaabc", "abbbbbbbbc"],
)
def test_a_list_gives_everything_once_whatever_the_pages(connect, rows, microversion, there):
    manila = connect(microversion)
    served = rows("shares", there)
    assert ids(manila.shares()) == "".join(dict.fromkeys(there))
    assert served.call_count <= len(there) + 1


@pytest.mark.parametrize("microversion", ["2.78", "2.79"])
@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("there", ["abcd", "abcdefghij", "aabcddefgg"])
def test_a_server_with_a_smaller_limit_gives_everything_too(
    connect, rows, microversion, most, there
):
    manila = connect(microversion)
    rows("snapshots", there, most=most)
    assert ids(manila.snapshots()) == "".join(dict.fromkeys(there))


def test_with_a_count_no_request_is_spent_on_an_empty_page(manila, rows):
    served = rows("snapshots", "ab")
    assert ids(manila.snapshots()) == "ab"
    assert served.call_count == 1
    assert query(served.last_request)["with_count"] == "True"


def test_a_count_that_is_too_high_does_not_go_on_for_ever(manila, rows):
    served = rows("snapshots", "ab", count=99)
    assert ids(manila.snapshots()) == "ab"
    assert served.call_count == 2


def test_a_page_is_not_larger_than_manila_gives_unless_told_otherwise():
    assert client.PAGE <= 1000  # osapi_max_limit


def test_before_2_79_nobody_is_asked_for_a_count(connect, rows):
    manila = connect("2.78")
    served = rows("shares", "a")
    manila.shares()
    assert "with_count" not in query(served.last_request)


def test_pages_are_asked_for_by_offset_not_by_marker(manila, rows):
    served = rows("shares", "abcde")
    manila.shares()
    asked = [query(request) for request in served.request_history]
    assert [(q["limit"], q["offset"]) for q in asked] == [("4", "0"), ("4", "3"), ("4", "5")]
    assert not any("marker" in q for q in asked)


def test_public_shares_of_others_are_not_asked_for(manila, rows):
    served = rows("shares", "")
    manila.shares(status="creating")
    asked = query(served.last_request)
    assert (asked["is_public"], asked["status"]) == ("False", "creating")
    assert not {"all_tenants", "project_id"} & set(asked)


@pytest.mark.usefixtures("administrator")
@pytest.mark.parametrize("kind", ["shares", "snapshots"])
def test_another_project_is_asked_for_as_an_administrator_does(connect, rows, kind):
    served = rows(kind, "")
    getattr(connect(project_id="other"), kind)()
    asked = query(served.last_request)
    assert (asked["all_tenants"], asked["project_id"]) == ("1", "other")


@pytest.mark.parametrize("kind", ["shares", "snapshots"])
@pytest.mark.parametrize("by", ["client", "list"])
def test_a_list_of_another_project_holds_nothing_else_whatever_manila_gives(
    connect, requests_mock, administrator, kind, by
):
    """Manila 23 gives every project's as soon as it is asked for the number."""
    everything = [{"id": "a", "project_id": "other"}, {"id": "b", "project_id": "third"}]
    served = requests_mock.get(
        f"{ENDPOINT}/{kind}/detail",
        json=lambda request, _: {kind: everything[int(query(request)["offset"]) :]},
    )
    manila = connect(**{"project_id": "other"} if by == "client" else {})
    asked = {"project_id": "other"} if by == "list" else {}
    assert ids(getattr(manila, kind)(**asked)) == "a"
    assert all("with_count" not in query(request) for request in served.request_history)
    assert administrator.call_count == 1


@pytest.mark.parametrize("project_id", ["other", client.EVERY_PROJECT])
@pytest.mark.parametrize("kind", ["shares", "snapshots"])
def test_who_is_no_administrator_gets_no_list_of_others_not_even_an_empty_one(
    connect, requests_mock, rows, kind, project_id
):
    refused = fault(403, "Policy doesn't allow service:index")
    requests_mock.get(f"{ENDPOINT}/services", status_code=403, json=refused)
    served = rows(kind, "")
    with pytest.raises(NotAdministrator):
        getattr(connect(project_id=project_id), kind)()
    assert served.call_count == 0


def test_the_sessions_own_project_is_no_other(connect, rows):
    served = rows("snapshots", "")
    connect(own_project_id="own").snapshots(project_id="own")
    assert not {"all_tenants", "project_id"} & set(query(served.last_request))


@pytest.mark.parametrize("microversion", ["2.78", "2.79"])
@pytest.mark.parametrize("most", [4, 3, 2])
def test_what_is_deleted_between_two_pages_hides_nothing(
    connect, requests_mock, monkeypatch, microversion, most
):
    monkeypatch.setattr(client, "PAGE", 4)
    there, given = list("abcdefghij"), []

    def answer(request, _context):
        asked = query(request)
        offset, limit = int(asked["offset"]), min(int(asked["limit"]), most)
        page = [{"id": row} for row in there[offset : offset + limit]]
        given.extend(view["id"] for view in page)
        if len(given) == most:  # what follows moves up by two after the first page
            del there[:2]
        return {"snapshots": page, "count": len(there)}

    requests_mock.get(f"{ENDPOINT}/snapshots/detail", json=answer)
    assert set(there) <= set(ids(connect(microversion).snapshots()))


def test_a_list_that_never_stands_still_is_a_transient_error(connect, requests_mock, monkeypatch):
    monkeypatch.setattr(client, "PAGE", 4)
    numbers = itertools.count()
    requests_mock.get(
        f"{ENDPOINT}/shares/detail",
        json=lambda *_: {"shares": [{"id": str(next(numbers))} for _ in range(4)]},
    )
    with pytest.raises(ManilaTransient, match="changed while it was read"):
        connect().shares()


def test_metadata_is_asked_for_as_a_python_literal(manila, rows):
    served = rows("snapshots", "")
    manila.snapshots(metadata={"karbor_manila_bank": "it's", "b": "2"})
    assert query(served.last_request)["metadata"] == str({"karbor_manila_bank": "it's", "b": "2"})


def test_an_error_in_the_middle_of_a_list_is_no_short_list(manila, requests_mock):
    requests_mock.get(
        f"{ENDPOINT}/shares/detail",
        [
            {"json": {"shares": [{"id": "a"}], "count": 9}},
            {"status_code": 503},
        ],
    )
    with pytest.raises(ManilaTransient):
        manila.shares()


@pytest.mark.parametrize("status", [400, 403])
def test_what_may_not_be_seen_is_not_taken_for_gone(manila, requests_mock, status):
    answers(requests_mock, status_code=status, json=fault(status))
    for show in (manila.share, manila.snapshot):
        assert isinstance(error_of(lambda show=show: show("x")), ManilaRefused)


def test_an_administrator_may_list_the_services(manila, requests_mock):
    asked = requests_mock.get(f"{ENDPOINT}/services", json={"services": []})
    for _ in range(3):
        assert manila.require_administrator() is None
    assert asked.call_count == 1  # he does not become one or cease to be one meanwhile


def test_who_may_not_list_the_services_is_no_administrator(manila, requests_mock):
    body = {"forbidden": {"code": 403, "message": "Policy doesn't allow service:index."}}
    requests_mock.get(f"{ENDPOINT}/services", status_code=403, json=body)
    with pytest.raises(NotAdministrator, match=r"Policy doesn't allow.*role admin"):
        manila.require_administrator()


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_of_another_kind_says_nothing_of_administrators(manila, requests_mock, status):
    requests_mock.get(f"{ENDPOINT}/services", status_code=status, json=fault(status))
    with pytest.raises(ManilaRefused):
        manila.require_administrator()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_transient_error_makes_nobody_an_administrator(manila, requests_mock, status):
    requests_mock.get(f"{ENDPOINT}/services", status_code=status)
    with pytest.raises(ManilaTransient):
        manila.require_administrator()


@pytest.mark.usefixtures("administrator")
@pytest.mark.parametrize("kind", ["shares", "snapshots"])
def test_an_administrators_list_of_every_project_names_none(connect, requests_mock, kind):
    manila = connect(project_id=client.EVERY_PROJECT)
    asked = requests_mock.get(f"{ENDPOINT}/{kind}/detail", json={kind: [], "count": 0})
    assert getattr(manila, kind)() == []
    sent = query(asked.last_request)
    assert sent["all_tenants"] == "1"
    assert "project_id" not in sent


def test_a_list_with_export_locations_is_asked_in_2_8_until_all_were_seen(manila, rows):
    served = rows("shares", "abcdefgh")
    found = manila.mounted_shares(["a", "c"], metadata={"b": "2"}, project_id=manila.own_project_id)
    assert ids(found) == "abcd"
    assert not found.whole
    (request,) = served.request_history
    assert request.headers["X-OpenStack-Manila-API-Version"] == "2.8"
    assert "with_count" not in query(request)


def test_a_list_with_export_locations_is_read_to_its_end_for_what_is_not_there(manila, rows):
    rows("shares", "abcdefgh")
    found = manila.mounted_shares(["a", "z"], metadata={"b": "2"}, project_id=manila.own_project_id)
    assert ids(found) == "abcdefgh"
