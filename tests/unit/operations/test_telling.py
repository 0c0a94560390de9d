# SPDX-License-Identifier: Apache-2.0
"""What is told of the operation on one share: each begins and comes to one end."""

from pathlib import Path
from typing import Any

import pytest

from karbor_manila.operations import telling
from karbor_manila.operations.restore import RestoreOperation
from karbor_manila.telemetry import events
from tests.fakes.manila import refused
from tests.unit.karbor_stage import PROJECT, Service
from tests.unit.operations.browsed import HOST, Browsed
from tests.unit.stage import Record, Stage
from tests.unit.telemetry.listeners import heard, types


@pytest.mark.parametrize(
    ("method", "given", "kind"),
    [
        ("restore", {}, "restore"),
        ("restore", {"share_id": "itself"}, "revert"),
        ("verify", {}, "verify"),
        ("verify", {"depth": "plan"}, "verify"),
        ("verify", {"depth": "drill"}, "drill"),
        ("delete", {}, "delete"),
    ],
)
def test_each_operation_is_told_by_what_it_does(
    stage: Stage, share: Any, checkpoint: Any, method: str, given: Any, kind: str
) -> None:
    given = {name: share["id"] if value == "itself" else value for name, value in given.items()}
    record = {"delete": {}}.get(method, {method: Record()})
    with heard() as told:
        assert getattr(stage, method)(checkpoint, share["id"], given=given, **record) == []
    assert types(told) == [f"{kind}.start", f"{kind}.end"]
    for each in told:
        assert (each.share_id, each.checkpoint_id) == (share["id"], checkpoint.id)
        assert (each.project_id, each.provider_id) == (stage.project_id, checkpoint.provider_id)
        assert each.plan_id == checkpoint.protection_plan["id"]
        assert each.request_id == (record[method].id if record else "")
    assert (told[0].seconds, told[1].reason) == (None, "")


def test_the_end_of_a_protection_tells_what_it_made_and_how_long_it_took(
    stage: Stage, share: Any
) -> None:
    with heard() as told:
        stage.protect(stage.checkpoint(share["id"]), share["id"])
    assert types(told) == ["protect.start", "protect.end"]
    (snapshot,) = stage.cloud.snapshots
    assert (told[1].made_id, told[1].driver) == (snapshot, "snapshot")
    assert told[1].seconds >= 3.0


def test_the_end_of_a_restore_tells_which_share_it_made(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    with heard() as told:
        stage.restore(checkpoint, share["id"], restore=Record())
    (new,) = set(stage.cloud.shares) - {share["id"]}
    assert told[1].made_id == new


def test_a_failure_is_told_with_the_reason_that_its_user_reads(stage: Stage, share: Any) -> None:
    stage.cloud.plan("create_snapshot", lambda: refused(413))
    with heard() as told:
        (error,) = stage.protect(stage.checkpoint(share["id"]), share["id"])
    assert types(told) == ["protect.start", "protect.error"]
    assert told[1].reason
    assert told[1].reason in str(error)
    assert (told[1].followed, told[1].made_id) == (False, "")


def test_what_the_reconciliation_goes_on_with_is_told_as_that(
    stage: Stage, share: Any, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RestoreOperation, "is_final", lambda _self, _error: False)
    stage.cloud.plan("create_share", lambda: refused(413))
    with heard() as told:
        stage.restore(checkpoint, share["id"], restore=Record())
    assert (types(told)[-1], told[-1].followed) == ("restore.error", True)


def test_a_parameter_that_cannot_be_used_is_told_as_any_failure(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    with heard() as told:
        stage.restore(checkpoint, share["id"], restore=Record(), given={"size": "many"})
    assert types(told) == ["restore.start", "restore.error"]


def test_of_a_share_that_its_user_does_not_want_nothing_is_told(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    with heard() as told:
        stage.restore(checkpoint, share["id"], restore=Record(), given={"include": "false"})
        stage.verify(checkpoint, share["id"], verify=Record(), given={"include": "false"})
    assert told == []


def test_a_share_that_is_left_out_is_no_failure(service: Service) -> None:
    gone, good = service.share(), service.share()
    project = {"type": PROJECT, "id": service.project_id, "name": "p"}
    service.call("protect", service.plan(resources=[project]))
    del service.cloud.shares[gone]
    with heard() as told:
        service.run()
    ends = {each.share_id: each for each in told if each.type == "share_protection.protect.end"}
    assert {share: each.left_out for share, each in ends.items()} == {gone: True, good: False}
    assert gone in ends[gone].reason
    assert types(told)[-1] == "checkpoint.end"
    assert (told[-1].ok, told[-1].failed, told[-1].left_out) == (1, 0, 1)


# -- access to a snapshot -------------------------------------------------------------------------


def test_access_is_told_when_it_is_in_force_and_when_it_was_taken_back(tmp_path: Path) -> None:
    browsed = Browsed(tmp_path)
    with heard() as told:
        browsed.ask(browse_to=HOST)
        given = browsed.record.id
        browsed.ask(browse_to=HOST, browse_for="7200")  # for longer
        browsed.ask()  # a list
        browsed.ask(browse_end="true")
    assert types(told) == ["browse.start", "browse.start", "browse.end"]
    for each in told:
        assert (each.access_type, each.access_to) == ("ip", HOST)
        assert (each.snapshot_id, each.request_id) == (browsed.snapshot, given)
    assert told[0].until < told[1].until == told[2].until


def test_access_that_could_not_be_given_is_told(tmp_path: Path) -> None:
    browsed = Browsed(tmp_path)
    browsed.cloud.plan("allow_snapshot_access", lambda: refused(400))
    with heard() as told:
        browsed.ask(browse_to=HOST)
    assert types(told) == ["browse.error"]
    assert told[0].reason


def test_access_that_ends_with_its_checkpoint_is_told(tmp_path: Path) -> None:
    browsed = Browsed(tmp_path)
    browsed.ask(browse_to=HOST)
    with heard() as told:
        browsed.stage.delete(browsed.checkpoint, browsed.share)
    assert types(told) == ["delete.start", "browse.end", "delete.end"]


# -- nobody listens -------------------------------------------------------------------------------


def test_nothing_is_looked_up_or_made_when_nobody_listens(
    stage: Stage, share: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    monkeypatch.setattr(telling.Telling, "__init__", lambda *_: made.append("telling"))
    monkeypatch.setattr(events.Event, "__post_init__", lambda _self: made.append("event"))
    monkeypatch.setattr(telling, "_kind", lambda *_: made.append("kind"))
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    assert stage.restore(checkpoint, share["id"], restore=Record()) == []
    assert stage.delete(checkpoint, share["id"]) == []
    assert made == []


def test_whoever_listens_badly_changes_nothing(stage: Stage, share: Any) -> None:
    def listen(*_args: Any) -> None:
        raise RuntimeError("no")

    events.listen(listen)
    try:
        checkpoint = stage.checkpoint(share["id"])
        assert stage.protect(checkpoint, share["id"]) == []
        assert stage.restore(checkpoint, share["id"], restore=Record()) == []
    finally:
        events.listen(None)
