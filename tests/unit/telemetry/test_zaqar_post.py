# SPDX-License-Identifier: Apache-2.0
"""Posting to Zaqar: what is sent over which session, and which error an answer is."""

import uuid

import pytest
import requests
from keystoneauth1 import session
from keystoneauth1.identity import v3

from karbor_manila.telemetry import zaqar_post
from karbor_manila.telemetry.errors import ZaqarRefused, ZaqarTransient, ZaqarUnavailable

KEYSTONE = "http://keystone/v3"
QUEUE = "http://zaqar:8888/v2/queues/news/messages"
CLIENT = str(uuid.uuid4())
MESSAGES = [{"ttl": 60, "body": {"n": 1}}, {"ttl": 60, "body": {"n": 2}}]


@pytest.fixture
def logins(requests_mock):
    """A Keystone that gives tokens, with a Zaqar in its catalog; what it was asked for."""
    urls = {"public": "http://zaqar:8888", "internal": "http://inside:8888/v2/"}
    endpoints = [
        {"interface": interface, "url": url, "region": "one", "region_id": "one", "id": interface}
        for interface, url in urls.items()
    ]
    token = {
        "methods": ["password"],
        "user": {"id": "user", "name": "karbor", "domain": {"id": "default", "name": "Default"}},
        "project": {"id": "project", "name": "p", "domain": {"id": "default", "name": "Default"}},
        "issued_at": "2026-01-01T00:00:00.000000Z",
        "expires_at": "2099-01-01T00:00:00.000000Z",
        "roles": [],
        "catalog": [{"type": "messaging", "name": "zaqar", "id": "z", "endpoints": endpoints}],
    }
    version = {
        "id": "v3.14",
        "status": "stable",
        "links": [{"rel": "self", "href": KEYSTONE}],
        "media-types": [],
    }
    requests_mock.get(KEYSTONE, json={"version": version})
    return requests_mock.post(
        f"{KEYSTONE}/auth/tokens",
        [
            {
                "json": {"token": token},
                "status_code": 201,
                "headers": {"X-Subject-Token": f"token-{n}"},
            }
            for n in range(3)
        ],
    )


@pytest.fixture
def own(logins):
    auth = v3.Password(KEYSTONE, username="karbor", password="pw", project_id="project")
    return session.Session(auth=auth, timeout=7)


def post(own, **more):
    given = {"client_id": CLIENT, "interface": "public", "region": None, **more}
    zaqar_post.post(own, "news", MESSAGES, **given)


def test_all_messages_are_posted_in_one_request_with_the_client_s_id(own, requests_mock):
    asked = requests_mock.post(QUEUE, json={"resources": []}, status_code=201)
    post(own)
    (sent,) = asked.request_history
    assert sent.json() == {"messages": MESSAGES}
    assert sent.headers["Client-ID"] == CLIENT
    assert sent.headers["X-Project-Id"] == "project"
    assert sent.headers["X-Auth-Token"] == "token-0"
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.timeout == 7


def test_the_endpoint_is_that_of_the_interface_with_or_without_a_version(own, requests_mock):
    asked = requests_mock.post(
        "http://inside:8888/v2/queues/news/messages", json={"resources": []}, status_code=201
    )
    post(own, interface="internal", region="one")
    assert asked.call_count == 1


def test_a_token_that_is_not_valid_any_more_is_renewed_once(own, logins, requests_mock):
    asked = requests_mock.post(
        QUEUE, [{"status_code": 401}, {"json": {"resources": []}, "status_code": 201}]
    )
    post(own)
    assert [each.headers["X-Auth-Token"] for each in asked.request_history] == [
        "token-0",
        "token-1",
    ]
    assert logins.call_count == 2


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_what_may_be_otherwise_later_is_transient(own, requests_mock, status):
    error = {"title": "Service temporarily unavailable", "description": "Try again."}
    requests_mock.post(QUEUE, json=error, status_code=status)
    with pytest.raises(ZaqarTransient, match="temporarily unavailable: Try again") as caught:
        post(own)
    assert caught.value.status == status


def test_a_retry_after_is_kept(own, requests_mock):
    requests_mock.post(QUEUE, status_code=503, headers={"Retry-After": "3"})
    with pytest.raises(ZaqarTransient) as caught:
        post(own)
    assert caught.value.retry_after == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_a_no_is_final(own, requests_mock, status):
    requests_mock.post(
        QUEUE, json={"title": "Forbidden", "description": "Not you"}, status_code=status
    )
    with pytest.raises(ZaqarRefused, match="post 2 events to the queue news") as caught:
        post(own)
    assert caught.value.status == status
    assert "Not you" in str(caught.value)


@pytest.mark.parametrize(
    "error", [requests.ConnectionError, requests.ConnectTimeout, requests.ReadTimeout]
)
def test_a_broken_connection_and_a_timeout_are_transient(own, requests_mock, error):
    requests_mock.post(QUEUE, exc=error)
    with pytest.raises(ZaqarTransient):
        post(own)


def test_a_success_that_cannot_be_read_is_none(own, requests_mock):
    requests_mock.post(QUEUE, text="<html>", status_code=200)
    with pytest.raises(ZaqarTransient):
        post(own)


def test_a_keystone_that_is_away_is_transient_and_no_token_is_told(own, requests_mock):
    requests_mock.get(KEYSTONE, exc=requests.ConnectionError("gAAAAAB" + "x" * 30))
    requests_mock.post(
        f"{KEYSTONE}/auth/tokens", exc=requests.ConnectionError("gAAAAAB" + "x" * 30)
    )
    with pytest.raises(ZaqarTransient) as caught:
        post(own)
    assert "gAAAAAB" not in str(caught.value)


def test_a_catalog_without_zaqar_is_said_so(own):
    with pytest.raises(
        ZaqarRefused, match="endpoint for messaging service in another region not found"
    ):
        post(own, region="another")


def test_an_outage_that_goes_on_says_for_how_long_and_what_to_look_at():
    error = ZaqarTransient("post 2 events to the queue news", "HTTP 503, no", status=503).gave_up(
        30
    )
    assert isinstance(error, ZaqarUnavailable)
    assert "for 30 seconds: HTTP 503, no. These events are lost" in str(error)
