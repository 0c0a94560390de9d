# SPDX-License-Identifier: Apache-2.0
"""Browse: who was named may mount the snapshot for a while, and nobody else loses anything."""

from pathlib import Path
from typing import Any

import pytest

from karbor_manila.operations import browse_end
from tests.fakes.manila import Died, transient
from tests.fakes.snapshot_access import INHERITS
from tests.unit.operations.browsed import HOST, Browsed
from tests.unit.stage import Record


@pytest.fixture
def browsed(tmp_path: Path) -> Browsed:
    return Browsed(tmp_path)


def test_who_is_named_may_mount_the_snapshot_and_is_told_where_and_until_when(
    browsed: Browsed,
) -> None:
    until = browsed.in_seconds(7200)
    told = browsed.ask(browse_to=HOST, browse_for="7200")
    assert told["way"] == "granted"
    assert told["export_locations"] == [f"127.0.0.1:/snapshots/{browsed.snapshot}"]
    assert told["access"] == {"type": "ip", "to": HOST, "until": until}
    assert browsed.rules() == [("ip", HOST, "active")]
    (intent,) = browsed.intents().values()
    assert (intent["operation"], intent["browse"]["until"]) == ("browse", until)
    assert [key.isoformat() for key in browsed.due()] == [until]


def test_it_is_an_hour_when_nothing_is_said(browsed: Browsed) -> None:
    until = browsed.in_seconds(3600)
    assert browsed.ask(browse_to=HOST)["access"]["until"] == until


def test_the_intent_stands_before_anything_is_granted(browsed: Browsed) -> None:
    seen: list[Any] = []
    browsed.cloud.meanwhile["allow_snapshot_access"] = [lambda: seen.append(browsed.intents())]
    browsed.ask(browse_to=HOST)
    ((intent,),) = [list(pages.values()) for pages in seen]
    assert intent["browse"] == {
        "snapshot_id": browsed.snapshot,
        "access_type": "ip",
        "access_to": HOST,
        "before": [],
        "until": None,
    }


def test_what_is_open_is_told_and_ended_on_request(browsed: Browsed) -> None:
    until = browsed.in_seconds(3600)
    browsed.ask(browse_to=HOST)
    browsed.ask(browse_to="joe.doe")
    opened = browsed.ask()["open"]
    assert {"type": "ip", "to": HOST, "until": until, "state": "active"} in opened
    assert len(opened) == 2

    ended = browsed.ask(browse_end="true", browse_to=HOST)["ended"]
    assert [each["to"] for each in ended] == [HOST]
    assert browsed.rules() == [("user", "joe.doe", "active")]
    assert [each["to"] for each in browsed.ask(browse_end=True)["ended"]] == ["joe.doe"]
    assert browsed.rules() == []
    assert browsed.intents() == {}
    assert browsed.due() == []
    assert browsed.ask(browse_end=True)["ended"] == []


def test_the_same_again_makes_it_longer_and_no_second_rule(browsed: Browsed) -> None:
    browsed.ask(browse_to=HOST, browse_for=600)
    until = browsed.in_seconds(7200)
    told = browsed.ask(browse_to=HOST, browse_for=7200)
    assert (told["way"], told["access"]["until"]) == ("extended", until)
    assert browsed.ask(browse_to=HOST, browse_for=60)["access"]["until"] == until
    assert browsed.cloud.calls.count("allow_snapshot_access") == 1
    assert len(browsed.intents()) == 1
    assert [key.isoformat() for key in browsed.due()] == [until]


def test_a_rule_that_the_user_has_granted_is_his(browsed: Browsed) -> None:
    browsed.manila().allow_snapshot_access(browsed.snapshot, "ip", HOST)
    browsed.cloud.clock.sleep(10)
    told = browsed.ask(browse_to=HOST)
    assert told["way"] == "already"
    assert "nothing will be taken back" in told["told"]
    assert browsed.ask(browse_end=True)["ended"] == []
    assert browsed.rules() == [("ip", HOST, "active")]
    assert browsed.intents() == {}


def test_a_rule_that_the_user_grants_in_the_same_moment_is_his(browsed: Browsed) -> None:
    manila = browsed.manila()
    browsed.cloud.meanwhile["allow_snapshot_access"] = [
        lambda: manila.allow_snapshot_access(browsed.snapshot, "ip", HOST)
    ]
    assert browsed.ask(browse_to=HOST)["way"] == "already"
    browsed.cloud.clock.sleep(10)
    assert browsed.rules() == [("ip", HOST, "active")]
    assert browsed.intents() == {}
    assert browsed.due() == []


def test_a_rule_of_the_users_that_is_in_error_is_named(browsed: Browsed) -> None:
    browsed.cloud.failing.add(f"allow_snapshot_access {HOST}")
    browsed.manila().allow_snapshot_access(browsed.snapshot, "ip", HOST)
    browsed.cloud.clock.sleep(10)
    assert "Karbor did not ask for" in browsed.ask(browse_to=HOST)
    assert browsed.rules() == [("ip", HOST, "error")]


def test_a_rule_that_the_user_took_back_is_granted_anew(browsed: Browsed) -> None:
    browsed.ask(browse_to=HOST)
    (rule,) = browsed.manila().snapshot_access_rules(browsed.snapshot)
    browsed.manila().deny_snapshot_access(browsed.snapshot, rule["id"])
    assert browsed.ask(browse_to=HOST)["way"] == "granted"
    assert browsed.rules() == [("ip", HOST, "active")]


def test_a_rule_that_ends_in_error_is_taken_back_and_told(browsed: Browsed) -> None:
    browsed.cloud.failing.add(f"allow_snapshot_access {HOST}")
    reason = browsed.ask(browse_to=HOST)
    assert f"did not bring the access rule ip {HOST}" in reason
    assert browsed.rules() == []
    assert browsed.intents() == {}
    assert browsed.due() == []


def test_a_lost_reply_makes_no_second_rule(browsed: Browsed) -> None:
    browsed.cloud.plan("allow_snapshot_access", transient, after=True)
    assert browsed.ask(browse_to=HOST)["way"] == "granted"
    assert browsed.rules() == [("ip", HOST, "active")]
    browsed.ask(browse_end=True)
    assert browsed.rules() == []


def test_a_request_without_an_answer_is_looked_for_and_taken_back(browsed: Browsed) -> None:
    browsed.cloud.plan("allow_snapshot_access", transient, after=True)
    browsed.cloud.plan("allow_snapshot_access", transient, nth=2, times=10_000)
    assert "Try again when Manila is back" in browsed.ask(browse_to=HOST)
    assert browsed.rules() == []
    assert browsed.intents() == {}


def test_a_share_whose_snapshots_cannot_be_mounted_is_refused_with_what_to_do(
    tmp_path: Path,
) -> None:
    browsed = Browsed(tmp_path, mount_snapshot_support=False)
    reason = browsed.ask(browse_to=HOST)
    assert "does not have mount_snapshot_support" in reason
    assert "Restore the share into a new one" in reason
    assert "allow_snapshot_access" not in browsed.cloud.calls


def test_nothing_is_granted_where_the_snapshot_has_the_rules_of_its_share(tmp_path: Path) -> None:
    browsed = Browsed(tmp_path, **INHERITS)
    told = browsed.ask(browse_to=HOST)
    assert told["way"] == "inherited"
    assert told["export_locations"]
    assert "whoever may mount the share" in told["told"]
    assert browsed.ask()["way"] == "inherited"
    assert "allow_snapshot_access" not in browsed.cloud.calls
    assert browsed.intents() == {}


def test_a_driver_that_cannot_is_refused_by_its_name(
    browsed: Browsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browse_end, "Browsable", type("Nobody", (), {}))
    reason = browsed.ask(browse_to=HOST)
    assert "Browsing what the driver 'snapshot' keeps is not supported" in reason
    assert "Nothing was granted" in reason


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"browse_to": "10.0.0.7/24"}, "the network is 10.0.0.0/24"),
        ({"browse_to": "10.0.0.0/33"}, "neither an address"),
        ({"browse_to": "joe"}, "4 to 255 characters"),
        ({"browse_to": "x" * 70, "browse_type": "cert"}, "1 to 64 characters"),
        ({"browse_to": HOST, "browse_type": "cephx"}, "one of ip, user, cert"),
        ({"browse_to": HOST, "browse_for": 5}, "at least 10"),
        ({"browse_to": HOST, "browse_for": "1h"}, "a whole number"),
        ({"browse_to": HOST, "browse_for": 10_000_000}, "at most 2592000"),
        ({"browse_end": True, "browse_for": 60}, "browse_end ends it now"),
        ({"browse_for": 60}, "without browse_to"),
        ({"browse_to": HOST, "size": 3}, "nothing is restored"),
        ({"depth": "plan", "browse_to": HOST}, "for the depth 'browse' alone"),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(
    browsed: Browsed, given: Any, named: str
) -> None:
    browsed.cloud.calls.clear()
    assert named in browsed.ask(**given)
    assert browsed.cloud.calls == []


def test_a_deletion_takes_back_what_is_open_first(browsed: Browsed) -> None:
    browsed.ask(browse_to=HOST)
    browsed.ask(browse_to="10.1.0.0/16")
    browsed.cloud.calls.clear()
    assert browsed.stage.delete(browsed.checkpoint, browsed.share) == []
    changes = [call for call in browsed.cloud.calls if call.startswith(("deny", "delete"))]
    assert changes == ["deny_snapshot_access"] * 2 + ["delete_snapshot"]
    assert browsed.intents() == {}
    assert browsed.due() == []


def test_a_deletion_is_not_held_up_by_a_rule_that_cannot_be_taken_back(browsed: Browsed) -> None:
    browsed.ask(browse_to=HOST)
    browsed.cloud.failing.add(f"deny_snapshot_access {HOST}")
    assert browsed.stage.delete(browsed.checkpoint, browsed.share) == []
    assert browsed.cloud.snapshots == {}
    assert browsed.due() == []


def test_a_deletion_does_with_access_that_somebody_took_back(browsed: Browsed) -> None:
    browsed.ask(browse_to=HOST)
    browsed.cloud.snapshots[browsed.snapshot]["_access"].clear()
    assert browsed.stage.delete(browsed.checkpoint, browsed.share) == []
    assert browsed.due() == []


def test_a_deletion_looks_for_what_a_dead_process_asked_for(browsed: Browsed) -> None:
    browsed.cloud.plan("allow_snapshot_access", Died, after=True)
    with pytest.raises(Died):
        browsed.ask(browse_to=HOST)
    assert browsed.rules()
    browsed.cloud.calls.clear()
    assert browsed.stage.delete(browsed.checkpoint, browsed.share) == []
    assert browsed.cloud.calls.count("deny_snapshot_access") == 1
    assert browsed.due() == []


def test_the_next_browse_ends_what_a_dead_one_left(browsed: Browsed) -> None:
    browsed.cloud.plan("allow_snapshot_access", Died, after=True)
    with pytest.raises(Died):
        browsed.ask(browse_to=HOST)
    assert browsed.ask(browse_to="10.0.0.8")["way"] == "granted"
    assert browsed.rules() == [("ip", "10.0.0.8", "active")]
    assert len(browsed.intents()) == 1


def test_restores_and_drills_go_on_beside_it(browsed: Browsed) -> None:
    browsed.ask(browse_to=HOST)
    assert browsed.stage.restore(browsed.checkpoint, browsed.share, restore=Record()) == []
    assert browsed.rules() == [("ip", HOST, "active")]


def test_a_deletion_is_not_held_up_by_a_driver_that_cannot_browse_any_more(
    browsed: Browsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    browsed.ask(browse_to=HOST)
    monkeypatch.setattr(browse_end, "Browsable", type("Nobody", (), {}))
    assert browsed.stage.delete(browsed.checkpoint, browsed.share) == []
    assert browsed.cloud.snapshots == {}
    assert browsed.due() == []


@pytest.mark.parametrize(
    ("one", "same"),
    [("10.0.0.7", "10.0.0.7/32"), ("2001:db8::/64", "2001:db8:0:0::/64")],
)
def test_the_same_address_written_otherwise_is_the_same_access(
    browsed: Browsed, one: str, same: str
) -> None:
    browsed.ask(browse_to=one, browse_for=600)
    assert browsed.ask(browse_to=same, browse_for=7200)["way"] == "extended"
    assert browsed.rules() == [("ip", one, "active")]
    assert [each["to"] for each in browsed.ask(browse_end=True, browse_to=same)["ended"]] == [one]
    assert browsed.rules() == []


def test_a_rule_of_the_users_that_is_written_otherwise_is_his(browsed: Browsed) -> None:
    browsed.manila().allow_snapshot_access(browsed.snapshot, "ip", "10.0.0.0/255.255.255.0")
    browsed.cloud.clock.sleep(10)
    assert browsed.ask(browse_to="10.0.0.0/24")["way"] == "already"
    assert browsed.ask(browse_end=True)["ended"] == []
