# SPDX-License-Identifier: Apache-2.0
"""The proxy as an older Manila."""

import json

import pytest

from sandbox.proxy.microversions import BadMicroversion, Limit

DOCUMENT = {
    "versions": [
        {"id": "v1.0", "version": "", "min_version": ""},
        {"id": "v2.0", "version": "2.91", "min_version": "2.0"},
    ]
}


@pytest.fixture
def limit():
    made = Limit()
    made.set("2.54")
    return made


@pytest.mark.parametrize(
    ("asked", "refused"),
    [("2.0", False), ("2.9", False), ("2.54", False), ("2.55", True), ("2.100", True)],
)
def test_what_is_newer_than_the_limit_is_refused_as_manila_does(limit, asked, refused):
    said = limit.refusal("/v2/shares/detail", asked)
    if refused:
        fault = said["computeFault"]
        assert (fault["code"], f"Version {asked} is not" in fault["message"]) == (406, True)
    else:
        assert said is None


@pytest.mark.parametrize("asked", [None, "", "latest", "2"])
def test_what_names_no_microversion_is_the_servers_to_judge(limit, asked):
    assert limit.refusal("/v2/shares", asked) is None


@pytest.mark.parametrize("path", ["/", "/share/", "/v2", "/v2/"])
def test_the_version_document_offers_no_more_than_the_limit(limit, path):
    assert limit.refusal(path, "2.91") is None
    assert limit.is_for(path)
    offers = json.loads(limit.lowered(json.dumps(DOCUMENT).encode()))["versions"]
    assert [offer["version"] for offer in offers] == ["", "2.54"]


def test_a_server_that_is_older_itself_stays_so():
    limit = Limit()
    limit.set("2.98")
    offers = json.loads(limit.lowered(json.dumps(DOCUMENT).encode()))["versions"]
    assert offers[1]["version"] == "2.91"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"versions": 3}', b'{"versions": [3]}'])
def test_what_is_no_version_document_passes_as_it_is(limit, body):
    assert limit.lowered(body) == body


def test_without_a_limit_everything_passes():
    limit = Limit()
    assert limit.refusal("/v2/shares", "2.999") is None
    assert not limit.is_for("/")


@pytest.mark.parametrize("newest", [None, "", "2", "latest", 2.5])
def test_a_limit_that_is_no_microversion_is_refused(newest):
    with pytest.raises(BadMicroversion):
        Limit().set(newest)
