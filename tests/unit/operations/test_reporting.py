# SPDX-License-Identifier: Apache-2.0
"""Reasons reach every place of Karbor's API that shows one, and never hide each other."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from karbor import db, objects
from karbor import exception as karbor_exception
from karbor.services.protection.flows import utils as flow_utils
from oslo_serialization import jsonutils

from karbor_manila.operations import reporting, restore
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.work import Work
from tests.fakes.manila import refused, transient
from tests.unit.karbor_stage import SHARE, Service, context_of, database, started, told
from tests.unit.stage import Record, Stage

PROJECT_ID = str(uuid.UUID(int=0xA))


@pytest.fixture
def checkpoint(stage: Stage) -> Any:
    return stage.checkpoint("a")


@pytest.fixture
def karbors_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with database(monkeypatch):
        yield


def job(checkpoint: Any, share_id: str = "a", **extras: Any) -> Any:
    flow = FlowContext(SimpleNamespace(outage_timeout=1.0), None)
    log = extras.get("operation_log")
    flow.bind(Work(None, "", checkpoint, extras.get("restore"), operation_log=log))
    return SimpleNamespace(
        checkpoint=checkpoint,
        share_id=share_id,
        extras=extras,
        request=extras.get("restore"),
        flow=flow,
    )


# -- the checkpoint ---------------------------------------------------------------------------


def test_a_reason_stands_in_the_checkpoint_under_karbors_name_of_the_share(
    stage: Stage, checkpoint: Any
) -> None:
    reporting.to_checkpoint(job(checkpoint), "it is broken")
    assert told(stage.checkpoints.get(checkpoint.id)) == {"reasons": {f"{SHARE}#a": "it is broken"}}


def test_the_extra_info_is_a_json_string_that_karbor_can_load(
    stage: Stage, checkpoint: Any, karbors_database: None
) -> None:
    checkpoint.extra_info = jsonutils.dumps({"created_by": "manual"})
    reporting.to_checkpoint(job(checkpoint), "it is broken")
    assert isinstance(checkpoint.extra_info, str)
    checkpoint._md_cache |= {"project_id": PROJECT_ID}
    flow_utils.create_operation_log(context_of(PROJECT_ID), checkpoint)


def test_who_made_the_checkpoint_is_kept(checkpoint: Any) -> None:
    made_by = {"created_by": "operation-engine", "scheduled_operation_id": "5", "more": [1, 2]}
    checkpoint.extra_info = jsonutils.dumps(made_by)
    reporting.to_checkpoint(job(checkpoint), "it is broken")
    reporting.add(checkpoint, "left_out", [])
    assert told(checkpoint).items() >= made_by.items()


def test_the_reasons_of_several_shares_stand_side_by_side(checkpoint: Any) -> None:
    for share in ("a", "b"):
        reporting.to_checkpoint(job(checkpoint, share), f"{share} is broken")
    assert told(checkpoint)["reasons"] == {
        f"{SHARE}#a": "a is broken",
        f"{SHARE}#b": "b is broken",
    }


def test_the_last_reason_of_a_share_counts(checkpoint: Any) -> None:
    for reason in ("first", "second"):
        reporting.to_checkpoint(job(checkpoint), reason)
    assert told(checkpoint)["reasons"] == {f"{SHARE}#a": "second"}


def test_a_list_is_replaced_and_not_merged(checkpoint: Any) -> None:
    reporting.add(checkpoint, "left_out", [{"id": "a"}])
    reporting.add(checkpoint, "left_out", [{"id": "b"}])
    assert told(checkpoint) == {"left_out": [{"id": "b"}]}


def test_an_emptied_extra_info_is_begun_anew(checkpoint: Any) -> None:
    for empty in (None, "", {}):
        checkpoint.extra_info = empty
        reporting.add(checkpoint, "reasons", {"x": "y"})
        assert told(checkpoint) == {"reasons": {"x": "y"}}


# -- the operation log ------------------------------------------------------------------------


def test_the_operation_log_gets_a_line_for_each_reason() -> None:
    log = Record()
    for reason in ("one", "two", "three"):
        reporting.to_operation_log(job(None, operation_log=log), reason)
    assert log["error_info"] == "one\ntwo\nthree"


def test_the_operation_log_is_saved_in_karbors_database(karbors_database: None) -> None:
    context = context_of(PROJECT_ID, is_admin=True)
    log = objects.OperationLog(
        context=context, project_id=PROJECT_ID, operation_type="protect", status="protecting"
    )
    log.create()
    for reason in ("one", "two"):
        reporting.to_operation_log(job(None, operation_log=log), reason)
    assert objects.OperationLog.get_by_id(context, log.id).error_info == "one\ntwo"


def test_without_an_operation_log_nothing_happens() -> None:
    reporting.to_operation_log(job(None), "one")
    reporting.to_operation_log(job(None, operation_log=None), "one")


def test_the_operation_log_never_outgrows_its_column() -> None:
    log = Record()
    for number in range(400):
        reporting.to_operation_log(job(None, operation_log=log), f"{number} " + "x" * 300)
    assert len(log["error_info"].encode()) < 2**16
    assert log["error_info"].startswith("0 x")


# -- places that cannot be written ------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        karbor_exception.BankUpdateObjectFailed(reason="full", key="k"),
        OSError("full"),
        RuntimeError("no database"),
        TypeError("damaged"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_place_that_cannot_be_written_is_logged_and_no_more(
    checkpoint: Any, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def write(_job: Any, _reason: str) -> None:
        raise error

    reporting.guard(write, job(checkpoint), "it is broken")
    assert checkpoint.id in caplog.text


@pytest.mark.parametrize("broken", ["to_checkpoint", "to_operation_log"])
def test_one_place_that_cannot_be_written_hides_neither_the_error_nor_the_other_places(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fails(*_args: Any) -> None:
        raise RuntimeError("cannot write")

    share = stage.cloud.add_share(stage.project_id)["id"]
    checkpoint, log = stage.checkpoint(share), Record()
    stage.cloud.plan("create_snapshot", lambda: refused(413))
    monkeypatch.setattr(reporting, broken, fails)
    (error,) = stage.protect(checkpoint, share, operation_log=log)
    assert "HTTP 413" in str(error)
    other = log["error_info"] if broken == "to_checkpoint" else checkpoint.extra_info
    assert "HTTP 413" in other


def test_a_refusal_is_told_even_when_manila_is_away_afterwards(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)["id"]
    stage.cloud.plan("create_snapshot", lambda: refused(413))
    stage.cloud.plan("share", transient, nth=2, times=10**6)
    (error,) = stage.protect(stage.checkpoint(share), share)
    assert "HTTP 413" in str(error)


def test_a_damaged_extra_info_hides_neither_the_error_nor_the_operation_log(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)["id"]
    checkpoint, log = stage.checkpoint(share), Record()
    checkpoint.extra_info = "not json"
    stage.cloud.plan("create_snapshot", lambda: refused(413))
    (error,) = stage.protect(checkpoint, share, operation_log=log)
    assert "HTTP 413" in str(error)
    assert "HTTP 413" in log["error_info"]


@pytest.mark.parametrize("nth", [1, 2], ids=["restoring", "available"])
def test_a_database_that_is_away_for_a_moment_does_not_cost_the_restored_share(
    stage: Stage, nth: int
) -> None:
    class Away(Record):
        """A restore whose n-th save fails; Karbor's keeps what it could not save for the next."""

        saves = 0

        def save(self) -> None:
            self.saves += 1
            if self.saves == nth:
                raise OSError("no database")

    share = stage.cloud.add_share(stage.project_id)["id"]
    checkpoint, record = stage.checkpoint(share), Away()
    stage.protect(checkpoint, share)
    assert stage.restore(checkpoint, share, restore=record) == []
    (new,) = set(stage.cloud.shares) - {share}
    assert record["resources_status"] == {f"{SHARE}#{new}": "available"}


# -- many hooks at once -----------------------------------------------------------------------


def interrupted(monkeypatch: pytest.MonkeyPatch, function: str, other: Any) -> None:
    """While Karbor waits for its database for the first time, the hook of another share runs.

    It gets a moment, and all the time it needs afterwards, should it have to wait for its turn.
    """
    original = getattr(db, function)
    hook = threading.Thread(target=other)

    def slow(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(db, function, original)
        hook.start()
        hook.join(timeout=0.5)
        return original(*args, **kwargs)

    monkeypatch.setattr(db, function, slow)
    monkeypatch.setattr(interrupted, "hook", hook, raising=False)


@pytest.fixture
def saves(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What reaches Karbor's tables: the last value of each column."""
    columns: dict[str, Any] = {}
    for function in ("restore_update", "operation_log_update"):
        monkeypatch.setattr(db, function, lambda _context, _id, values: columns.update(values))
    return columns


def test_no_share_is_lost_from_the_restore_record_when_two_are_ready_at_once(
    karbors_database: None, saves: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = objects.Restore(
        context=context_of(PROJECT_ID),
        project_id=PROJECT_ID,
        provider_id=PROJECT_ID,
        checkpoint_id=PROJECT_ID,
        parameters={},
        status="in_progress",
    )
    record.create()
    both = job(None, restore=record)
    interrupted(monkeypatch, "restore_update", lambda: restore.report(both, "b", "available"))
    restore.report(both, "a", "available")
    interrupted.hook.join()  # type: ignore[attr-defined]
    assert jsonutils.loads(saves["resources_status"]) == {
        f"{SHARE}#a": "available",
        f"{SHARE}#b": "available",
    }


def test_no_reason_is_lost_from_the_operation_log_when_two_fail_at_once(
    karbors_database: None, saves: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = objects.OperationLog(
        context=context_of(PROJECT_ID),
        project_id=PROJECT_ID,
        operation_type="protect",
        status="protecting",
    )
    log.create()
    both = job(None, operation_log=log)
    interrupted(
        monkeypatch, "operation_log_update", lambda: reporting.to_operation_log(both, "two")
    )
    reporting.to_operation_log(both, "one")
    interrupted.hook.join()  # type: ignore[attr-defined]
    assert saves["error_info"] == "one\ntwo"


# -- all together -----------------------------------------------------------------------------


def test_every_place_that_karbors_api_shows_has_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch) as service:
        share = service.share()
        service.cloud.failing.add(f"create_snapshot {share}")
        checkpoint = service.protect(service.plan(share))
        (log,) = service.logs()
        assert (checkpoint.status, log.status) == ("error", "error")
        shown = service.call("show_checkpoint", service.provider.id, checkpoint.id)
        assert (
            "the backend is full"
            in jsonutils.loads(shown["extra_info"])["reasons"][f"{SHARE}#{share}"]
        )
        assert "the backend is full" in log.error_info
        assert_restore_tells(service)


def assert_restore_tells(service: Service) -> None:
    """The same for a restore."""
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    service.cloud.failing.add(f"create_share {share}")
    saved = service.saved(service.restore(checkpoint.id))
    assert saved.status == "fail"
    (reason,) = saved.resources_reason.values()
    assert "the backend is full" in reason
    assert "the backend is full" in service.logs()[-1].error_info
