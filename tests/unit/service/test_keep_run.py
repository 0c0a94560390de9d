# SPDX-License-Identifier: Apache-2.0
"""The keep rules of a plan are carried out: after a protection, under claims, nothing twice."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.db.sqlalchemy import api as karbor_db

from karbor_manila import schemas
from karbor_manila.bank import holding
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common import keep_rules
from karbor_manila.common.holds import Hold
from karbor_manila.database import keeping_plans
from karbor_manila.recovery.searched import Look
from karbor_manila.service import counts
from tests.unit.karbor_stage import PROJECT, SHARE, Service, started, told
from tests.unit.recovery import hooked
from tests.unit.service.keep_stage import DAY, START, Days
from tests.unit.service.retention_stage import Stage


@pytest.fixture
def days(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Days:
    days = Days(stage, monkeypatch, keep_daily="3", keep_weekly="2")
    days.order = days.protect(10)
    return days


def test_what_no_rule_keeps_goes_with_its_snapshots(days: Days) -> None:
    days.turn()
    # The 1st of March 2026 is a Sunday, and so is the 8th; the 10th is the last day.
    assert days.left() == [days.order[n] for n in (7, 8, 9)]
    assert days.stage.snapshots(days.share) == 3
    assert not days.service.manager.claims.held
    days.turn()
    assert len(days.left()) == 3


def test_a_protection_asks_for_it_and_others_cost_nothing(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days.service.manager.runtime.keeping, "_all_at", float("inf"))
    days.service.manager.runtime.keeping.turn()
    assert len(days.left()) == 3  # the fixture has protected it
    other = days.service.plan(days.share)
    made = [days.service.protect(other).id for _ in range(3)]
    listed: list[str] = []
    monkeypatch.setattr(days.service.provider.bank, "list_objects", listed.append)
    days.service.manager.runtime.keeping.turn()
    assert listed == []
    monkeypatch.undo()
    assert set(made) <= set(days.stage.left())


def test_all_plans_are_looked_at_now_and_then(days: Days) -> None:
    keeping = days.service.manager.runtime.keeping
    keeping._soon.clear()
    keeping.turn()
    assert len(days.left()) == 3


def test_a_plan_without_rules_or_that_was_deleted_loses_nothing(days: Days) -> None:
    assert [plan.id for plan in keeping_plans.read()] == [days.plan.id]
    karbor_db.plan_destroy(days.service.context(is_admin=True), days.plan.id)
    days.turn()
    assert len(days.left()) == 10


def test_rules_that_cannot_be_read_remove_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(stage, monkeypatch, keep_daily="none")
    days.plan = days.service.plan(days.share, id=days.plan.id)
    days.order = days.protect(3)
    days.turn()
    days.stage.schedule(days.plan, max_backups=1)
    days.stage.prune(days.plan, 1)  # Karbor prunes although the protection before was refused
    assert len(days.left()) == 3


def test_they_are_refused_before_a_checkpoint_exists(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(stage, monkeypatch, keep_daily="1", keep_time_zone="Mars/Base")
    with pytest.raises(karbor_exception.InvalidPlan, match="keep_time_zone"):
        days.protect()
    assert not days.service.checkpoints()


def test_a_failed_one_stays_and_no_good_one_goes_for_it(days: Days) -> None:
    days.service.cloud.failing.add(f"create_snapshot {days.share}")
    (failed,) = days.protect()
    days.order.append(failed)
    days.turn()
    assert days.left() == [days.order[n] for n in (7, 8, 9, 10)]


def test_what_somebody_works_with_goes_another_time(days: Days) -> None:
    used = days.order[2]
    claims = days.service.manager.claims
    bank = days.service.provider.bank
    provider_id = days.service.provider.id
    claims.take("a restore", "restore", provider_id=provider_id, checkpoint_id=used, bank=bank)
    days.turn()
    assert days.left() == [days.order[n] for n in (2, 7, 8, 9)]
    claims.release("a restore")
    days.turn()
    assert days.left() == [days.order[n] for n in (7, 8, 9)]


def test_one_that_is_being_deleted_speaks_for_no_other(days: Days) -> None:
    """Who deletes the newest one and who carries out the rules act at the same moment."""
    claims, newest = days.service.manager.claims, days.order[-1]
    bank, provider_id = days.service.provider.bank, days.service.provider.id
    claims.take(newest, "delete", provider_id=provider_id, checkpoint_id=newest, bank=bank)
    days.turn()
    assert days.left() == [days.order[n] for n in (6, 7, 8, 9)]
    claims.release(newest)


def test_who_claims_after_the_first_look_is_seen_by_the_second(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = days.service.manager.runtime
    claim, done = runtime.keep_run._claim, []

    def claimed(provider: Any, checkpoint_id: str) -> bool:
        taken = claim(provider, checkpoint_id)
        if not done:  # a user deletes what would justify it, between the two looks
            done.append(True)
            for newest in days.order[7:]:
                days.service.delete(newest)
        return bool(taken)

    monkeypatch.setattr(runtime.keep_run, "_claim", claimed)
    days.turn()
    # The 7th, 6th and 5th are the last days now, and the 1st was the last day of its week.
    assert days.left() == [days.order[n] for n in (0, 4, 5, 6)]


def test_the_newest_good_one_stays_whatever_is_deleted_while_others_go(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each removal waits for Manila, and the decision on the next one is as old as that."""
    run = days.service.manager.runtime.keep_run
    settle, newest = run._settle, days.order[7:]

    def settled(*args: Any) -> Any:
        status = settle(*args)
        while newest:
            days.service.delete(newest.pop())
        return status

    monkeypatch.setattr(run, "_settle", settled)
    days.turn()
    assert days.left() == [days.order[n] for n in (4, 5, 6)]


def test_what_another_claims_after_its_removal_is_not_given_back(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the reconciliation of this process does with one whose removal it has to settle."""
    run, claims = days.service.manager.runtime.keep_run, days.service.manager.claims
    settle, tokens = run._settle, []
    first = days.order[0]

    def settled(fenced: Any, plan: Any, checkpoint: Any) -> Any:
        if checkpoint.id == first:
            raise BankUnreadable("give it", "it is away")
        if not tokens:
            place = {"provider_id": plan.provider_id, "checkpoint_id": first}
            claims.take(first, "reconcile", bank=days.service.provider.bank, **place)
            tokens.append(claims.token(first))
        return settle(fenced, plan, checkpoint)

    monkeypatch.setattr(run, "_settle", settled)
    days.turn()
    assert [claims.token(first)] == tokens
    claims.release(first)


def test_two_processes_at_once_remove_each_once(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = days.service.manager.runtime
    claim, other = runtime.keep_run._claim, []

    def claimed(provider: Any, checkpoint_id: str) -> bool:
        taken = claim(provider, checkpoint_id)
        if not other:
            heir = Service(days.service.folder, days.service.cloud)
            other.append(heir)
            days.turn(heir)
        return bool(taken)

    monkeypatch.setattr(runtime.keep_run, "_claim", claimed)
    days.turn()
    days.turn()
    assert days.left() == [days.order[n] for n in (7, 8, 9)]
    assert days.service.cloud.calls.count("delete_snapshot") == 7


@pytest.mark.parametrize("point", ["update_object", "delete_object"])
def test_who_dies_at_any_write_leaves_it_to_the_reconciliation(
    days: Days, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Whatever was written before: the rest of it goes, and nothing else."""
    for allowed in itertools.count():
        bank = days.service.provider.bank
        plugin = bank._plugin
        write, left = getattr(plugin, point), [allowed]

        def dying(*args: Any, write: Any = write, left: list[int] = left, **kwargs: Any) -> Any:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return write(*args, **kwargs)

        monkeypatch.setattr(plugin, point, dying)
        try:
            days.turn()
        except KeyboardInterrupt:
            monkeypatch.setattr(plugin, point, write)
        else:
            monkeypatch.setattr(plugin, point, write)
            break
        days.service = days.stage.service = days.service.die()
        days.service.manager.reconciliation.run(where=Look.BANKS)
        statuses = days.stage.left()
        assert set(statuses.values()) == {"available"}
        assert set(days.order[7:]) <= set(statuses)
    assert allowed > 3
    assert days.left() == [days.order[n] for n in (7, 8, 9)]
    assert days.stage.snapshots(days.share) == 3


def test_what_cannot_be_removed_says_why_and_holds_up_no_other_one(days: Days) -> None:
    """As of a DELETE: a dead end of Karbor's, which is deleted once more."""
    days.service.cloud.failing.add(f"delete_snapshot {days.share}")
    days.turn()
    statuses = days.stage.left()
    assert [statuses[each] for each in days.order] == ["error-deleting"] * 7 + ["available"] * 3
    assert told(days.service.checkpoint(days.order[0]))["reasons"]
    assert not days.service.manager.claims.held


def test_a_bank_that_goes_away_between_two_claims_leaves_none(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = days.service.manager.claims
    take, taken = claims.take, []

    def taking(*args: Any, **kwargs: Any) -> Any:
        if taken:
            raise BankUnreadable("list its leases", "it is away")
        taken.append(args)
        return take(*args, **kwargs)

    monkeypatch.setattr(claims, "take", taking)
    days.turn()
    monkeypatch.undo()
    assert taken
    assert not claims.held
    assert not claims.all()


def test_karbors_own_retention_leaves_what_a_rule_keeps(days: Days) -> None:
    days.stage.schedule(days.plan, max_backups=1)
    days.stage.prune(days.plan, 1)
    assert days.left() == [days.order[n] for n in (7, 8, 9)]
    with pytest.raises(karbor_exception.InvalidInput, match="keep rule of its plan"):
        days.service.call(
            "delete", days.service.provider.id, days.order[7], context=days.stage.context()
        )
    days.service.delete(days.order[7])  # a person's own decision
    assert days.order[7] not in days.left()


def test_a_project_is_counted_by_its_shares(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    days = Days(stage, monkeypatch, keep_last="2")
    days.plan = days.service.plan(
        resources=[{"type": PROJECT, "id": days.service.project_id, "name": "project"}],
        parameters={SHARE: {"keep_last": "2"}},
    )
    days.store({"keep_last": "2"})
    days.order = days.protect(3)
    days.service.cloud.shares[days.share]["status"] = "error"
    days.service.share()
    days.order += days.protect(3)
    days.turn()
    # The broken share keeps two of its own.
    assert days.left() == [days.order[n] for n in (1, 2, 4, 5)]


def test_the_quota_of_checkpoints_is_told(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Any] = []
    monkeypatch.setattr(counts, "lower", counted.append)
    days.turn()
    assert [context.project_id for context in counted] == [days.service.project_id] * 7


def test_the_form_has_each_rule_and_takes_what_is_taken() -> None:
    fields = schemas.OPTIONS_SCHEMA["properties"]
    names = {name for name in fields if name.startswith("keep_")}
    assert names == {*keep_rules.PARTS, keep_rules.ZONE}
    bounds = {(fields[name]["minimum"], fields[name]["maximum"]) for name in keep_rules.PARTS}
    assert bounds == {(1, keep_rules.MOST)}


def test_what_is_held_stays_and_no_other_one_goes_for_it(days: Days) -> None:
    bank = days.service.checkpoint(days.order[9])
    holding.write(bank, Hold("an audit", "user", days.service.project_id, "2026-03-10T12:00:00"))
    old = days.service.checkpoint(days.order[0])
    holding.write(old, Hold("a trial", "user", days.service.project_id, "2026-03-10T12:00:00"))
    days.turn()
    assert days.left() == [days.order[n] for n in (0, 6, 7, 8, 9)]


def test_what_a_wrong_clock_has_made_is_named_stays_and_no_other_one_goes_for_it(
    days: Days, caplog: pytest.LogCaptureFixture
) -> None:
    days.now = itertools.count(START + 400 * DAY, DAY)
    (ahead,) = days.protect()
    days.order.append(ahead)
    days.turn()
    assert days.left() == [*(days.order[n] for n in (7, 8, 9)), ahead]
    assert f"Checkpoint {ahead} is stamped 2027-04-05T12:00:00+00:00" in caplog.text


def test_the_operators_hooks_are_called_around_the_removal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooked.at_once(monkeypatch)
    with started(tmp_path, monkeypatch, options=hooked.OPTIONS) as service:
        days = Days(Stage(service, monkeypatch), monkeypatch, keep_last="1")
        days.order = days.protect(2)
        hooked.forget()
        days.turn()
        assert days.left() == days.order[1:]
        calls = [call for _name, call, _data, _outcome in hooked.First.posts]
        assert {(call.point, call.checkpoint_id) for call in calls} == {("delete", days.order[0])}
