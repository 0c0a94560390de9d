# SPDX-License-Identifier: Apache-2.0
"""Snapshots that can be mounted, on the wire."""

import pytest

from karbor_manila.manila.errors import ManilaRefused
from tests.unit.manila.wire import ENDPOINT, fault

SNAPSHOT, SHARE = f"{ENDPOINT}/snapshots/x", f"{ENDPOINT}/shares/s"
RULE = {"id": "r", "access_type": "ip", "access_to": "10.0.0.7", "state": "active"}


def test_rules_are_listed_and_none_says_that_there_is_no_snapshot(manila, requests_mock):
    requests_mock.get(f"{SNAPSHOT}/access-list", json={"snapshot_access_list": [RULE]})
    assert manila.snapshot_access_rules("x") == [RULE]
    requests_mock.get(f"{SNAPSHOT}/access-list", status_code=404, json=fault(404))
    assert manila.snapshot_access_rules("x") is None


def test_a_rule_is_asked_for_without_a_level_and_comes_with_its_request(manila, requests_mock):
    asked = requests_mock.post(
        f"{SNAPSHOT}/action",
        json={"snapshot_access": RULE},
        status_code=202,
        headers={"x-openstack-request-id": "req-1"},
    )
    assert manila.allow_snapshot_access("x", "ip", "10.0.0.7") == RULE | {"request_id": "req-1"}
    assert asked.last_request.json() == {
        "allow_access": {"access_type": "ip", "access_to": "10.0.0.7"}
    }


def test_taking_back_says_whether_there_was_something(manila, requests_mock):
    requests_mock.get(f"{ENDPOINT}/limits", json={"limits": {"absolute": {}}})
    asked = requests_mock.post(f"{SNAPSHOT}/action", status_code=202)
    assert manila.deny_snapshot_access("x", "r") is True
    assert asked.last_request.json() == {"deny_access": {"access_id": "r"}}
    requests_mock.post(f"{SNAPSHOT}/action", status_code=404, json=fault(404))
    assert manila.deny_snapshot_access("x", "r") is False
    requests_mock.post(f"{SNAPSHOT}/action", status_code=400, json=fault(400))
    with pytest.raises(ManilaRefused):
        manila.deny_snapshot_access("x", "r")


def test_places_are_those_for_everybody(manila, requests_mock):
    places = [{"path": "a:/1"}, {"path": "b:/2", "is_admin_only": True}]
    requests_mock.get(
        f"{SNAPSHOT}/export-locations", json={"share_snapshot_export_locations": places}
    )
    assert manila.snapshot_export_locations("x") == ["a:/1"]


@pytest.mark.parametrize("inherits", [True, False])
def test_whether_rules_are_inherited_is_asked_in_2_99(manila, requests_mock, inherits):
    view = {"id": "s", "snapshot_inherit_share_access_support": inherits}
    asked = requests_mock.get(SHARE, json={"share": view})
    assert manila.snapshots_inherit_access("s") is inherits
    assert asked.last_request.headers["X-Openstack-Manila-Api-Version"] == "2.99"


def test_a_manila_before_2_99_inherits_nothing(manila, requests_mock):
    said = {"computeFault": {"code": 406, "message": "Version 2.99 is not supported by the API"}}
    requests_mock.get(SHARE, status_code=406, json=said)
    assert manila.snapshots_inherit_access("s") is False
    requests_mock.get(SHARE, status_code=403, json=fault(403))
    with pytest.raises(ManilaRefused):
        manila.snapshots_inherit_access("s")
