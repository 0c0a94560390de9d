# SPDX-License-Identifier: Apache-2.0
"""On real services: Karbor's database is lost, and the bank is enough for the whole main job."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karborclient.common.apiclient import exceptions

from sandbox.losing import database_lost
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.operator_command import Command
from tests.functional.tenant_command import command as tenant_command

pytestmark = pytest.mark.usefixtures("few_checkpoints")


def test_without_its_database_every_checkpoint_is_listed_verified_restored_and_deleted(
    alpha: Tenant, beta: Tenant, stack: Stack, command: Command
) -> None:
    shares = [alpha.make_share(f"lost {n}") for n in range(2)]
    theirs = beta.make_share("of beta")
    for share in shares:
        fill(alpha.folder(share.id), f"content of {share.id}")
    before = {share.id: contents(alpha.folder(share.id)) for share in shares}
    plan = alpha.plan_of_shares(shares)
    older, newer = alpha.protect(plan), alpha.protect(plan)
    of_beta = beta.protect(beta.plan_of_shares([theirs]))
    for share in shares:
        (alpha.folder(share.id) / "readme").write_text("written after the checkpoint")

    with database_lost(stack):
        assert alpha.karbor.plans.list() == []
        listed = [each.id for each in alpha.karbor.checkpoints.list(plan.provider_id)]
        mine = [newer.id, older.id]  # beside what other tests have left
        assert [each for each in listed if each in mine] == mine
        assert [each.id for each in alpha.checkpoints(plan)] == mine
        for call in (alpha.checkpoint, alpha.karbor.checkpoints.delete):
            with pytest.raises(exceptions.ClientException):
                call(plan.provider_id, of_beta.id)
        banks = json.loads(command("bank", "list", "-f", "json").stdout)
        assert {row["State"] for row in banks} == {"as known"}

        alpha.verify(newer)
        restored = alpha.restore(older)
        made = {
            json.loads(restored.resources_reason[key])["restored_from"]["share_id"]: key
            for key in restored.resources_status
        }
        for share in shares:
            new_id = made[f"{share.id}"].partition("#")[2]
            assert contents(alpha.folder(new_id)) == before[share.id]
        in_place = {f"OS::Manila::Share#{share.id}": {"share_id": share.id} for share in shares}
        alpha.restore(newer, in_place)
        assert {share.id: contents(alpha.folder(share.id)) for share in shares} == before

        for each in (older, newer):
            alpha.delete(each)
        beta.delete(of_beta)
        listed = [each.id for each in alpha.karbor.checkpoints.list(plan.provider_id)]
        assert not [each for each in listed if each in mine]
        for tenant, share in ((alpha, shares[0]), (alpha, shares[1]), (beta, theirs)):
            assert tenant.snapshots(share.id) == []
        found = json.loads(command("audit", "-f", "json").stdout)
        ours = {*mine, of_beta.id}
        assert not [row for row in found if row["Checkpoint"] in ours]


ONCE_A_YEAR = {"pattern": "0 0 1 1 *", "format": "crontab", "window": 30}


@pytest.fixture
def scheduled() -> Iterator[Callable[..., None]]:
    """Makes schedules that go again: a plan is protected once a year, with a trigger of its own."""
    made: list[tuple[Tenant, str, str]] = []

    def make(tenant: Tenant, plan: Any, name: str, **more: str) -> None:
        trigger = tenant.karbor.triggers.create(f"when {name}", "time", ONCE_A_YEAR)
        definition = {"provider_id": plan.provider_id, "plan_id": plan.id, **more}
        kind = "retention_protect" if more else "protect"
        schedule = tenant.karbor.scheduled_operations.create(name, kind, trigger.id, definition)
        made.append((tenant, schedule.id, trigger.id))

    yield make
    for tenant, schedule, trigger in made:
        tenant.karbor.scheduled_operations.delete(schedule)
        tenant.karbor.triggers.delete(trigger)


def schedules(tenant: Tenant, plan: Any) -> dict[str, tuple[Any, ...]]:
    """The plan's schedules by name, without any id but the plan's."""
    triggers = {each.id: each for each in tenant.karbor.triggers.list()}
    return {
        each.name: (
            each.operation_type,
            each.operation_definition,
            triggers[each.trigger_id].name,
            triggers[each.trigger_id].type,
            triggers[each.trigger_id].properties["pattern"],
        )
        for each in tenant.karbor.scheduled_operations.list()
        if each.operation_definition["plan_id"] == plan.id
    }


def test_plans_and_schedules_come_back_from_the_bank_with_their_checkpoints(
    alpha: Tenant,
    beta: Tenant,
    stack: Stack,
    command: Command,
    scheduled: Callable[..., None],
    tmp_path: Path,
) -> None:
    share = alpha.make_share("planned")
    key = f"OS::Manila::Share#{share.id}"
    plan = alpha.plan_of_shares([share], {key: {"description": "from the bank"}})
    checkpoint = alpha.protect(plan)
    scheduled(alpha, plan, "yearly")
    scheduled(alpha, plan, "kept", max_backups="3", retention_duration="-1")
    theirs = beta.plan_of_project()
    scheduled(beta, theirs, "of beta")
    before, of_beta = schedules(alpha, plan), schedules(beta, theirs)
    about = {"name", "description", "provider_id", "resources", "parameters", "status"}
    was = {name: getattr(plan, name, None) for name in about}

    def copies() -> dict[str, Any]:
        ran = command("plans", "list", plan.id, theirs.id, "-f", "json")
        return {row["Plan"]: row for row in json.loads(ran.stdout)}

    wait(
        "the copies",
        copies,
        lambda seen: (
            {key: len(row["Schedules"]) for key, row in seen.items()} == {plan.id: 2, theirs.id: 1}
        ),
        120,
        interval=1,
    )
    with database_lost(stack):
        assert alpha.karbor.plans.list() == []
        imported = command("plans", "import", plan.id, theirs.id, "-f", "json")
        assert imported.returncode == 3, imported.stderr
        states = {row["Plan"]: row["State"] for row in json.loads(imported.stdout)}
        assert states == {plan.id: "put back", theirs.id: "put back"}
        (back,) = alpha.karbor.plans.list()
        assert {name: getattr(back, name, None) for name in about} == was
        assert [each.id for each in alpha.checkpoints(back)] == [checkpoint.id]
        again = command("plans", "import", plan.id, theirs.id, "-f", "json")
        states = {row["Plan"]: row["State"] for row in json.loads(again.stdout)}
        assert states == {plan.id: "in the database", theirs.id: "in the database"}
        assert len(alpha.karbor.plans.list()) == 1

        told = tmp_path / "plans.json"
        told.write_text(command("plans", "list", plan.id, theirs.id, "-f", "json").stdout)
        for tenant, of, wanted in ((alpha, plan, before), (beta, theirs, of_beta)):
            user = tenant.project_name
            run = tenant_command(stack.info, user)
            for state in ("made", "there already") if tenant is alpha else ("made",):
                code, rows, said = run("schedules", "import", str(told))
                made = {row["Name"]: row["State"] for row in rows}
                assert (code, made) == (0, dict.fromkeys(wanted, state)), said
            assert schedules(tenant, of) == wanted
        new = alpha.protect(back)
        wait(
            "the end of what was lost",
            copies,
            lambda seen: not any(row["Lost Schedules"] for row in seen.values()),
            120,
            interval=1,
        )
        assert [each.id for each in alpha.checkpoints(back)] == [new.id, checkpoint.id]
        for each in (new, checkpoint):
            alpha.delete(each)
