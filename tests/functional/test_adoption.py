# SPDX-License-Identifier: Apache-2.0
"""On real services: a bank put back from yesterday's copy gets its checkpoints of today back."""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.losing import database_lost
from sandbox.stack import Stack
from sandbox.tenant import Tenant
from tests.functional.folders import contents, fill
from tests.functional.operator_command import Command

pytestmark = pytest.mark.usefixtures("few_checkpoints")


@contextlib.contextmanager
def put_back(bank: Path, copy: Path) -> Iterator[None]:
    """The copy is what is there in the place of the bank; for good."""
    shutil.rmtree(bank)
    copy.rename(bank)
    yield


def filled(tenant: Tenant, shares: list[Any], text: str) -> dict[str, dict[str, bytes]]:
    for share in shares:
        fill(tenant.folder(share.id), f"{text} of {share.id}")
    return {share.id: contents(tenant.folder(share.id)) for share in shares}


def restored(tenant: Tenant, checkpoint: Any) -> dict[str, dict[str, bytes]]:
    """What a restore gives, by the id of the protected share."""
    ended = tenant.restore(checkpoint)
    found = {}
    for key, reason in ended.resources_reason.items():
        share_id = json.loads(reason)["restored_from"]["share_id"]
        found[share_id] = contents(tenant.folder(key.partition("#")[2]))
    return found


def rows_of(ran: "subprocess.CompletedProcess[str]", checkpoint: Any) -> list[dict[str, Any]]:
    """What a command printed with ``-f json`` about a checkpoint."""
    return [row for row in json.loads(ran.stdout) if row["Checkpoint"] == checkpoint.id]


def test_checkpoints_of_today_are_adopted_into_a_bank_of_yesterday(
    alpha: Tenant, stack: Stack, command: Command, tmp_path: Path
) -> None:
    shares = [alpha.make_share(f"adopted {n}") for n in range(2)]
    plan = alpha.plan_of_shares(shares)
    morning = filled(alpha, shares, "the morning")
    earlier = alpha.protect(plan)
    bank, copy = stack.info.bank, tmp_path / "copy"
    shutil.copytree(bank, copy)
    evening = filled(alpha, shares, "the evening")
    later = alpha.protect(plan)
    before = {snapshot.id for snapshot in alpha.snapshots()}

    with put_back(bank, copy):
        judged = command("audit", "--fix", "--grace", "0", "-f", "json")
        assert (judged.returncode, json.loads(judged.stdout)) == (1, [])
        assert f"karbor-manila adopt {plan.provider_id} --all" in judged.stderr
        listed = command("adopt", plan.provider_id, "-f", "json")
        (row,) = rows_of(listed, later)
        assert (listed.returncode, row["Checkpoint"]) == (3, later.id)
        assert set(row["Shares"]) == {share.id for share in shares}
        assert [each.id for each in alpha.checkpoints(plan)] == [earlier.id]

        adopted = command("adopt", plan.provider_id, "--all", "-f", "json")
        (row,) = rows_of(adopted, later)
        assert (adopted.returncode, row["State"]) == (0, "adopted"), adopted.stderr
        assert {snapshot.id for snapshot in alpha.snapshots()} == before
        found = command("audit", "-f", "json")
        assert rows_of(found, later) + rows_of(found, earlier) == []
    assert [each.id for each in alpha.checkpoints(plan)] == [later.id, earlier.id]
    alpha.verify(later)
    assert restored(alpha, later) == evening
    assert restored(alpha, earlier) == morning
    for each in (later, earlier):
        alpha.delete(each)
    assert not before & {snapshot.id for snapshot in alpha.snapshots()}


def test_with_the_database_lost_too_the_operator_names_the_plan(
    alpha: Tenant, stack: Stack, command: Command, tmp_path: Path
) -> None:
    share = alpha.make_share("all lost")
    plan = alpha.plan_of_shares([share])
    alpha.protect(plan)
    bank, copy = stack.info.bank, tmp_path / "copy"
    shutil.copytree(bank, copy)
    written = filled(alpha, [share], "the evening")
    later = alpha.protect(plan)
    with put_back(bank, copy), database_lost(stack):
        found = command("audit", "-f", "json")
        (row,) = rows_of(found, later)
        assert (found.returncode, row["Checkpoint"], row["Finding"]) == (3, later.id, "orphan")
        adopted = command("adopt", plan.provider_id, later.id, "--plan", plan.id, "-f", "json")
        assert adopted.returncode == 0, adopted.stderr
        listed = alpha.checkpoints(plan)
        assert later.id in [each.id for each in listed]
        assert restored(alpha, later) == written
        for each in listed:
            alpha.delete(each)
    assert alpha.snapshots(share.id) == []
