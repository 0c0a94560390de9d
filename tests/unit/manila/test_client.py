# SPDX-License-Identifier: Apache-2.0
"""The Manila client on the wire: what is asked, how answers are sorted, what is never told."""

import contextlib
import itertools
import json
import re
import socket
import struct
import threading
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import requests.exceptions
import requests_mock as wire
from keystoneauth1 import access, service_token, session, token_endpoint
from keystoneauth1 import exceptions as ks_exc
from keystoneauth1.identity.access import AccessInfoPlugin

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila import client, connection, endpoint
from karbor_manila.manila.errors import (
    EndpointMissing,
    EndpointUnsuitable,
    ManilaRefused,
    ManilaTooOld,
    ManilaTransient,
    NotAdministrator,
)

HOST = "http://manila.example:8786"
ENDPOINT = f"{HOST}/v2"
TOKEN = "gAAAAABtheTokenOfTheTenant"
PROJECT = "0c5c2f7f7fe54bd6a1f0a2d39f7a5b11"


@pytest.fixture(autouse=True)
def _nothing_known():
    """What is known of an endpoint is kept for ten minutes."""
    connection._negotiated.clear()
    yield
    connection._negotiated.clear()


def versions(highest, lowest="2.0"):
    """Manila's answer to GET /, from API 23."""
    return {
        "versions": [
            {"id": "v1.0", "status": "DEPRECATED", "version": "", "min_version": "", "links": []},
            {
                "id": "v2.0",
                "status": "CURRENT",
                "version": highest,
                "min_version": lowest,
                "links": [],
            },
        ]
    }


#: What Manila calls its errors (manila/api/openstack/wsgi.py, Fault).
FAULTS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    503: "serviceUnavailable",
}


def fault(status, said="no"):
    """An error body of Manila's own."""
    return {FAULTS.get(status, "computeFault"): {"code": status, "message": said}}


def plain_session():
    return session.Session(auth=token_endpoint.Token(ENDPOINT, TOKEN))


@pytest.fixture
def connect(requests_mock):
    """Makes a client of a Manila that speaks up to this microversion."""

    def connect(highest="2.98", **kwargs):
        connection._negotiated.clear()
        requests_mock.get(f"{HOST}/", json=versions(highest), status_code=300)
        return client.Manila(plain_session(), client.Where(endpoint=ENDPOINT), **kwargs)

    return connect


@pytest.fixture
def manila(connect):
    return connect()


def ask(manila):
    return manila.limits()


def create(manila):
    return manila.create_snapshot("a", name=None, description=None)


def delete(manila):
    return manila.delete_snapshot("s")


def answers(requests_mock, **answer):
    """Every request to the API, but that for its versions, ends like this."""
    return requests_mock.register_uri(wire.ANY, re.compile(f"^{ENDPOINT}/"), **answer)


def error_of(asked):
    with pytest.raises(KarborManilaError) as caught:
        asked()
    return caught.value


EVERY_KIND = pytest.mark.parametrize("do", [ask, create, delete])


def query(request):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlparse(request.url).query))


# -- microversions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lowest", "highest", "chosen"),
    [
        ("2.0", "2.37", "2.37"),
        ("2.0", "2.65", "2.65"),
        ("2.0", "2.98", "2.98"),
        ("2.0", "2.99", "2.98"),
        ("2.0", "2.100", "2.98"),
        ("2.0", "2.1000", "2.98"),
        ("2.0", "3.0", "2.98"),
        ("2.98", "2.99", "2.98"),
        ("", "2.80", "2.80"),
        (None, "2.80", "2.80"),
    ],
)
def test_the_newest_microversion_that_all_know_is_spoken(lowest, highest, chosen):
    assert endpoint.negotiate(versions(highest, lowest)["versions"]) == chosen


@pytest.mark.parametrize(
    ("lowest", "highest"),
    [
        ("2.0", "2.0"),
        ("2.0", "2.7"),
        ("2.0", "2.36"),
        ("2.99", "2.120"),
        ("3.0", "3.5"),
        ("2.0", ""),
        ("2.0", None),
    ],
)
def test_without_a_common_microversion_the_offer_is_told(lowest, highest):
    with pytest.raises(ManilaTooOld) as caught:
        endpoint.negotiate(versions(highest, lowest)["versions"])
    assert caught.value.needed == "2.37"
    assert f"{lowest} to {highest}" in str(caught.value)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [{}],
        [{"id": "v1.0", "version": "", "min_version": ""}],
        [{"id": None, "version": "2.98"}],
        [{"version": "2.98", "min_version": "2.0"}],
    ],
)
def test_without_a_v2_the_offer_is_told(entries):
    with pytest.raises(ManilaTooOld, match="no v2"):
        endpoint.negotiate(entries)


@pytest.mark.parametrize("version", ["latest", "2", "v2.98", "2.x"])
def test_a_version_that_is_none_is_no_offer(version):
    with pytest.raises(ManilaTooOld):
        endpoint.negotiate(versions(version)["versions"])


@pytest.mark.parametrize("status", [200, 300])
def test_the_version_document_is_found_beside_the_endpoint(requests_mock, status):
    requests_mock.get(f"{HOST}/share/", json=versions("2.80"), status_code=status)
    where = client.Where(endpoint=f"{HOST}/share/v2/{PROJECT}")
    assert client.Manila(plain_session(), where).features.microversion == "2.80"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"versions": None},
        {"versions": {"values": [{"id": "v3.14", "status": "stable"}]}},
        {"versions": ["v2.0"]},
        {"version": {"id": "v2.0"}},
    ],
)
def test_the_document_of_another_service_is_an_error_of_ours(requests_mock, document):
    requests_mock.get(f"{HOST}/", json=document)
    with pytest.raises(KarborManilaError):
        client.Manila(plain_session(), client.Where(endpoint=ENDPOINT))


@pytest.mark.parametrize("text", ["", "<html>It works!</html>", "[]", '{"versions": [{"id": "v2'])
def test_a_document_that_cannot_be_read_may_be_readable_later(requests_mock, text):
    requests_mock.get(f"{HOST}/", text=text)
    with pytest.raises(ManilaTransient):
        client.Manila(plain_session(), client.Where(endpoint=ENDPOINT))
    requests_mock.get(f"{HOST}/", json=versions("2.98"))
    client.Manila(plain_session(), client.Where(endpoint=ENDPOINT))


@pytest.mark.parametrize(
    "answer", [{"status_code": 503}, {"exc": requests.exceptions.ConnectTimeout("no answer")}]
)
def test_asking_for_the_versions_is_not_repeated_behind_the_callers_back(requests_mock, answer):
    document = requests_mock.get(f"{HOST}/", **answer)
    with pytest.raises(ManilaTransient):
        client.Manila(plain_session(), client.Where(endpoint=ENDPOINT))
    assert document.call_count == 1


def test_a_cloud_is_asked_for_its_versions_once(requests_mock):
    document = requests_mock.get(f"{HOST}/", json=versions("2.80"))
    for _ in range(3):
        manila = client.Manila(plain_session(), client.Where(endpoint=ENDPOINT))
        assert manila.features.microversion == "2.80"
    assert document.call_count == 1


@pytest.mark.parametrize("highest", ["2.37", "2.80", "2.99"])
def test_every_request_says_its_microversion(connect, requests_mock, highest):
    manila = connect(highest)
    requests_mock.get(f"{ENDPOINT}/limits", json={"limits": {"absolute": {}}})
    requests_mock.post(f"{ENDPOINT}/snapshots", json={"snapshot": {"id": "s"}})
    requests_mock.delete(f"{ENDPOINT}/snapshots/s", status_code=202)
    manila.limits()
    manila.create_snapshot("a", name=None, description=None)
    manila.delete_snapshot("s")
    sent = [
        request.headers["X-OpenStack-Manila-API-Version"]
        for request in requests_mock.request_history[1:]
    ]
    assert sent == [min(highest, "2.98")] * 3


@pytest.mark.parametrize(
    ("microversion", "features"),
    [
        ("2.37", (False, False, False)),
        ("2.53", (False, False, False)),
        ("2.54", (True, False, False)),
        ("2.72", (True, False, False)),
        ("2.73", (True, True, False)),
        ("2.78", (True, True, False)),
        ("2.79", (True, True, True)),
        ("2.98", (True, True, True)),
        ("2.100", (True, True, True)),
    ],
)
def test_features_follow_the_microversion(microversion, features):
    known = client.Features(microversion)
    assert (known.creating_from_snapshot, known.snapshot_metadata, known.counts) == features


# -- the endpoint ---------------------------------------------------------------------------------

V1, V2 = f"{HOST}/v1/{PROJECT}", f"{HOST}/v2/{PROJECT}"


def with_catalog(*services):
    """A session as Karbor makes them, with these in its catalog: type, url, perhaps interface and
    region."""
    catalog = []
    for service_type, url, *rest in services:
        interface, region = rest + ["public", "RegionOne"][len(rest) :]
        endpoint = {"interface": interface, "url": url, "region": region, "region_id": region}
        catalog.append({"type": service_type, "name": service_type, "endpoints": [endpoint]})
    token = {"token": {"catalog": catalog, "expires_at": "2999-01-01T00:00:00.000000Z"}}
    user = AccessInfoPlugin(access.create(body=token, auth_token=TOKEN))
    return session.Session(auth=service_token.ServiceTokenAuthWrapper(user, user))


@pytest.mark.parametrize(
    "services",
    [
        [("sharev2", V2)],
        [("shared-file-system", V2)],
        [("share", V2)],
        [("share", V1), ("sharev2", V2)],
        [("sharev2", V2), ("share", V1)],
        [("share", V1), ("shared-file-system", V2)],
        [("shared-file-system", V2), ("share", V1)],
        [("sharev2", V2), ("shared-file-system", V2), ("share", V1)],
        [("volumev3", f"{HOST}/v3"), ("sharev2", V2)],
        [("sharev2", V2 + "/")],
    ],
)
def test_the_v2_endpoint_is_found_under_any_of_its_names(services):
    assert endpoint.find(with_catalog(*services), client.Where()) == V2


@pytest.mark.parametrize(
    "services",
    [
        [],
        [("share", V1)],
        [("sharev2", V1)],
        [("volumev3", V2)],
        [("sharev2", V2, "admin")],
        [("share", f"{HOST}/share/v1")],
    ],
)
def test_without_a_v2_endpoint_the_catalog_is_blamed(services):
    with pytest.raises(EndpointMissing, match="catalog") as caught:
        endpoint.find(with_catalog(*services), client.Where())
    assert "sharev2" in str(caught.value)


@pytest.mark.parametrize(
    ("interfaces", "found"),
    [
        (("public",), "http://public/v2"),
        (("internal",), "http://internal/v2"),
        (("internal", "public"), "http://internal/v2"),
        (("admin", "internal"), "http://internal/v2"),
    ],
)
def test_interfaces_are_tried_in_order(interfaces, found):
    catalog = with_catalog(
        ("sharev2", "http://public/v2", "public"), ("sharev2", "http://internal/v2", "internal")
    )
    assert endpoint.find(catalog, client.Where(interfaces=interfaces)) == found


@pytest.mark.parametrize(
    ("region", "found"),
    [
        ("north", "http://north/v2"),
        ("south", "http://south/v2"),
    ],
)
def test_the_region_is_the_operators(region, found):
    catalog = with_catalog(
        ("sharev2", "http://north/v2", "public", "north"),
        ("sharev2", "http://south/v2", "public", "south"),
    )
    assert endpoint.find(catalog, client.Where(region=region)) == found


def test_a_region_without_manila_is_named():
    with pytest.raises(EndpointMissing, match="in west"):
        endpoint.find(with_catalog(("sharev2", V2)), client.Where(region="west"))


def test_the_operators_own_endpoint_comes_before_the_catalog():
    where = client.Where(endpoint="http://elsewhere/v2/")
    assert endpoint.find(with_catalog(("sharev2", V2)), where) == "http://elsewhere/v2"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ks_exc.ConnectFailure("out of order"), ManilaTransient),
        (ks_exc.ConnectTimeout("out of order"), ManilaTransient),
        (ks_exc.ServiceUnavailable("out of order"), ManilaTransient),
        (ks_exc.DiscoveryFailure("out of order"), ManilaTransient),
        (ks_exc.InternalServerError("out of order"), ManilaTransient),
        (ks_exc.Unauthorized("out of order"), ManilaRefused),
        (ks_exc.NotFound("out of order"), ManilaRefused),
        (ks_exc.SSLError("out of order"), ManilaRefused),
        (ks_exc.AuthorizationFailure("out of order"), ManilaRefused),
    ],
)
def test_keystones_errors_are_sorted_like_manilas(error, kind):
    class Keystone(token_endpoint.Token):
        def get_endpoint(self, *_args, **_kwargs):
            raise error

    with pytest.raises(kind, match="out of order"):
        client.Manila(session.Session(auth=Keystone(ENDPOINT, TOKEN)), client.Where())


@pytest.mark.parametrize("base", [HOST, f"{HOST}/", f"{HOST}/share", f"{HOST}/share/"])
@pytest.mark.parametrize("by", ["catalog", "configuration"])
def test_a_url_without_a_version_is_asked_for_its_versions(requests_mock, base, by):
    document = requests_mock.get(f"{base.rstrip('/')}/", json=versions("2.80"), status_code=300)
    if by == "catalog":
        manila = client.Manila(with_catalog(("sharev2", base)), client.Where())
    else:
        manila = client.Manila(plain_session(), client.Where(endpoint=base, in_path=PROJECT))
    v2 = f"{base.rstrip('/')}/v2"
    assert manila.endpoint == (v2 if by == "catalog" else f"{v2}/{PROJECT}")
    assert manila.features.microversion == "2.80"
    assert document.call_count == 1


def test_a_url_with_the_version_comes_before_one_without(requests_mock):
    requests_mock.get(f"{HOST}/", json=versions("2.80"))
    catalog = with_catalog(("sharev2", "http://elsewhere"), ("shared-file-system", V2))
    assert client.Manila(catalog, client.Where()).endpoint == V2


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 404, "text": "nothing here"},
        {"status_code": 404, "json": {"message": "no", "code": 404, "title": "Not Found"}},
        {"text": "<html>It works!</html>"},
        {"json": {"versions": {"values": [{"id": "v3.14", "status": "stable"}]}}},
        {
            "json": {
                "versions": [
                    {
                        "id": "v2.1",
                        "version": "2.96",
                        "media-types": [
                            {"type": "application/vnd.openstack.compute+json;version=2.1"}
                        ],
                    }
                ]
            }
        },
    ],
)
def test_a_url_without_a_version_below_which_there_is_no_manila_is_refused_by_name(
    requests_mock, answer
):
    requests_mock.get(f"{HOST}/", **answer)
    with pytest.raises(EndpointUnsuitable, match=r"ends in /v2") as caught:
        client.Manila(with_catalog(("sharev2", HOST)), client.Where())
    assert caught.value.endpoint == HOST
    assert HOST in str(caught.value)


def test_a_server_in_trouble_is_no_wrong_url(requests_mock):
    requests_mock.get(f"{HOST}/", status_code=503)
    with pytest.raises(ManilaTransient):
        client.Manila(with_catalog(("sharev2", HOST)), client.Where())


@pytest.mark.parametrize("path", ["/v1", "/v3", f"/v1/{PROJECT}"])
def test_a_configured_endpoint_of_another_version_is_refused_by_name(path):
    with pytest.raises(EndpointUnsuitable, match="of another version"):
        client.Manila(plain_session(), client.Where(endpoint=HOST + path))


@pytest.mark.parametrize("highest", ["2.0", "2.7", "2.36"])
def test_a_manila_that_is_too_old_is_named_although_it_refuses_newer_microversions(
    requests_mock, highest
):
    def answer(request, context):
        if "X-OpenStack-Manila-API-Version" in request.headers:
            context.status_code = 406
            return fault(406, "Version 2.37 is not supported by the API.")
        context.status_code = 300
        return versions(highest)

    requests_mock.get(f"{HOST}/", json=answer)
    with pytest.raises(ManilaTooOld, match=f"2.0 to {highest}") as caught:
        client.Manila(plain_session(), client.Where(endpoint=ENDPOINT))
    assert HOST in str(caught.value)


# -- lists ----------------------------------------------------------------------------------------


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


@pytest.fixture
def administrator(requests_mock):
    """Manila lists its services to this session."""
    return requests_mock.get(f"{ENDPOINT}/services", json={"services": []})


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


# -- single things --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["share", "snapshot"])
def test_a_thing_is_shown(manila, requests_mock, kind):
    requests_mock.get(f"{ENDPOINT}/{kind}s/x", json={kind: {"id": "x", "status": "error"}})
    assert getattr(manila, kind)("x") == {"id": "x", "status": "error"}


@pytest.mark.parametrize("kind", ["share", "snapshot"])
def test_what_is_not_there_is_none(manila, requests_mock, kind):
    requests_mock.get(f"{ENDPOINT}/limits", json={"limits": {"absolute": {}}})
    requests_mock.get(f"{ENDPOINT}/{kind}s/x", status_code=404, json=fault(404))
    assert getattr(manila, kind)("x") is None


@pytest.mark.parametrize("kind", ["share", "snapshot"])
def test_deleting_says_whether_there_was_something(manila, requests_mock, kind):
    delete = getattr(manila, f"delete_{kind}")
    requests_mock.get(f"{ENDPOINT}/limits", json={"limits": {"absolute": {}}})
    requests_mock.delete(f"{ENDPOINT}/{kind}s/x", status_code=202)
    assert delete("x") is True
    requests_mock.delete(f"{ENDPOINT}/{kind}s/x", status_code=404, json=fault(404))
    assert delete("x") is False
    requests_mock.delete(f"{ENDPOINT}/{kind}s/x", status_code=403, json=fault(403))
    with pytest.raises(ManilaRefused):
        delete("x")


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "<html>no such backend</html>"},
        {"json": {"message": "no Route matched with those values"}},  # Kong's
        {"json": {"message": "not found", "code": 404, "title": "Not Found"}},  # webob's
        {"json": {"error": {"code": 404, "message": "not found"}}},
        {"json": {"itemNotFound": {}}},
        {"json": {"itemNotFound": {"code": 400, "message": "of something else"}}},
        {"json": {"itemNotFound": {"code": 404, "message": "x"}, "more": {}}},
        {"json": []},
    ],
)
@pytest.mark.parametrize("do", ["delete_snapshot", "delete_share", "snapshot", "share"])
def test_a_404_that_is_not_manilas_own_is_no_word_that_a_thing_is_gone(
    manila, requests_mock, do, answer
):
    answers(requests_mock, status_code=404, **answer)
    error = error_of(lambda: getattr(manila, do)("x"))
    assert isinstance(error, ManilaTransient)
    assert "not Manila's own" in str(error)


@pytest.mark.parametrize("do", ["delete_snapshot", "delete_share", "snapshot", "share"])
def test_below_a_wrong_url_nothing_is_gone(manila, requests_mock, do):
    """Another service of OpenStack says itemNotFound as well."""
    answers(requests_mock, status_code=404, json=fault(404))
    error = error_of(lambda: getattr(manila, do)("x"))
    assert isinstance(error, EndpointUnsuitable)
    assert ENDPOINT in str(error)


@EVERY_KIND
@pytest.mark.parametrize("status", [400, 401, 403, 405, 409, 413, 422, 451])
def test_nobody_but_manila_refuses_anything(manila, requests_mock, do, status):
    answers(requests_mock, status_code=status, json={"message": "blocked by the gateway"})
    error = error_of(lambda: do(manila))
    assert isinstance(error, ManilaTransient)
    assert "blocked by the gateway" in str(error)


def test_keystones_middleware_refuses_a_token_in_its_own_words(manila, requests_mock):
    said = {"error": {"code": 401, "title": "Unauthorized", "message": "Requires authentication"}}
    header = {"WWW-Authenticate": 'Keystone uri="http://keystone.example/v3"'}
    answers(requests_mock, status_code=401, json=said, headers=header)
    error = error_of(lambda: ask(manila))
    assert isinstance(error, ManilaRefused)
    assert error.status == 401


@EVERY_KIND
@pytest.mark.parametrize("answer", [{"status_code": 503}, {"status_code": 400}])
def test_an_error_says_which_endpoint_was_asked(manila, requests_mock, do, answer):
    answers(requests_mock, **answer, json=fault(answer["status_code"]))
    error = error_of(lambda: do(manila))
    assert error.endpoint == ENDPOINT
    assert f"Manila at {ENDPOINT} " in str(error)


@pytest.mark.parametrize("microversion", ["2.37", "2.98"])
@pytest.mark.parametrize("metadata", [None, {}, {"karbor_manila_bank": "b"}])
def test_metadata_is_sent_when_the_caller_gives_some(
    connect, requests_mock, microversion, metadata
):
    manila = connect(microversion)
    created = requests_mock.post(f"{ENDPOINT}/snapshots", json={"snapshot": {"id": "s"}})
    manila.create_snapshot("a", name="n", description="d", metadata=metadata)
    sent = created.last_request.json()["snapshot"]
    assert sent.pop("metadata", None) == (metadata or None)
    assert sent == {"share_id": "a", "name": "n", "description": "d", "force": False}


@pytest.mark.parametrize("kind", ["share", "snapshot"])
def test_what_is_created_comes_with_the_id_of_its_request(manila, requests_mock, kind):
    requests_mock.post(
        f"{ENDPOINT}/{kind}s",
        json={kind: {"id": "x"}},
        status_code=202,
        headers={"x-openstack-request-id": "req-1"},
    )
    made = (
        manila.create_share(snapshot_id="s", size=1)
        if kind == "share"
        else manila.create_snapshot("a", name=None, description=None)
    )
    assert made == {"id": "x", "request_id": "req-1"}


def test_a_share_is_asked_for_with_manilas_own_names(manila, requests_mock):
    created = requests_mock.post(f"{ENDPOINT}/shares", json={"share": {"id": "x"}})
    manila.create_share(share_proto="NFS", size=2, snapshot_id="s", is_public=False)
    assert created.last_request.json() == {
        "share": {"share_proto": "NFS", "size": 2, "snapshot_id": "s", "is_public": False}
    }


def test_the_limits_are_the_absolute_ones(manila, requests_mock):
    absolute = {"maxTotalShareSnapshots": -1, "totalShareSnapshotsUsed": 4}
    requests_mock.get(f"{ENDPOINT}/limits", json={"limits": {"rate": [], "absolute": absolute}})
    assert manila.limits() == absolute


def test_messages_come_newest_first(manila, requests_mock):
    served = requests_mock.get(f"{ENDPOINT}/messages", json={"messages": [{"id": "m"}]})
    assert manila.messages(resource_id="x") == [{"id": "m"}]
    assert query(served.last_request) == {
        "resource_id": "x",
        "sort_key": "created_at",
        "sort_dir": "desc",
    }


@pytest.mark.parametrize(
    ("answer", "alive"),
    [
        ({"json": {"limits": {"absolute": {}}}}, True),
        ({"status_code": 503}, False),
        ({"status_code": 401}, False),
        ({"exc": requests.exceptions.ConnectTimeout}, False),
    ],
)
def test_alive_is_who_answers(manila, requests_mock, answer, alive):
    requests_mock.get(f"{ENDPOINT}/limits", **answer)
    assert manila.is_alive() is alive


# -- errors ---------------------------------------------------------------------------------------


@EVERY_KIND
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_a_server_in_trouble_is_worth_another_try(manila, requests_mock, do, status):
    answers(requests_mock, status_code=status)
    error = error_of(lambda: do(manila))
    assert isinstance(error, ManilaTransient)
    assert f"HTTP {status}" in error.cause
    assert error.retry_after == 0


@EVERY_KIND
@pytest.mark.parametrize("status", [429, 503])
def test_manilas_wish_to_be_left_alone_is_kept(manila, requests_mock, do, status):
    answers(requests_mock, status_code=status, headers={"Retry-After": "17"})
    error = error_of(lambda: do(manila))
    assert isinstance(error, ManilaTransient)
    assert error.retry_after == 17.0


@pytest.mark.parametrize("value", ["Fri, 20 Nov 2026 12:00:00 GMT", "soon", ""])
def test_a_wish_that_is_no_number_of_seconds_is_none(manila, requests_mock, value):
    answers(requests_mock, status_code=503, headers={"Retry-After": value})
    error = error_of(lambda: ask(manila))
    assert isinstance(error, ManilaTransient)
    assert error.retry_after == 0.0


def test_a_refusal_with_such_a_wish_is_a_refusal(manila, requests_mock):
    answers(requests_mock, status_code=409, headers={"Retry-After": "17"}, json=fault(409))
    assert isinstance(error_of(lambda: ask(manila)), ManilaRefused)


@EVERY_KIND
@pytest.mark.parametrize(
    "lost",
    [
        requests.exceptions.ConnectionError("reset by peer"),
        requests.exceptions.ConnectTimeout("no answer"),
        requests.exceptions.ReadTimeout("no answer"),
        requests.exceptions.ChunkedEncodingError("cut short"),
        requests.exceptions.ContentDecodingError("not gzip"),
    ],
)
def test_a_broken_connection_is_worth_another_try(manila, requests_mock, do, lost):
    answers(requests_mock, exc=lost)
    assert isinstance(error_of(lambda: do(manila)), ManilaTransient)


@EVERY_KIND
def test_a_certificate_that_is_not_accepted_is_final(manila, requests_mock, do):
    answers(requests_mock, exc=requests.exceptions.SSLError("self-signed"))
    error = error_of(lambda: do(manila))
    assert isinstance(error, ManilaRefused)
    assert "certificate" in str(error)


@EVERY_KIND
@pytest.mark.parametrize("status", [400, 401, 403, 405, 409, 413, 422])
def test_a_no_is_final_and_told_in_manilas_words(manila, requests_mock, do, status):
    answers(
        requests_mock,
        status_code=status,
        headers={"x-openstack-request-id": "req-7"},
        json=fault(status, "Share is busy."),
    )
    error = error_of(lambda: do(manila))
    assert isinstance(error, ManilaRefused)
    assert (error.status, error.request_id) == (status, "req-7")


def test_a_quota_that_is_used_up_is_final_with_its_reason(manila, requests_mock):
    said = "SnapshotLimitExceeded: Maximum number of allowed snapshots (2) exceeded"
    answers(
        requests_mock,
        status_code=413,
        headers={"Content-Type": "application/json", "Retry-After": "0"},
        json={"overLimit": {"code": 413, "message": said, "retryAfter": "0"}},
    )
    error = error_of(lambda: create(manila))
    assert isinstance(error, ManilaRefused)
    assert (error.status, error.answer) == (413, said)
    assert "snapshot share a" in str(error)


@pytest.mark.parametrize("status", [400, 503])
def test_manilas_words_reach_the_sentence(manila, requests_mock, status):
    answers(
        requests_mock,
        status_code=status,
        headers={"Content-Type": "application/json"},
        json=fault(status, "The backend is on fire."),
    )
    assert "The backend is on fire" in str(error_of(lambda: ask(manila)))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>Bad Gateway</html>",
        "[]",
        "null",
        '"text"',
        '{"fault": "text"}',
        "{}",
    ],
)
@pytest.mark.parametrize("status", [502, 400])
def test_an_error_without_words_is_not_manilas(manila, requests_mock, body, status):
    answers(
        requests_mock, status_code=status, text=body, headers={"Content-Type": "application/json"}
    )
    assert isinstance(error_of(lambda: ask(manila)), ManilaTransient)


@pytest.mark.parametrize("do", [ask, create])
@pytest.mark.parametrize("body", ["", "<html>", '{"snapshot": {"id": "s', "[]", "null", "7"])
def test_an_answer_that_cannot_be_read_is_worth_another_try(manila, requests_mock, do, body):
    answers(requests_mock, text=body)
    assert isinstance(error_of(lambda: do(manila)), ManilaTransient)


@pytest.mark.parametrize(
    "do",
    [
        ask,
        create,
        lambda manila: manila.shares(),
        lambda manila: manila.share("x"),
        client.Manila.messages,
    ],
)
def test_an_answer_without_what_was_asked_for_is_an_error_of_ours(manila, requests_mock, do):
    answers(requests_mock, json={"error": "of a proxy"})
    assert isinstance(error_of(lambda: do(manila)), ManilaTransient)


@EVERY_KIND
@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 503},
        {"status_code": 401},
        {"exc": requests.exceptions.ConnectTimeout},
    ],
)
def test_nothing_is_repeated_behind_the_callers_back(manila, requests_mock, do, answer):
    sent = answers(requests_mock, **answer)
    error_of(lambda: do(manila))
    assert sent.call_count == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 503},
        {"status_code": 401},
        {"status_code": 413},
        {"exc": requests.exceptions.ConnectTimeout("no answer")},
        {"exc": requests.exceptions.SSLError("self-signed")},
    ],
)
@EVERY_KIND
def test_no_token_is_in_any_text(manila, requests_mock, do, answer, caplog):
    caplog.set_level("DEBUG")
    sent = answers(requests_mock, **answer)
    error = error_of(lambda: do(manila))
    assert sent.last_request.headers["X-Auth-Token"] == TOKEN
    while error is not None:
        assert TOKEN not in f"{error} {error!r}"
        error = error.__cause__
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    "said",
    [
        f"upstream got X-Auth-Token: {TOKEN} and gave up",
        f"X-Service-Token={TOKEN}",
        f'headers: {{"x-subject-token": "{TOKEN}"}}',
        f"token {TOKEN} is not known here",
        "X-Auth-Token: 0123456789abcdef is not known here",
    ],
)
@pytest.mark.parametrize("status", [400, 503])
def test_a_token_that_somebody_repeats_is_not_told(manila, requests_mock, said, status):
    answers(requests_mock, status_code=status, json={"fault": {"message": said}})
    told = str(error_of(lambda: ask(manila)))
    assert TOKEN not in told
    assert "0123456789abcdef" not in told
    assert "***" in told


def test_a_novel_is_cut_short(manila, requests_mock):
    answers(requests_mock, status_code=400, json={"fault": {"message": "x" * 100_000}})
    assert len(str(error_of(lambda: ask(manila)))) < 2000


def test_what_manila_says_is_told_unchanged(manila, requests_mock):
    said = "Share type 'gold' (token bucket) of project 0c5c2f7f7fe5 has no snapshot_support"
    answers(requests_mock, status_code=422, json=fault(422, said))
    assert error_of(lambda: ask(manila)).answer == said


def test_a_request_has_the_time_that_the_operator_gives_it(connect, requests_mock):
    manila = connect(timeout=7.0)
    sent = answers(requests_mock, json={"limits": {"absolute": {}}})
    manila.limits()
    assert sent.last_request.timeout == 7.0


def test_a_request_that_failed_gives_its_place_back(connect, requests_mock):
    manila = connect(parallel=1)
    for answer in (
        {"status_code": 503},
        {"status_code": 400},
        {"text": "{"},
        {"exc": requests.exceptions.ConnectTimeout},
    ):
        answers(requests_mock, **answer)
        for do in (ask, create):
            error_of(lambda do=do: do(manila))
            assert manila._slots.acquire(timeout=0)
            manila._slots.release()


def test_no_more_requests_are_under_way_than_allowed(connect):
    manila = connect(parallel=2)
    under_way, most = [], []
    in_pairs = threading.Barrier(2)

    class Slow:
        def request(self, *_args, **_kwargs):
            under_way.append(1)
            most.append(len(under_way))
            in_pairs.wait(timeout=30)  # breaks when one at a time is all that there is
            under_way.pop()
            return SimpleNamespace(status_code=200), {"limits": {"absolute": {}}}

    manila._http = Slow()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: manila.limits(), range(8)))
    assert max(most) == 2


# -- over a real socket ---------------------------------------------------------------------------


@contextlib.contextmanager
def server(answer, *, reset=False):
    """A server on loopback that sends these bytes to whoever connects first, then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
                if reset:  # closing sends RST instead of FIN
                    connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v2"
        thread.join(timeout=30)


BODY = json.dumps({"limits": {"absolute": {"maxTotalShares": 50}}}).encode()


def reply(body, length):
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (length, body)
    )


def connected(url):
    connection._negotiated[url] = (url, "2.98")
    return client.Manila(plain_session(), client.Where(endpoint=url), timeout=30)


def test_a_whole_answer_is_read():
    with server(reply(BODY, len(BODY))) as url:
        assert connected(url).limits() == {"maxTotalShares": 50}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        reply(b"", 90),
        reply(BODY[:20], len(BODY)),
        reply(BODY[:-1], len(BODY)),
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"limits"',
    ],
)
@pytest.mark.parametrize("reset", [False, True])
def test_an_answer_that_was_cut_short_is_worth_another_try(answer, reset):
    with server(answer, reset=reset) as url:
        error = error_of(connected(url).limits)
    assert isinstance(error, ManilaTransient)
    assert TOKEN not in str(error)


def test_a_server_that_is_down_is_worth_another_try():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = error_of(connected(f"http://127.0.0.1:{port}/v2").limits)
    assert isinstance(error, ManilaTransient)
    assert TOKEN not in str(error)


# -- administrators -------------------------------------------------------------------------------


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
