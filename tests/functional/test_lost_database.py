# SPDX-License-Identifier: Apache-2.0
"""On real services: Karbor's database is lost, and the bank is enough for the whole main job."""

import json

import pytest
from karborclient.common.apiclient import exceptions

from sandbox.stack import Stack
from sandbox.tenant import Tenant
from tests.functional.folders import contents, fill
from tests.functional.lost_database import database_lost
from tests.functional.operator_command import Command

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
        assert listed == [newer.id, older.id]
        assert [each.id for each in alpha.checkpoints(plan)] == listed
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
        assert alpha.karbor.checkpoints.list(plan.provider_id) == []
        for tenant, share in ((alpha, shares[0]), (alpha, shares[1]), (beta, theirs)):
            assert tenant.snapshots(share.id) == []
        assert json.loads(command("audit", "-f", "json").stdout) == []
