# SPDX-License-Identifier: Apache-2.0
"""What the hook in manila-share sees and tells, and that Manila never suffers from it."""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg

from karbor_manila.common import validators
from karbor_manila.hooks.watch_sender import Failures, Sender
from tests.unit.hooks_manila.manila_stub import (
    MARK,
    WHO,
    Configuration,
    Context,
    Database,
    db,
    module,
)

__all__ = ["db", "module"]

#: Not by its package: the host of Manila has the checkout alone (tests/functional).
WATCH_SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "watch.json").read_text())

SNAPSHOT = "00000000-0000-0000-0000-0000000000c1"
OTHER = "00000000-0000-0000-0000-0000000000c2"
SHARE = "00000000-0000-0000-0000-0000000000d1"


class Told:
    """Keeps what a hook sends."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.lost = Failures("lost")

    def send(self, event: dict[str, Any]) -> None:
        self.events.append(event)


@pytest.fixture
def hook(module: Any, db: Database) -> Any:
    made = module.CheckpointWatchHook(Configuration(), "host@backend")
    made._senders = [Told()]
    db.add(SNAPSHOT, SHARE, MARK)
    return made


def told(hook: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hook._senders[0].events
    return found


def called(
    hook: Any,
    db: Database,
    func_name: str,
    *args: Any,
    takes: Any = (),
    who: dict[str, str] = WHO,
    **kw: Any,
) -> None:
    """A call of Manila's share manager as its decorator makes it (add_hooks), that succeeds."""
    context = Context(**who)
    data = hook.execute_pre_hook(context, *args, func_name=func_name, **kw)
    for gone in takes:
        db.snapshots.pop(gone, None)
        db.shares.pop(gone, None)
    results = {"func_name": func_name, "driver_action_results": None, "pre_hook_data": data}
    hook.execute_post_hook(context, *args, **results, **kw)


@pytest.mark.parametrize(
    ("func_name", "named"),
    [
        ("delete_snapshot", {"snapshot_id": SNAPSHOT, "force": True}),
        ("delete_replicated_snapshot", {"snapshot_id": SNAPSHOT, "share_id": SHARE}),
        ("unmanage_snapshot", {"snapshot_id": SNAPSHOT}),
    ],
)
def test_what_goes_is_told_with_who_asked_for_it(
    hook: Any, db: Database, func_name: str, named: dict[str, Any]
) -> None:
    called(hook, db, func_name, takes=[SNAPSHOT], **named)
    (event,) = told(hook)
    assert event["what"] == func_name
    assert (event["by"], event["mark"]) == (WHO, MARK)
    assert (event["snapshot_id"], event["share_id"]) == (SNAPSHOT, SHARE)
    assert event["host"] == "host@backend"
    assert validators.worst(WATCH_SCHEMA, event) is None


def test_any_user_of_ldap_is_told_so_that_it_is_understood(hook: Any, db: Database) -> None:
    """What is not in the schema is set aside, and with it the loss."""
    who = WHO | {"user_id": f"cn=J\u00f6rg Doe,dc=example{'x' * 200}"}
    called(hook, db, "delete_snapshot", who=who, takes=[SNAPSHOT], snapshot_id=SNAPSHOT)
    (event,) = told(hook)
    assert event["by"]["user_id"].startswith("cn_J_rg_Doe_dc_example")
    assert validators.worst(WATCH_SCHEMA, event) is None


def test_an_argument_that_is_given_by_its_place_is_found_too(hook: Any, db: Database) -> None:
    called(hook, db, "delete_snapshot", SNAPSHOT, takes=[SNAPSHOT])
    assert [event["snapshot_id"] for event in told(hook)] == [SNAPSHOT]


def test_what_stays_although_the_call_succeeded_is_not_told(hook: Any, db: Database) -> None:
    """Manila's unmanage_snapshot returns when a driver refuses it."""
    called(hook, db, "unmanage_snapshot", snapshot_id=SNAPSHOT)
    assert told(hook) == []


def test_what_its_users_do_not_see_any_more_is_gone(hook: Any, db: Database) -> None:
    """With a deferred deletion."""
    context = Context(**WHO)
    data = hook.execute_pre_hook(context, func_name="delete_snapshot", snapshot_id=SNAPSHOT)
    db.snapshots[SNAPSHOT]["status"] = "error_deferred_deleting"
    hook.execute_post_hook(context, func_name="delete_snapshot", pre_hook_data=data)
    assert len(told(hook)) == 1


def test_a_call_that_fails_tells_nothing(hook: Any) -> None:
    """Manila calls no post then."""
    data = hook.execute_pre_hook(Context(), func_name="delete_snapshot", snapshot_id=SNAPSHOT)
    assert data
    assert told(hook) == []


def test_a_revert_is_told_although_nothing_goes(hook: Any, db: Database) -> None:
    called(hook, db, "revert_to_snapshot", snapshot_id=SNAPSHOT, reservations=[])
    assert [event["what"] for event in told(hook)] == ["revert_to_snapshot"]


@pytest.mark.parametrize(
    ("func_name", "named"),
    [
        ("delete_share_instance", {"share_instance_id": f"instance of {SHARE}"}),
        ("unmanage_share", {"share_id": SHARE}),
    ],
)
def test_with_a_share_goes_what_is_kept_of_it(
    hook: Any, db: Database, func_name: str, named: dict[str, str]
) -> None:
    db.add(OTHER, SHARE, {})  # bears no mark
    made_by = MARK | {"restore": "00000000-0000-0000-0000-0000000000b5"}
    db.shares[SHARE]["metadata"] = {f"karbor_manila_{name}": v for name, v in made_by.items()}
    called(hook, db, func_name, takes=[SNAPSHOT, SHARE], **named)
    of_snapshot, of_share = told(hook)
    assert (of_snapshot["snapshot_id"], of_snapshot["mark"]) == (SNAPSHOT, MARK)
    assert (of_share["share_id"], of_share["mark"]) == (SHARE, made_by)
    assert "snapshot_id" not in of_share
    assert validators.worst(WATCH_SCHEMA, of_share) is None


def test_a_mark_in_the_description_counts_too(hook: Any, db: Database) -> None:
    short = {name: value.replace("-", "") for name, value in MARK.items()}
    text = "mine [karbor-manila c={checkpoint} s={resource} p={provider} b={bank}]".format(**short)
    db.add(OTHER, SHARE, {}, display_description=text)
    called(hook, db, "delete_snapshot", snapshot_id=OTHER, takes=[OTHER])
    assert [event["mark"] for event in told(hook)] == [MARK]


def test_what_bears_no_mark_costs_one_look(hook: Any, db: Database) -> None:
    db.add(OTHER, SHARE, {})
    called(hook, db, "delete_snapshot", snapshot_id=OTHER, takes=[OTHER])
    assert told(hook) == []
    assert db.asked == [OTHER]


@pytest.mark.parametrize("func_name", ["create_snapshot", "update_access", "init_host", ""])
def test_what_is_not_watched_costs_nothing(hook: Any, db: Database, func_name: str) -> None:
    called(hook, db, func_name, snapshot_id=SNAPSHOT, share_id=SHARE)
    assert (told(hook), db.asked) == ([], [])


def test_a_share_server_can_be_deleted(hook: Any) -> None:
    """Two arguments by their places, of which the second one is no name of a function: with
    Manila's own public methods this is a TypeError (manila/share/manager.py, add_hooks)."""
    server = {"id": "server"}
    name = "delete_share_server"
    data = hook.execute_pre_hook(Context(), server, func_name=name)
    assert data is None
    hook.execute_post_hook(
        Context(), server, func_name=name, pre_hook_data=data, driver_action_results=None
    )


def test_a_database_that_is_away_is_counted_and_logged_now_and_then(
    hook: Any, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    db.error = RuntimeError("gone away")
    for _ in range(50):
        called(hook, db, "delete_snapshot", snapshot_id=SNAPSHOT)
        called(hook, db, "unmanage_share", share_id=SHARE)
    assert hook.failures.count == 100
    assert caplog.text.count("gone away") == 1


def test_arguments_that_this_release_does_not_know_are_no_failure_of_manila(hook: Any) -> None:
    assert hook.execute_pre_hook(Context(), func_name="delete_snapshot", other=1) is None
    assert hook.failures.count == 1


def test_without_its_context_manila_is_an_administrator(
    hook: Any, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Contexts:
        @staticmethod
        def get_admin_context() -> Context:
            return Context(is_admin=True)

    monkeypatch.setitem(sys.modules, "manila.context", Contexts)
    assert hook.execute_pre_hook(func_name="delete_snapshot", snapshot_id=SNAPSHOT)


# -- the periodic hook ------------------------------------------------------------------------


def periodic(hook: Any) -> list[tuple[str, str]]:
    before = len(told(hook))
    hook.execute_periodic_hook(Context(), [])
    return [(event["snapshot_id"], event["status"]) for event in told(hook)[before:]]


def test_what_failed_is_told_once_and_again_when_it_changes(hook: Any, db: Database) -> None:
    assert periodic(hook) == []
    db.add(OTHER, SHARE, {}, status="error")  # of nobody
    db.snapshots[SNAPSHOT]["status"] = "error"
    assert periodic(hook) == [(SNAPSHOT, "error")]
    (event,) = told(hook)
    assert event["what"] == "failed"
    assert event["by"] == {}
    assert validators.worst(WATCH_SCHEMA, event) is None
    assert periodic(hook) == []
    db.snapshots[SNAPSHOT]["status"] = "error_deleting"
    assert periodic(hook) == [(SNAPSHOT, "error_deleting")]


def test_of_very_many_failures_each_turn_takes_some(
    hook: Any, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = "karbor_manila.hooks.watch_look"
    monkeypatch.setattr(f"{look}.MOST_AT_ONCE", 2)
    monkeypatch.setattr(f"{look}.MOST_REMEMBERED", 4)
    db.snapshots.clear()
    for number in range(5):
        db.add(f"s-{number}", SHARE, MARK, status="error")
    assert [len(periodic(hook)) for _ in range(3)] == [2, 2, 1]

    assert len(hook._look._known) == 4


def test_what_failed_is_told_again_when_something_could_not_be_told(
    hook: Any, db: Database
) -> None:
    """A spool was full: of what is gone an audit tells, of this nobody else."""
    db.snapshots[SNAPSHOT]["status"] = "error"
    assert periodic(hook) == [(SNAPSHOT, "error")]
    hook._senders[0].lost.note("full")
    assert periodic(hook) == [(SNAPSHOT, "error")]
    assert periodic(hook) == []


# -- how it is made ---------------------------------------------------------------------------


def test_what_is_turned_off_does_nothing(module: Any, db: Database) -> None:
    db.add(SNAPSHOT, SHARE, MARK, status="error")
    off = {f"enable_{what}_hooks": False for what in ("pre", "post", "periodic")}
    hook = module.CheckpointWatchHook(Configuration(**off), "host@backend")
    hook._senders = [Told()]
    called(hook, db, "delete_snapshot", snapshot_id=SNAPSHOT, takes=[SNAPSHOT])
    assert periodic(hook) == []
    assert db.asked == []


def test_a_hook_that_is_half_turned_on_says_so(
    module: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    module.CheckpointWatchHook(Configuration(enable_post_hooks=False), "host@backend")
    assert "enable_pre_hooks and enable_post_hooks" in caplog.text


def test_it_writes_into_the_spool_that_the_backend_names(
    module: Any, db: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "spool"
    hook = module.CheckpointWatchHook(Configuration(karbor_watch_spool=str(folder)), "host@backend")
    db.add(SNAPSHOT, SHARE, MARK)
    (sender,) = hook._senders
    tell, hook._senders = sender.tell, [Told()]
    called(hook, db, "delete_snapshot", snapshot_id=SNAPSHOT, takes=[SNAPSHOT])
    (event,) = told(hook)
    tell(event)
    (path,) = folder.iterdir()
    assert json.loads(path.read_text()) == event


def test_no_way_at_all_is_none(module: Any) -> None:
    assert module.CheckpointWatchHook(Configuration(), "host@backend")._senders == []


def test_it_sends_notifications(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By oslo.messaging's in-memory driver."""
    conf = cfg.ConfigOpts()
    conf([])
    transport = oslo_messaging.get_notification_transport(conf, url="fake://")
    rpc = type("Rpc", (), {"NOTIFICATION_TRANSPORT": transport})
    monkeypatch.setitem(sys.modules, "manila.rpc", rpc)
    hook = module.CheckpointWatchHook(
        Configuration(karbor_watch_notifications=True), "host@backend"
    )
    (sender,) = hook._senders
    assert isinstance(sender, Sender)
    sender.tell({"what": "failed", "mark": MARK})
    target = oslo_messaging.Target(topic="karbor_manila_watch")
    driver = transport._driver
    poller = driver.listen_for_notifications(
        [(target, "info")], None, None, None
    )._poll_style_listener
    (message,) = poller.poll(timeout=60)
    assert message.message["payload"] == {"what": "failed", "mark": MARK}
    assert message.message["event_type"] == "karbor_manila.watch.failed"
    assert message.message["publisher_id"] == "share.host@backend"
