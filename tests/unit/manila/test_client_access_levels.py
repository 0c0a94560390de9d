# SPDX-License-Identifier: Apache-2.0
"""Access rules that are changed in place, on the wire; and how such rules are recorded."""

import pytest

from karbor_manila.manila import access
from karbor_manila.manila.errors import ManilaRefused
from tests.unit.manila.wire import ENDPOINT, fault

RULE = f"{ENDPOINT}/share-access-rules/r"


def test_a_level_is_asked_for(manila, requests_mock):
    asked = requests_mock.put(RULE, json={"access": {"id": "r", "access_key": "secret"}})
    assert manila.set_access_level("r", "ro") is True
    assert asked.last_request.json() == {"update_access": {"access_level": "ro"}}


def test_metadata_are_set_and_removed_key_by_key(manila, requests_mock):
    set_ = requests_mock.put(f"{RULE}/metadata", json={"metadata": {"a": "b"}})
    assert manila.set_access_metadata("r", "a", "b") is True
    assert set_.last_request.json() == {"metadata": {"a": "b"}}
    gone = requests_mock.delete(f"{RULE}/metadata/a%3Fb", status_code=200)
    assert manila.delete_access_metadata("r", "a?b") is True
    assert gone.called


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("set_access_level", ("r", "ro")),
        ("set_access_metadata", ("r", "a", "b")),
        ("delete_access_metadata", ("r", "a")),
    ],
)
def test_a_rule_that_is_gone_is_told_and_each_request_is_guarded(
    manila, requests_mock, method, given
):
    requests_mock.get(f"{ENDPOINT}/limits", json={"limits": {"absolute": {}}})
    guarded = []
    manila.guard = lambda: guarded.append(method)
    for verb in ("PUT", "DELETE"):
        for url in (RULE, f"{RULE}/metadata", f"{RULE}/metadata/a"):
            requests_mock.register_uri(verb, url, status_code=404, json=fault(404))
    assert getattr(manila, method)(*given) is False
    assert guarded == [method]
    for verb in ("PUT", "DELETE"):
        for url in (RULE, f"{RULE}/metadata", f"{RULE}/metadata/a"):
            requests_mock.register_uri(verb, url, status_code=403, json=fault(403))
    with pytest.raises(ManilaRefused):
        getattr(manila, method)(*given)


@pytest.mark.parametrize(("microversion", "can"), [("2.87", False), ("2.88", True)])
def test_the_level_changes_in_place_since_2_88(connect, microversion, can):
    assert connect(microversion).features.access_levels is can


def test_a_rule_that_is_read_only_for_a_while_is_recorded_as_its_owner_made_it(
    manila, requests_mock
):
    rules = [
        {
            "id": name,
            "access_type": "ip",
            "access_to": name,
            "access_level": "ro",
            "state": "active",
            "metadata": {"team": "blue"} | marks,
        }
        for name, marks in (
            ("10.0.0.1", {"karbor-manila-quiesced-cp-1": "held until 2026-01-01T00:00:00Z"}),
            ("10.0.0.2", {}),
        )
    ]
    requests_mock.get(f"{ENDPOINT}/share-access-rules?share_id=s", json={"access_list": rules})
    recorded = access.read(manila, "s", lambda ask: ask())
    assert [(rule["access_level"], rule["metadata"]) for rule in recorded] == [
        ("rw", {"team": "blue"}),
        ("ro", {"team": "blue"}),
    ]
