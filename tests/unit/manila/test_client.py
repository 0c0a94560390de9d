# SPDX-License-Identifier: Apache-2.0
"""The Manila client on the wire: what is asked for, and what comes of it."""

import pytest
import requests.exceptions

from karbor_manila.manila.errors import (
    ManilaRefused,
)
from tests.unit.manila.wire import ENDPOINT, fault, query


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


def test_another_projects_quota_is_shown_with_what_is_used_of_it(manila, requests_mock):
    quota = {"id": "p1", "snapshots": {"limit": 50, "in_use": 4, "reserved": 1}}
    requests_mock.get(f"{ENDPOINT}/quota-sets/p1/detail", json={"quota_set": quota})
    assert manila.quota_of("p1") == quota


def test_share_types_are_listed_with_the_private_ones(manila, requests_mock):
    kinds = [{"id": "1", "name": "default"}, {"id": "2", "name": "gold"}]
    served = requests_mock.get(f"{ENDPOINT}/types", json={"share_types": kinds})
    assert manila.share_types() == kinds
    assert query(served.last_request) == {"is_public": "all"}


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
