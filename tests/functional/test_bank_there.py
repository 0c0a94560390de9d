# SPDX-License-Identifier: Apache-2.0
"""On real services: no bank in the place of the bank, a copy of yesterday, a full one."""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karborclient.common.apiclient import exceptions

from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.folders import contents
from tests.functional.operator_command import Command

pytestmark = pytest.mark.usefixtures("few_checkpoints")


@pytest.fixture
def plan(alpha: Tenant) -> Any:
    return alpha.plan_of_shares([alpha.make_share("in the bank")])


@contextlib.contextmanager
def karbor_starts_without(stack: Stack, away: Path, other: Path | None = None) -> Iterator[Path]:
    """Karbor starts while its bank is not mounted; what lies there then."""
    bank = stack.info.bank
    stack.stop_service("karbor")
    bank.rename(away)
    try:
        if other:
            other.rename(bank)
        else:
            (bank / "karbor").mkdir(parents=True)
        stack.start_service("karbor")
        yield bank
    finally:
        shutil.rmtree(bank)
        away.rename(bank)


def refusal(call: Any, *args: Any) -> str:
    with pytest.raises(exceptions.BadRequest) as caught:
        call(*args)
    return str(caught.value)


def test_a_karbor_that_starts_before_its_bank_is_mounted_writes_nothing_and_recovers(
    alpha: Tenant, stack: Stack, command: Command, plan: Any, tmp_path: Path
) -> None:
    checkpoint = alpha.protect(plan)
    known = json.loads((stack.info.bank / "karbor/karbor-manila/bank.json").read_text())["id"]
    snapshots = {snapshot.id for snapshot in alpha.snapshots()}
    with karbor_starts_without(stack, tmp_path / "away") as empty:
        for call, *args in (
            (alpha.karbor.checkpoints.create, plan.provider_id, plan.id),
            (alpha.karbor.checkpoints.get, plan.provider_id, checkpoint.id),
            (alpha.karbor.checkpoints.delete, plan.provider_id, checkpoint.id),
            (alpha.checkpoints, plan),
        ):
            said = refusal(call, *args)
            assert f"expected is bank {known}" in said
            assert f"karbor-manila bank accept {plan.provider_id}" in said
        failed = alpha.restore(checkpoint, status="fail")
        assert f"expected is bank {known}" in str(failed.resources_reason)
        for argv in (("reconcile",), ("audit", "--fix", "--grace", "0"), ("bank", "list")):
            assert command(*argv).returncode in (1, 3)
        assert contents(empty) == {}
        assert {snapshot.id for snapshot in alpha.snapshots()} == snapshots
    alpha.verify(checkpoint)  # without a restart
    again = alpha.protect(plan)
    leases = stack.info.bank / "karbor/karbor-manila/leases"
    owner = json.loads(
        (stack.info.bank / "karbor/checkpoints" / again.id / "index.json").read_text()
    )["owner_id"]
    wait("its lease", (leases / owner).exists, bool, 120)
    for each in (checkpoint, again):
        alpha.delete(each)


def test_a_bank_of_yesterday_keeps_the_snapshots_of_today(
    alpha: Tenant, stack: Stack, command: Command, plan: Any, tmp_path: Path
) -> None:
    earlier = alpha.protect(plan)
    bank = stack.info.bank
    copy, newer = tmp_path / "copy", tmp_path / "newer"
    shutil.copytree(bank, copy)
    later = alpha.protect(plan)
    before = {snapshot.id for snapshot in alpha.snapshots()}
    bank.rename(newer)
    try:
        copy.rename(bank)
        ran = command("audit", "--fix", "--grace", "0", "-f", "json")
        assert (ran.returncode, json.loads(ran.stdout)) == (1, [])
        assert later.id in ran.stderr
        assert {snapshot.id for snapshot in alpha.snapshots()} == before
        listed = command("bank", "list", "-f", "json")
        assert listed.returncode == 3
        assert later.id in listed.stdout
    finally:
        shutil.rmtree(bank)
        newer.rename(bank)
    assert command("audit", "-f", "json").returncode in (0, 3)
    for each in (earlier, later):
        alpha.verify(each)
        alpha.delete(each)


def test_a_bank_that_is_full_says_so(alpha: Tenant, stack: Stack, plan: Any) -> None:
    checkpoint = alpha.protect(plan)
    container = stack.info.bank / "karbor"
    stack.stop_service("karbor")
    container.rename(stack.info.bank / "whole")
    container.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(container)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        container.rmdir()
        (stack.info.bank / "whole").rename(container)
        stack.start_service("karbor")
        pytest.skip("nothing can be mounted here")
    try:
        for path in (stack.info.bank / "whole").iterdir():
            if path.name == "checkpoints":
                shutil.copytree(path / checkpoint.id, container / "checkpoints" / checkpoint.id)
            elif path.name != "indices":
                shutil.copytree(path, container / path.name)
        stack.start_service("karbor")
        with contextlib.suppress(OSError), (container / "~filler").open("wb") as filler:
            while True:
                filler.write(bytes(4096))
                filler.flush()
        for call, *args in (
            (alpha.karbor.checkpoints.create, plan.provider_id, plan.id),
            (alpha.karbor.checkpoints.delete, plan.provider_id, checkpoint.id),
        ):
            said = refusal(call, *args)
            assert "No space left on device" in said
            assert plan.provider_id in said
        failed = alpha.restore(checkpoint, status="fail")
        assert "No space left on device" in str(failed.resources_reason)
        assert len(alpha.snapshots(plan.resources[0]["id"])) == 1
    finally:
        stack.stop_service("karbor")
        subprocess.run(["umount", "-l", str(container)], check=True)
        container.rmdir()
        (stack.info.bank / "whole").rename(container)
        stack.start_service("karbor")
    alpha.delete(checkpoint)
