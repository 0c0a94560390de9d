# SPDX-License-Identifier: Apache-2.0
"""What Karbor's columns do not hold never keeps anything from its end, and is not lost.

The database of these tests refuses what MariaDB refuses (karbor_stage._as_mariadb_would).
"""

import ast
import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import objects
from karbor.db.sqlalchemy import api as sqlalchemy_api
from oslo_db import exception as db_exception
from oslo_serialization import jsonutils

from karbor_manila.database import columns
from karbor_manila.manila.errors import ManilaRefused
from karbor_manila.service import reports
from karbor_manila.service.errors import NoSuchRecord
from tests.fakes.manila import FakeManila
from tests.unit.karbor_stage import SHARE, TEXT_BYTES, Service, started

FACE = "\U0001f600"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


def key(number: int) -> str:
    return f"{SHARE}#{uuid.UUID(int=number)}"


def refusing(answer: str) -> Callable[[], Exception]:
    return lambda: ManilaRefused("make a snapshot", 409, answer)


def verification(service: Service) -> Any:
    return service.record(objects.Verification, str(uuid.uuid4()))


def page(service: Service, checkpoint: Any, share: str, record: Any) -> dict[str, Any]:
    section = checkpoint.get_resource_bank_section(share)
    found: dict[str, Any] = section.get_object(f"reports/{record.id}")
    return found


# -- from outside ----------------------------------------------------------------------------


def test_a_verification_of_more_plans_than_there_is_room_for_ends_and_tells_of_every_share(
    service: Service,
) -> None:
    shares = [service.share() for _ in range(60)]
    checkpoint = service.protect(service.plan(*shares))
    long = {"depth": "plan", "restore_name": "x" * 250, "restore_description": "y" * 250}

    record = service.verify(checkpoint.id, {SHARE: long})

    saved = service.saved(record)
    assert saved.status == "success"
    assert saved.resources_status == {f"{SHARE}#{share}": "available" for share in shares}
    for share in shares:
        told = jsonutils.loads(saved.resources_reason[f"{SHARE}#{share}"])
        assert told["way"] == "new share"
        whole = jsonutils.loads(page(service, checkpoint, share, record)["told"])
        missing = told.pop(columns.SHORTENED)
        assert {**told, **{name: whole[name] for name in missing}} == whole
    lines = list(reports.of({service.provider.id: service.provider}, record.id))
    assert {line.share for line in lines} == set(shares)
    assert all(jsonutils.loads(line.reason)["source"] for line in lines)
    note = saved.resources_reason[f"report#{record.id}"]
    assert note.startswith("60 reasons are shortened")
    assert [log.status for log in service.logs()] == ["available", "success"]


def test_a_restore_of_many_shares_ends_and_says_of_each_new_share_what_it_was(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        FakeManila,
        "export_locations",
        lambda *_: [f"10.0.0.{n}:/shares/" + "p" * 90 for n in range(30)],
    )
    shares = [service.share() for _ in range(30)]
    checkpoint = service.protect(service.plan(*shares))

    record = service.restore(checkpoint.id)

    saved = service.saved(record)
    assert saved.status == "success"
    reasons = {k: v for k, v in saved.resources_reason.items() if k.startswith(SHARE)}
    came_from = [jsonutils.loads(r)["restored_from"]["share_id"] for r in reasons.values()]
    assert sorted(came_from) == sorted(shares)


def test_a_report_of_what_there_never_was_is_refused(service: Service) -> None:
    with pytest.raises(NoSuchRecord, match="neither a restore nor a verification"):
        list(reports.of({service.provider.id: service.provider}, str(uuid.uuid4())))


def test_reports_go_with_the_checkpoint(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [service.share()]
    checkpoint = service.protect(service.plan(*shares))
    monkeypatch.setattr(columns, "fair_share", lambda _count: 0)
    record = service.verify(checkpoint.id, {SHARE: {"depth": "plan"}})
    assert page(service, checkpoint, shares[0], record)

    service.delete(checkpoint.id)

    section = checkpoint.get_resource_bank_section(shares[0])
    assert section.list_objects() == ["status"]


def test_letters_of_four_bytes_do_not_keep_an_operation_log_open(service: Service) -> None:
    share = service.share()
    service.cloud.plan("create_snapshot", refusing(f"no {FACE} here"))

    checkpoint = service.protect(service.plan(share))

    assert checkpoint.status == "error"
    (log,) = service.logs()
    assert log.status == "error"
    assert log.ended_at
    assert r"no \U0001f600 here" in log.error_info


def test_reasons_of_more_failures_than_there_is_room_for_do_not_keep_a_log_open(
    service: Service,
) -> None:
    shares = [service.share() for _ in range(40)]
    service.cloud.plan("create_snapshot", refusing("why " * 800), times=40)

    service.protect(service.plan(*shares))

    (log,) = service.logs()
    assert log.ended_at
    assert log.error_info.endswith("more.")
    assert log.error_info.count("\n") > 15


def test_a_record_that_is_full_already_is_brought_to_its_end(service: Service) -> None:
    """As versions before this one left it: there is no room for the sentence of its end."""
    shares = [service.share() for _ in range(2)]
    checkpoint = service.protect(service.plan(*shares))
    record = service.record(objects.Verification, checkpoint.id, {SHARE: {}})
    full = {key(n): "x" * 570 for n in range(100)}
    full[key(0)] += "x" * (TEXT_BYTES - len(jsonutils.dumps(full)))
    record.resources_reason = full
    record.resources_status = dict.fromkeys(full, "available")
    record.save()
    service = service.die()
    service.cloud.clock.seconds += 3600

    service.manager.reconciliation._grace = -10.0
    assert list(service.manager.reconciliation.run().values()) == ["fail"]

    saved = service.saved(record)
    assert saved.status == "fail"
    assert "died before its end" in saved.resources_reason[f"checkpoint#{checkpoint.id}"]
    assert saved.resources_status.keys() > full.keys()


def test_what_is_refused_for_its_content_is_saved_shorter_and_the_session_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = verification(service)
    record.obj_reset_changes()
    monkeypatch.setattr("tests.unit.karbor_stage.TEXT_BYTES", 20_000)
    columns.report(record, key(1), "error", "y" * 50_000)
    columns.report(record, key(2), "available", "z" * 1_000)

    columns.save(record)

    saved = service.saved(record)
    assert saved.resources_status == {key(1): "error", key(2): "available"}
    assert saved.resources_reason[key(1)].startswith("yyyy")
    record["status"] = "fail"
    record.save()
    assert service.saved(record).status == "fail"


def test_a_status_is_not_lost_for_a_reason_that_no_length_makes_fit(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = verification(service)
    monkeypatch.setattr("tests.unit.karbor_stage.TEXT_BYTES", 700)
    columns.report(record, key(1), "error", "y" * 50_000)

    columns.save(record)

    assert service.saved(record).resources_status == {key(1): "error"}


def test_a_database_that_is_away_is_not_taken_for_one_that_refuses(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = verification(service)
    columns.report(record, key(1), "error", "why")

    def away(*_args: Any) -> Any:
        raise db_exception.DBConnectionError("gone")

    monkeypatch.setattr(sqlalchemy_api, "get_session", away)
    with pytest.raises(db_exception.DBConnectionError):
        columns.save(record)


def test_no_other_module_writes_into_karbors_records() -> None:
    """What is written past these functions is what a database may refuse for ever."""
    package = Path(columns.__file__).parent.parent
    writing = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"save", "update_resource_status"}
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "columns")
    }
    assert writing == {"database/columns.py"}


# -- what fits --------------------------------------------------------------------------------


class Paper(dict[str, Any]):
    """As much of a record as is looked at."""

    def update_resource_status(self) -> None:
        raise NotImplementedError


def fitted(status: dict[str, str], reason: dict[str, str]) -> Paper:
    record = Paper(id=str(uuid.UUID(int=5)))
    told = columns.Report(record)
    for each, word in status.items():
        told.add(record, each, word, reason.get(each))
    return record


def test_whatever_is_told_fits_and_as_much_as_possible_of_it() -> None:
    dice = random.Random(8)
    for _turn in range(40):
        count = dice.choice([1, 2, 30, 150, 700])
        status = {key(n): dice.choice(["available", "error", "undefined"]) for n in range(count)}
        reason = {each: dice.choice('aä"' + FACE) * dice.choice([5, 300, 9_000]) for each in status}
        record = Paper(id="r")
        told = columns.Report(record)
        for each, word in status.items():
            told.note(each, word, reason[each])

        told.fit(record)

        whole = len(jsonutils.dumps(reason))
        size = len(jsonutils.dumps(record["resources_reason"]))
        assert len(jsonutils.dumps(record["resources_status"])) <= TEXT_BYTES
        assert size <= columns.MOST_BYTES
        if whole > columns.MOST_BYTES:
            assert size > columns.MOST_BYTES / 2
        if count <= 700:
            assert record["resources_status"] == status


@pytest.mark.parametrize("count", [2, 30, 98, 165, 300])
def test_nothing_below_a_fair_share_is_ever_cut(count: int) -> None:
    fair = columns.fair_share(count)
    assert fair > 0
    status = {key(n): "error" if n % 3 else "available" for n in range(count)}
    reason = {each: "x" * ((fair - 2) if n % 2 else 20_000) for n, each in enumerate(status)}

    record = fitted(status, reason)

    for n, each in enumerate(status):
        if n % 2:
            assert record["resources_reason"][each] == reason[each]


def test_failures_are_told_whole_as_long_as_there_is_room_for_them() -> None:
    status = {key(n): "available" for n in range(150)} | {key(1000): "error"}
    reason = {key(n): jsonutils.dumps({"new": "y" * 800, "way": "w"}) for n in range(150)}
    reason[key(1000)] = "because " * 300

    record = fitted(status, reason)

    assert record["resources_reason"][key(1000)] == reason[key(1000)]
    assert jsonutils.loads(record["resources_reason"][key(7)]) == {"way": "w", "shortened": ["new"]}


def test_of_more_resources_than_can_be_listed_the_failures_are() -> None:
    status = {key(n): "available" for n in range(2_000)} | {key(5_000): "error"}

    record = fitted(status, {})

    assert record["resources_status"][key(5_000)] == "error"
    assert len(jsonutils.dumps(record["resources_status"])) <= TEXT_BYTES
    assert "more resources are not listed" in record["resources_reason"][f"report#{record['id']}"]


def test_what_fitting_costs_grows_with_the_resources_and_no_faster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured: list[str] = []
    capped: list[int] = []
    monkeypatch.setattr(columns, "_size", lambda value: measured.append(value) or len(value) + 2)
    cap = columns._cap
    monkeypatch.setattr(columns, "_cap", lambda sizes, room: capped.append(1) or cap(sizes, room))
    record = Paper(id="r")
    told = columns.Report(record)
    for number in range(2_000):
        told.note(key(number), "available", "x" * 100)
    assert len(measured) <= 2_000 * 4
    assert record.keys() == {"id"}
    measured.clear()

    told.fit(record)

    assert len(measured) <= 2_000 * 8
    assert len(capped) <= 2


def test_a_record_that_is_fitted_twice_says_once_that_it_is() -> None:
    status = {key(n): "available" for n in range(200)}
    record = fitted(status, dict.fromkeys(status, "x" * 900))
    note = record["resources_reason"][f"report#{record['id']}"]

    columns.report(record, "checkpoint#1", "error", "the end")

    assert record["resources_reason"]["checkpoint#1"] == "the end"
    notes = [r for k, r in record["resources_reason"].items() if k.startswith("report#")]
    assert len(notes) == 1
    assert note.partition("reasons")[2] == notes[0].partition("reasons")[2]


def test_a_short_text_stays_as_it_is_and_a_long_one_is_cut_between_letters() -> None:
    assert columns.text("ä 1") == "ä 1"
    assert columns.text(f"a{FACE}b") == r"a\U0001f600b"
    assert columns.text("\ud800") == r"\U0000d800"
    cut = columns.text("ä" * 100, 50)
    assert len(cut.encode()) <= 50
    assert cut.startswith("äää")
    assert cut.endswith("[...]")
