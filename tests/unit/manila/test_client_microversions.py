# SPDX-License-Identifier: Apache-2.0
"""Microversions: what is negotiated, and how often a cloud is asked."""

import pytest
import requests.exceptions
from keystoneauth1.discover import normalize_version_number as numbers

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila import client, endpoint
from karbor_manila.manila.errors import (
    ManilaReplaced,
    ManilaTooOld,
    ManilaTransient,
)
from tests.unit.manila.wire import ENDPOINT, HOST, PROJECT, fault, plain_session, versions


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


# -- a Manila that is replaced under a process that knows it --------------------------------------


def too_new(requests_mock, newest):
    """The API refuses what is newer, as Manila does before it looks at the request."""

    def answer(request, context):
        asked = request.headers["X-OpenStack-Manila-API-Version"]
        if numbers(asked) <= numbers(newest):
            return {"limits": {"absolute": {}}}
        context.status_code = 406
        return fault(406, f"Version {asked} is not supported by the API.")

    return requests_mock.get(f"{ENDPOINT}/limits", json=answer)


def test_an_older_manila_in_its_place_is_named_and_known_from_then_on(connect, requests_mock):
    manila = connect("2.98")
    requests_mock.get(f"{HOST}/", json=versions("2.78"), status_code=300)
    too_new(requests_mock, "2.78")
    with pytest.raises(ManilaReplaced, match=r"spoke microversion 2\.98 .* speaks 2\.78 now"):
        manila.limits()
    after = client.Manila(plain_session(), client.Where(endpoint=ENDPOINT))
    assert after.features.microversion == "2.78"
    assert after.limits() == {}


def test_nothing_is_sent_again_in_another_microversion(connect, requests_mock):
    manila = connect("2.98")
    requests_mock.get(f"{HOST}/", json=versions("2.72"), status_code=300)
    refused = requests_mock.post(
        f"{ENDPOINT}/snapshots", json=fault(406, "no such version"), status_code=406
    )
    marked = {"name": None, "description": None, "metadata": {"mark": "m"}}
    for _ in range(2):  # what it would send has the mark where an older Manila has no place for it
        with pytest.raises(ManilaReplaced):
            manila.create_snapshot("a", **marked)
    assert {r.headers["X-OpenStack-Manila-API-Version"] for r in refused.request_history} == {
        "2.98"
    }


def test_api_servers_that_differ_while_manila_is_upgraded_are_asked_again(connect, requests_mock):
    manila = connect("2.98")
    too_new(requests_mock, "2.78")
    with pytest.raises(ManilaTransient, match="one of its API servers"):
        manila.limits()
    too_new(requests_mock, "2.98")
    assert manila.limits() == {}


def test_a_manila_that_is_too_old_in_its_place_says_what_is_needed(connect, requests_mock):
    manila = connect("2.98")
    requests_mock.get(f"{HOST}/", json=versions("2.36"), status_code=300)
    too_new(requests_mock, "2.36")
    with pytest.raises(ManilaTooOld, match=r"2\.37 is the oldest"):
        manila.limits()


def test_a_406_of_something_before_manila_proves_nothing(connect, requests_mock):
    manila = connect("2.98")
    document = requests_mock.get(f"{HOST}/", json=versions("2.78"), status_code=300)
    requests_mock.get(f"{ENDPOINT}/limits", text="Not Acceptable", status_code=406)
    with pytest.raises(ManilaTransient, match="not Manila's own"):
        manila.limits()
    assert not document.called
