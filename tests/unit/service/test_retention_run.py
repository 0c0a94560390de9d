# SPDX-License-Identifier: Apache-2.0
"""Karbor's own retention against our manager: what it is shown, what it is refused, what goes."""

import datetime
import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from karbor import context as karbor_context
from karbor import exception as karbor_exception
from karbor import objects, quota
from karbor.db.sqlalchemy import api as db
from karbor.services.operationengine.operations.retention_operation import (
    RetentionProtectOperation,
)
from karbor.services.protection import checkpoint as karbor_checkpoint
from oslo_serialization import jsonutils

from karbor_manila.manila.errors import SnapshotGone
from karbor_manila.operations import lost_snapshots
from karbor_manila.service import sessions
from karbor_manila.service.errors import SessionUnavailable
from karbor_manila.service.retention import run
from tests.fakes.manila import refused
from tests.unit.karbor_stage import (
    NOOP,
    OUR_PROJECT,
    PROJECT,
    SHARE,
    Service,
    context_of,
    started,
    told,
)

KARBOR = "the user karbor"


class Stage:
    """A service, a plan, Karbor's clock, and its retention as the operation engine runs it."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.service = service
        self.seconds = itertools.count(1_700_000_000)
        monkeypatch.setattr(karbor_checkpoint.timeutils, "utcnow_ts", lambda: next(self.seconds))
        monkeypatch.setattr(sessions, "karbor_user_id", lambda **_kwargs: KARBOR)
        self.whole = service.plan(
            resources=[{"type": PROJECT, "id": service.project_id, "name": "project"}]
        )

    def schedule(self, plan: Any, *, enabled: bool = True, **rules: Any) -> Any:
        """An operation ``retention_protect`` as Karbor's API puts it into the database."""
        operation = objects.ScheduledOperation(
            self.service.context(),
            name="retention",
            operation_type="retention_protect",
            user_id=str(uuid.uuid4()),
            project_id=self.service.project_id,
            trigger_id=str(uuid.uuid4()),
            operation_definition={
                "provider_id": self.service.provider.id,
                "plan_id": plan.id,
                **{name: str(value) for name, value in rules.items()},
            },
            enabled=enabled,
        )
        operation.create()
        return operation

    def context(self, trustee: str | None = KARBOR) -> Any:
        """A request with a trust's token as oslo.messaging hands it over."""
        context = context_of(self.service.project_id)
        trust = {
            "id": "trust",
            "impersonation": True,
            "trustor_user": {"id": "user"},
            "trustee_user": {"id": trustee},
        }
        token = {"methods": ["password"]} | ({"OS-TRUST:trust": trust} if trustee else {})
        context._auth_token_info = {"token": token}
        sent = jsonutils.loads(jsonutils.dumps(context.to_dict()))
        return karbor_context.RequestContext.from_dict(sent)

    def listed(self, plan: Any, context: Any = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.service.call(
            "list_checkpoints",
            self.service.provider.id,
            filters={"plan_id": plan.id, "project_id": self.service.project_id},
            sort_keys=["created_at"],
            sort_dirs=["desc"],
            limit=1000,
            context=context,
        )
        return found

    def prune(self, plan: Any, most: int = -1, days: int = -1) -> None:
        """Both halves of a run of Karbor's retention, and what our manager does meanwhile."""
        context = self.context()

        class Checkpoints:
            """Karbor's client of its own API."""

            @staticmethod
            def list(**_options: Any) -> Any:
                return [SimpleNamespace(**item) for item in self.listed(plan, context)]

            @staticmethod
            def delete(provider_id: str, checkpoint_id: str) -> None:
                self.service.call("delete", provider_id, checkpoint_id, context=context)

        client = SimpleNamespace(checkpoints=Checkpoints)
        rest = (self.service.project_id, self.service.provider.id, plan.id)
        operation = RetentionProtectOperation
        operation._delete_old_backup_by_max_backups(operation, client, most, *rest)
        operation._delete_old_backup_by_duration(operation, client, days, *rest)
        self.service.run()

    def run(self, plan: Any, most: int = -1, days: int = -1) -> Any:
        """A whole run: a checkpoint, to its end, and what retention does after it."""
        try:
            made = self.service.protect(plan)
        except karbor_exception.FlowError:
            made = None
        self.prune(plan, most, days)
        return made

    def left(self) -> dict[str, str]:
        """The statuses of all checkpoints."""
        left = {item: self.service.checkpoint(item).status for item in self.service.checkpoints()}
        # All of what went is gone from each branch of the index.
        assert {key[-36:] for key in self.service.provider.bank.list_objects("/indices/")} == set(
            left
        )
        return left

    def snapshots(self, share_id: str) -> int:
        return sum(v["share_id"] == share_id for v in self.service.cloud.snapshots.values())

    def age(self, checkpoint: Any, days: int) -> None:
        """Let a checkpoint be this old."""
        day = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=days)
        section, bank = checkpoint.checkpoint_section, self.service.provider.bank
        index = section.get_object("index.json")
        section.update_object("index.json", index | {"created_at": day.isoformat()})
        for key in bank.list_objects("/indices/"):
            older = key.replace(f"/{index['created_at']}/", f"/{day}/")
            if key.endswith(f"@{checkpoint.id}") and older != key:
                bank.update_object(older, checkpoint.id)
                bank.delete_object(key)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with started(tmp_path, monkeypatch) as service:
        yield Stage(service, monkeypatch)


def status(stage: Stage, share_id: str, word: str) -> None:
    stage.service.cloud.shares[share_id]["status"] = word


# -- counting ---------------------------------------------------------------------------------


def test_of_good_checkpoints_the_newest_stay(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=2)
    made = [stage.run(plan, most=2).id for _ in range(5)]
    assert set(stage.left()) == set(made[-2:])


def test_a_broken_share_keeps_its_last_snapshot(stage: Stage) -> None:
    well, broken = stage.service.share(), stage.service.share()
    stage.schedule(stage.whole, max_backups=1)
    whole = stage.run(stage.whole, most=1)
    status(stage, broken, "error")
    for _ in range(3):
        partial = stage.run(stage.whole, most=1)
    assert stage.left() == {whole.id: "available", partial.id: "available"}
    assert (stage.snapshots(well), stage.snapshots(broken)) == (2, 1)
    status(stage, broken, "available")
    last = stage.run(stage.whole, most=1)
    assert stage.left() == {last.id: "available"}


def test_where_nothing_can_be_protected_the_last_real_checkpoint_stays(stage: Stage) -> None:
    share = stage.service.share()
    stage.schedule(stage.whole, max_backups=1, retention_duration=3)
    real = stage.run(stage.whole, most=1, days=3)
    stage.age(real, 10)
    status(stage, share, "extending_error")
    for _ in range(3):
        assert stage.run(stage.whole, most=1, days=3) is None
    assert stage.left()[real.id] == "available"
    assert stage.snapshots(share) == 1
    # The newest empty one tells its reason, and the older ones are gone.
    assert sorted(stage.left().values()) == ["available"] + ["error"] * (len(stage.left()) - 1)
    assert len(stage.left()) <= 2


def test_empty_checkpoints_of_earlier_releases_push_nothing_out(stage: Stage) -> None:
    stage.service.share()
    stage.schedule(stage.whole, max_backups=1)
    real, empty = (stage.service.protect(stage.whole) for _ in range(2))
    empty.resource_graph = []
    empty.commit()
    stage.prune(stage.whole, most=1)
    assert stage.left() == {real.id: "available"}


def test_a_checkpoint_whose_snapshot_is_lost_does_not_count(stage: Stage) -> None:
    one, other = stage.service.share(), stage.service.share()
    plan = stage.service.plan(one, other)
    stage.schedule(plan, max_backups=1)
    good, hurt = (stage.service.protect(plan) for _ in range(2))
    lost_snapshots.mark_as_lost(hurt, one, SnapshotGone("its snapshot"), lambda _seconds: None)
    stage.prune(plan, most=1)
    assert set(stage.left()) == {good.id, hurt.id}


def test_what_an_earlier_release_called_lost_does_not_count_either(stage: Stage) -> None:
    """It wrote a sentence and nothing that a program could read."""
    one, other = stage.service.share(), stage.service.share()
    plan = stage.service.plan(one, other)
    stage.schedule(plan, max_backups=1)
    good, hurt = (stage.service.protect(plan) for _ in range(2))
    hurt.extra_info = jsonutils.dumps({"reasons": {f"{SHARE}#{one}": "any sentence"}})
    hurt.commit()
    stage.prune(plan, most=1)
    assert set(stage.left()) == {good.id, hurt.id}


def test_a_failed_checkpoint_that_was_reset_counts_for_what_it_has_records_of(
    stage: Stage,
) -> None:
    one, other = stage.service.share(), stage.service.share()
    plan = stage.service.plan(one, other)
    stage.schedule(plan, max_backups=1)
    good = stage.service.protect(plan)
    status(stage, other, "error")
    half = stage.service.protect(plan)
    assert half.status == "error"
    stage.service.call("reset_state", stage.service.provider.id, half.id, "available")
    stage.prune(plan, most=1)
    assert stage.left() == {good.id: "available", half.id: "available"}


def test_copies_push_out_no_original(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    source = stage.service.protect(plan)
    pairs = stage.service.call("copy", plan)
    stage.service.run()
    stage.prune(plan, most=1)
    assert set(stage.left()) == {source.id, pairs[0]["checkpoint_copy_id"]}


def test_copies_are_counted_for_themselves(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    copies = []
    for _ in range(3):
        stage.service.protect(plan)
        copies += [pair["checkpoint_copy_id"] for pair in stage.service.call("copy", plan)]
        stage.service.run()
    stage.prune(plan, most=1)
    left = set(stage.left())
    assert left & set(copies) == {copies[-1]}
    assert len(left) == 2


def test_a_copy_of_a_partial_checkpoint_says_what_it_does_not_hold(stage: Stage) -> None:
    stage.service.share()
    status(stage, stage.service.share(), "error")
    source = stage.service.protect(stage.whole)
    (pair,) = stage.service.call("copy", stage.whole)
    stage.service.run()
    copy = stage.service.checkpoint(pair["checkpoint_copy_id"])
    assert copy.status == "available"
    assert told(copy)["left_out"] == told(source)["left_out"]


def test_a_share_that_went_while_the_checkpoint_was_made_does_not_count(stage: Stage) -> None:
    """It is in the graph, and named as left out."""
    gone, there = stage.service.share(), stage.service.share()
    plan = stage.service.plan(gone, there)
    stage.schedule(plan, max_backups=1)
    full, less = (stage.service.protect(plan) for _ in range(2))
    item = {"type": SHARE, "id": gone, "name": None, "reason": "it went", "kind": "gone"}
    less.extra_info = jsonutils.dumps({"left_out": [item]})
    less.commit()
    stage.prune(plan, most=1)
    assert set(stage.left()) == {full.id, less.id}


# -- age --------------------------------------------------------------------------------------


def test_age_never_takes_the_last_good_checkpoint(stage: Stage) -> None:
    share = stage.service.share()
    plan = stage.service.plan(share)
    stage.schedule(plan, retention_duration=3)
    older, newest = (stage.service.protect(plan) for _ in range(2))
    stage.age(older, 20)
    stage.age(newest, 10)
    status(stage, share, "error")
    stage.run(plan, days=3)
    assert older.id not in stage.left()
    assert stage.left()[newest.id] == "available"


def test_both_limits_together_end_where_karbor_would(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=4, retention_duration=3)
    made = [stage.service.protect(plan) for _ in range(6)]
    for place, checkpoint in enumerate(made):
        stage.age(checkpoint, 2 * (5 - place))  # 10, 8, 6, 4, 2, 0 days
    stage.prune(plan, most=4, days=3)
    assert set(stage.left()) == {made[-1].id, made[-2].id}


# -- failed checkpoints -----------------------------------------------------------------------


def failing(stage: Stage) -> tuple[Any, list[str]]:
    """A plan on three shares of which one was deleted."""
    shares = [stage.service.share() for _ in range(3)]
    plan = stage.service.plan(*shares)
    del stage.service.cloud.shares[shares[0]]
    return plan, shares[1:]


def test_what_failed_runs_keep_is_bounded(stage: Stage) -> None:
    plan, there = failing(stage)
    stage.schedule(plan, max_backups=2)
    for _ in range(6):
        stage.run(plan, most=2)
    assert list(stage.left().values()) == ["error"] * 2
    assert [stage.snapshots(share) for share in there] == [2, 2]


def test_a_failed_checkpoint_goes_once_a_newer_good_one_holds_its_shares(stage: Stage) -> None:
    one, other = stage.service.share(), stage.service.share()
    plan = stage.service.plan(one, other)
    stage.schedule(plan, max_backups=5)
    status(stage, other, "error")
    stage.run(plan, most=5)
    status(stage, other, "available")
    good = stage.run(plan, most=5)
    assert stage.left() == {good.id: "available"}
    assert (stage.snapshots(one), stage.snapshots(other)) == (1, 1)


def test_without_retention_failed_checkpoints_are_the_users_own(stage: Stage) -> None:
    plan, _there = failing(stage)
    for _ in range(3):
        stage.service.protect(plan)
        stage.listed(plan)
        stage.listed(plan, stage.context())  # retention that is no more
        stage.service.run()
    assert list(stage.left().values()) == ["error"] * 3


def test_a_failed_checkpoint_that_was_made_good_meanwhile_stays(stage: Stage) -> None:
    """Its user resets it between the list and its removal."""
    plan, _there = failing(stage)
    stage.schedule(plan, max_backups=1)
    first, second = (stage.service.protect(plan) for _ in range(2))
    stage.listed(plan, stage.context())
    assert stage.service.spawned
    stage.service.call("reset_state", stage.service.provider.id, first.id, "available")
    stage.service.run()
    assert stage.left() == {first.id: "available", second.id: "error"}


def test_a_failed_copy_keeps_nothing_for_ever(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    stage.service.protect(plan)
    for turn in range(3):
        stage.service.cloud.plan("create_share", lambda: refused(400))
        stage.service.call("copy", plan)
        stage.service.run()
        stage.prune(plan, most=1)
        assert sorted(stage.left().values()) == ["available", "error"], turn


def test_a_deletion_that_failed_is_tried_again(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    first, second = (stage.service.protect(plan) for _ in range(2))
    snapshots = stage.service.cloud.snapshots.values()
    (stuck,) = (view for view in snapshots if first.id in str(view))
    stuck["status"] = "error_deleting"
    stage.prune(plan, most=1)
    assert stage.left() == {first.id: "error-deleting", second.id: "available"}
    stuck["status"] = "available"  # an administrator has mended it
    stage.prune(plan, most=1)
    assert stage.left() == {second.id: "available"}


def test_karbors_count_of_checkpoints_stays_right(stage: Stage) -> None:
    """Its API counts; what is removed without it must be uncounted all the same."""
    plan, _there = failing(stage)
    stage.schedule(plan, max_backups=1)
    context = stage.service.context()
    for _ in range(3):
        quota.QUOTAS.commit(context, quota.QUOTAS.reserve(context, checkpoints=1))
        stage.service.protect(plan)
    stage.prune(plan, most=1)
    used = db.quota_usage_get(context.elevated(), stage.service.project_id, "checkpoints")
    assert used.in_use == len(stage.left()) == 1


def test_only_so_many_failed_checkpoints_are_removed_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "FAILED_AT_A_TIME", 2)
    plan, _there = failing(stage)
    stage.schedule(plan, max_backups=1)
    made = [stage.service.protect(plan).id for _ in range(6)]
    stage.prune(plan, most=1)
    assert set(stage.left()) == set(made[2:])  # the oldest first
    for _ in range(2):
        stage.prune(plan, most=1)
    assert set(stage.left()) == {made[-1]}


def test_what_cannot_go_keeps_nothing_else_from_going(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "FAILED_AT_A_TIME", 1)
    plan, _there = failing(stage)
    stage.schedule(plan, max_backups=1)
    made = [stage.service.protect(plan).id for _ in range(4)]
    stuck = [v for v in stage.service.cloud.snapshots.values() if made[0] in str(v)]
    for view in stuck:
        view["status"] = "error_deleting"
    for _ in range(3):
        stage.prune(plan, most=1)
    assert stage.left() == {made[0]: "error-deleting", made[3]: "error"}


def test_a_checkpoint_that_cannot_be_understood_stops_no_retention(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    made = [stage.service.protect(plan) for _ in range(3)]
    made[0].extra_info = "no JSON"
    made[0].commit()
    stage.prune(plan, most=1)
    assert set(stage.left()) == {made[0].id, made[2].id}


def test_a_record_that_cannot_be_understood_may_keep_a_snapshot(stage: Stage) -> None:
    one, other = stage.service.share(), stage.service.share()
    plan = stage.service.plan(one, other)
    stage.schedule(plan, max_backups=1)
    status(stage, other, "error")
    first, second = (stage.service.protect(plan) for _ in range(2))
    section = first.get_resource_bank_section(one)
    record = section.get_object("metadata")
    section.update_object("metadata", record | {"version": 99})
    # It goes as the other one would: a newer one holds what it may hold.
    section = second.get_resource_bank_section(one)
    section.update_object("metadata", record | {"version": 99})
    stage.prune(plan, most=1)
    assert set(stage.left()) == {first.id, second.id}


# -- who asks, and what for -------------------------------------------------------------------


@pytest.mark.parametrize("trustee", [None, "somebody whom the user trusts"])
def test_what_a_user_deletes_is_his_decision(stage: Stage, trustee: str | None) -> None:
    """With his own token, or with a trust that he gave to somebody else than Karbor."""
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    last = stage.service.protect(plan)
    assert [item["id"] for item in stage.listed(plan, stage.context(trustee))] == [last.id]
    stage.service.delete(last.id, context=stage.context(trustee))
    assert stage.left() == {}


def test_whatever_retention_asks_for_the_newest_of_a_share_stays(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    older, newest = (stage.service.protect(plan) for _ in range(2))
    with pytest.raises(karbor_exception.InvalidInput) as refusal:
        stage.service.delete(newest.id, context=stage.context())
    assert refusal.value.code == 400
    assert newest.id in str(refusal.value)
    assert stage.left() == {older.id: "available", newest.id: "available"}
    assert stage.service.manager.claims.held == frozenset()
    stage.service.delete(older.id, context=stage.context())
    assert stage.left() == {newest.id: "available"}


def test_who_cannot_be_told_counts_as_retention(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_kwargs: Any) -> str:
        raise SessionUnavailable(None)

    monkeypatch.setattr(sessions, "karbor_user_id", away)
    last = stage.service.protect(stage.service.plan(stage.service.share()))
    with pytest.raises(karbor_exception.InvalidInput):
        stage.service.delete(last.id, context=stage.context("anybody"))
    assert stage.left() == {last.id: "available"}


def test_keystone_is_asked_once_and_only_for_trusts(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(sessions, "karbor_user_id", lambda **_k: asked.append(1) or KARBOR)
    plan = stage.service.plan(stage.service.share())
    stage.listed(plan, stage.context(None))
    assert asked == []
    for _ in range(3):
        stage.listed(plan, stage.context())
    assert len(asked) == 1


def test_what_somebody_works_with_does_not_stop_a_run(stage: Stage) -> None:
    """Karbor's retention ends at the first DELETE that is refused."""
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    made = [stage.service.protect(plan) for _ in range(4)]
    record = stage.service.record(objects.Restore, made[1].id)
    stage.service.call("restore", record, None)  # under way
    context = stage.context()
    shown = [item["id"] for item in stage.listed(plan, context)]
    assert shown == [made[3].id, made[2].id, made[0].id]


def test_a_disabled_retention_and_another_plans_say_nothing(stage: Stage) -> None:
    share = stage.service.share()
    plan, other = stage.service.plan(share), stage.service.plan(share)
    stage.schedule(plan, max_backups=1, enabled=False)
    stage.schedule(other, max_backups=1)
    for _ in range(3):
        stage.service.protect(plan)
    assert stage.listed(plan, stage.context()) == []
    assert len(stage.listed(plan)) == 3


@pytest.mark.parametrize("order", [(2, 4), (4, 2)])
def test_of_several_retentions_of_one_plan_each_prunes_to_its_own_number(
    stage: Stage, order: tuple[int, int]
) -> None:
    plan = stage.service.plan(stage.service.share())
    for most in (2, 4):
        stage.schedule(plan, max_backups=most)
    made = [stage.service.protect(plan).id for _ in range(6)]
    for most in order:
        stage.prune(plan, most=most)
        assert set(stage.left()) == set(made[-min(len(stage.left()), most) :])
    assert set(stage.left()) == set(made[-2:])


def test_numbers_that_are_no_limit_are_none(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=-1, retention_duration=0)
    stage.schedule(plan, max_backups="many")
    for _ in range(3):
        stage.service.protect(plan)
    assert stage.listed(plan, stage.context()) == []


def test_retention_sees_only_its_own_project(stage: Stage) -> None:
    plan = stage.service.plan(stage.service.share())
    stage.schedule(plan, max_backups=1)
    stage.service.protect(plan)
    context = stage.context()
    context.project_id = stage.service.other_project
    assert stage.listed(plan, context) == []


def test_a_provider_whose_shares_are_not_ours_is_listed_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, NOOP, OUR_PROJECT) as service:
        stage = Stage(service, monkeypatch)
        plan = service.plan(service.share())
        made = [service.protect(plan).id for _ in range(2)]
        assert [item["id"] for item in stage.listed(plan, stage.context())] == made[::-1]
        service.delete(made[-1], context=stage.context())
        assert list(stage.left()) == made[:1]


def test_a_partial_checkpoint_can_be_restored(stage: Stage) -> None:
    well, broken = stage.service.share(), stage.service.share()
    status(stage, broken, "error")
    partial = stage.service.protect(stage.whole)
    assert partial.status == "available"
    assert [item["kind"] for item in told(partial)["left_out"]] == ["broken"]
    restore = stage.service.restore(partial.id)
    assert restore.status == "success"
    assert well in str(restore.resources_reason)
