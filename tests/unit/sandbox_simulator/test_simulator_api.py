# SPDX-License-Identifier: Apache-2.0
"""Manila's API as the simulator speaks it: versions, tokens, lists, faults; the contract suite
holds the rest (tests/contract/test_simulator.py)."""

import pytest
import requests

from tests.unit.sandbox_simulator.conftest import Start


def test_the_versions_are_told_without_a_token(start: Start) -> None:
    simulator = start().simulator
    reply = requests.get(simulator.url, timeout=30)
    assert reply.status_code == 300
    assert reply.json()["versions"][0]["version"] == "2.99"


@pytest.mark.parametrize(
    ("version", "status", "answered"),
    [("2.98", 200, "2.98"), (None, 200, "2.0"), ("2.100", 406, None), ("two", 400, None)],
)
def test_a_microversion_is_kept_or_refused(
    start: Start, version: str | None, status: int, answered: str | None
) -> None:
    reply = start().ask("GET", "/v2/limits", version=version)
    assert reply.status_code == status
    if answered:
        assert reply.headers["X-OpenStack-Manila-API-Version"] == answered
        assert reply.headers["x-openstack-request-id"].startswith("req-")


def test_who_has_no_token_is_refused_in_keystones_form(start: Start) -> None:
    reply = start().ask("GET", "/v2/limits", token="nonsense")
    assert reply.status_code == 401
    assert "keystone" in reply.headers["WWW-Authenticate"].lower()


def test_up_to_2_8_a_list_has_the_export_locations(start: Start) -> None:
    caller = start()
    (share,) = caller.control.seed("p1")
    (old,) = caller.get("/v2/shares/detail", version="2.8")["shares"]
    (new,) = caller.get("/v2/shares/detail", version="2.9")["shares"]
    assert old["export_locations"] == [f"127.0.0.1:/shares/{share}"]
    assert "export_locations" not in new


def test_a_list_is_paged_by_limit_and_offset_and_marker_is_ignored(start: Start) -> None:
    caller = start()
    made = caller.control.seed("p1", 5)
    page = caller.get("/v2/shares/detail?limit=2&offset=2&with_count=True&marker=x")
    assert [share["id"] for share in page["shares"]] == made[::-1][2:4]
    assert page["count"] == 5
    assert page["shares_links"]


def test_snapshots_are_found_by_metadata_and_the_share(start: Start) -> None:
    caller = start()
    one, other = caller.control.seed("p1", 2)
    mine = caller.snapshot(one, metadata={"a": "1", "b": "2"})
    caller.snapshot(other, metadata={"a": "1"})
    found = caller.get("/v2/snapshots/detail?metadata={'a':'1','b':'2'}")["snapshots"]
    assert [each["id"] for each in found] == [mine]
    found = caller.get(f"/v2/snapshots/detail?share_id={one}&with_count=1")
    assert (found["count"], found["snapshots"][0]["id"]) == (1, mine)
    assert len(caller.get("/v2/snapshots/detail?status=creating")["snapshots"]) == 2
    assert caller.ask("GET", "/v2/snapshots/detail?metadata={").status_code == 400


def test_a_member_sees_his_own_and_with_a_count_an_administrator_sees_all(start: Start) -> None:
    caller = start()
    caller.control.seed("p1")
    (other,) = caller.control.seed("p2")
    query = "/v2/shares/detail?all_tenants=1&project_id=p2"
    admin = "p9:admin,member"
    assert [s["project_id"] for s in caller.get(query)["shares"]] == ["p1"]
    assert [s["id"] for s in caller.get(query, token=admin)["shares"]] == [other]
    assert len(caller.get(f"{query}&with_count=1", token=admin)["shares"]) == 2
    assert caller.ask("GET", f"/v2/shares/{other}").status_code == 404
    assert caller.ask("GET", "/v2/services").status_code == 403


def test_a_public_share_of_another_project_is_listed_when_asked_for(start: Start) -> None:
    caller = start()
    (other,) = caller.control.seed("p2", is_public=True)
    assert caller.get("/v2/shares/detail?is_public=False")["shares"] == []
    assert [s["id"] for s in caller.get("/v2/shares/detail?is_public=True")["shares"]] == [other]


def test_a_quota_is_a_413_in_manilas_form_and_what_is_used_is_told(start: Start) -> None:
    caller = start({"quota": {"snapshots": 1}})
    one, other = caller.control.seed("p1", 2, size=3)
    caller.snapshot(one)
    reply = caller.ask("POST", "/v2/snapshots", {"snapshot": {"share_id": other}})
    assert reply.status_code == 413
    assert reply.json()["overLimit"]["retryAfter"] == "0"
    limits = caller.get("/v2/limits")["limits"]["absolute"]
    assert (limits["maxTotalShareSnapshots"], limits["totalShareSnapshotsUsed"]) == (1, 1)
    assert (limits["totalSharesUsed"], limits["totalShareGigabytesUsed"]) == (2, 6)


def test_time_ends_what_was_begun_and_a_shares_fate_decides_how(start: Start) -> None:
    caller = start()
    plain, doomed, stuck = (
        caller.control.seed("p1", metadata=metadata)[0]
        for metadata in ({}, {"simulator:fate": "error"}, {"simulator:fate": "stuck"})
    )
    made = [caller.snapshot(share) for share in (plain, doomed, stuck)]
    assert {caller.status("snapshot", each) for each in made} == {"creating"}
    caller.clock.advance(1.0)
    statuses = [caller.status("snapshot", each) for each in made]
    assert statuses == ["available", "error", "creating"]


def test_a_deleted_snapshot_goes_when_its_time_has_come(start: Start) -> None:
    caller = start()
    (share,) = caller.control.seed("p1")
    made = caller.snapshot(share)
    assert caller.ask("DELETE", f"/v2/snapshots/{made}").status_code == 400
    caller.clock.advance(1.0)
    assert caller.ask("DELETE", f"/v2/shares/{share}").status_code == 403
    assert caller.ask("DELETE", f"/v2/snapshots/{made}").status_code == 202
    assert caller.status("snapshot", made) == "deleting"
    caller.clock.advance(0.5)
    assert caller.status("snapshot", made) == "404"
    assert caller.ask("DELETE", f"/v2/shares/{share}").status_code == 202


def test_a_failed_clone_leaves_a_message_under_its_request(start: Start) -> None:
    caller = start()
    (share,) = caller.control.seed("p1", metadata={"simulator:fate": "error"}, snapshots=1)
    (source,) = caller.get("/v2/snapshots/detail")["snapshots"]
    body = {"share": {"snapshot_id": source["id"], "size": 1, "share_proto": "NFS"}}
    reply = caller.ask("POST", "/v2/shares", body)
    assert reply.json()["share"]["status"] == "creating"
    caller.clock.advance(2.0)
    made = reply.json()["share"]["id"]
    assert caller.status("share", made) == "error"
    request = reply.headers["x-openstack-request-id"]
    (told,) = caller.get(f"/v2/messages?request_id={request}")["messages"]
    assert told["resource_id"] == made
    assert caller.status("share", share) == "available"


def test_the_same_seed_gives_the_same_ids(start: Start) -> None:
    assert start({"seed": 5}).control.seed("p1", 3) == start({"seed": 5}).control.seed("p1", 3)


def test_what_is_no_call_of_manila_is_a_404(start: Start) -> None:
    assert start().ask("GET", "/v2/share-networks").status_code == 404
