# SPDX-License-Identifier: Apache-2.0
"""The operator's commands on real services: Karbor's configuration, its user and its database."""

import contextlib
import dataclasses
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.manila import marks
from sandbox import files
from sandbox.karbor import providers
from sandbox.proxy.control import Proxy
from sandbox.proxy.rules import Rule
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.operator_command import Command, run_command

pytestmark = pytest.mark.usefixtures("few_checkpoints")


@pytest.fixture
def marked(alpha: Tenant) -> tuple[Any, Any, dict[str, str]]:
    """A share of alpha with a checkpoint: share, checkpoint, and the mark of its snapshot."""
    share = alpha.make_share("audited")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    (snapshot,) = alpha.snapshots(share.id)
    return share, checkpoint, dict(snapshot.metadata)


def plant(tenant: Tenant, share: Any, metadata: dict[str, str]) -> str:
    """A snapshot that the tenant makes with a mark of ours on it."""
    made = tenant.manila.share_snapshots.create(share.id, name="planted", metadata=metadata)
    wait(
        "the planted snapshot",
        lambda: tenant.manila.share_snapshots.get(made.id),
        lambda seen: seen.status == "available",
        120,
    )
    return str(made.id)


def rows(ran: subprocess.CompletedProcess[str], *ids: str) -> dict[str, dict[str, str]]:
    """What a command printed with ``-f json`` about these snapshots, by id."""
    return {row["Snapshot"]: row for row in json.loads(ran.stdout) if row["Snapshot"] in ids}


def there(tenant: Tenant) -> set[str]:
    return {snapshot.id for snapshot in tenant.snapshots()}


def test_a_killed_protection_is_listed_and_ended_while_karbor_is_down(
    alpha: Tenant, proxy: Proxy, stack: Stack, command: Command
) -> None:
    shares = [alpha.make_share(f"killed {n}") for n in range(2)]
    named = {share.id for share in shares}
    plan = alpha.plan_of_shares(shares)
    with proxy.fault(Rule.delay("POST", "/snapshots$", 5, nth=2, times=None)):
        begun = alpha.karbor.checkpoints.create(plan.provider_id, plan.id)
        wait(
            "the first snapshot",
            alpha.snapshots,
            lambda seen: {snapshot.share_id for snapshot in seen} & named,
            120,
        )
        wait("the request that is held back", proxy.unhit, lambda left: not left, 120)
        stack.kill("karbor", signal.SIGKILL)
    index = stack.info.bank / "karbor/checkpoints" / begun.id / "index.json"
    try:
        before = index.read_text()
        listed = command("reconcile", "--dry-run", "-f", "json")
        (row,) = (row for row in json.loads(listed.stdout) if row["ID"] == begun.id)
        assert (listed.returncode, row["Operation"], row["Status"]) == (3, "protect", "unfinished")
        assert row["Project"] == alpha.project_id
        assert index.read_text() == before
        ended = command("reconcile", "-f", "json")
        (row,) = (row for row in json.loads(ended.stdout) if row["ID"] == begun.id)
        assert ended.returncode == 0, ended.stderr
        assert row["Status"] in ("available", "error")
        assert json.loads(index.read_text())["status"] == row["Status"]
        again = command("reconcile", "-f", "json")
        assert again.returncode == 0, again.stderr
        assert begun.id not in {row["Checkpoint"] for row in json.loads(again.stdout)}
    finally:
        stack.start_service("karbor")
    checkpoint = alpha.checkpoint(plan.provider_id, begun.id)
    assert checkpoint.status == row["Status"]
    alpha.delete(checkpoint)
    assert not [snapshot for snapshot in alpha.snapshots() if snapshot.share_id in named]


def test_a_planted_orphan_is_removed_and_a_forged_one_of_another_project_is_not(
    alpha: Tenant, beta: Tenant, command: Command, marked: Any, request: pytest.FixtureRequest
) -> None:
    share, checkpoint, metadata = marked
    mark = marks.read({"metadata": metadata})
    assert mark
    unknown = {"karbor_manila_checkpoint": str(uuid.uuid4())}
    orphan = plant(alpha, share, metadata | unknown)
    theirs = beta.make_share("of beta")
    forged = plant(beta, theirs, dataclasses.replace(mark, resource=theirs.id).metadata())
    request.addfinalizer(beta.clean)  # nothing of ours ever removes it
    everything = there(alpha) | there(beta)

    young = command("audit", "-f", "json")
    assert young.returncode == 3
    found = rows(young, orphan, forged)
    assert {key: row["Action"] for key, row in found.items()} == {orphan: "none", forged: "none"}
    assert "young" in found[orphan]["Why"]
    assert "forged" in found[forged]["Why"]
    assert found[forged]["Project"] == beta.project_id
    spared = command("audit", "--fix", "-f", "json")
    assert spared.returncode == 3
    assert there(alpha) | there(beta) == everything

    kept = command("audit", "--fix", "--grace", "0", "-f", "json")
    assert "karbor-manila adopt" in rows(kept, orphan)[orphan]["Why"]
    assert there(alpha) | there(beta) == everything
    assert command("bank", "accept", mark.provider).returncode == 0
    fixed = command("audit", "--fix", "--grace", "0", "-f", "json")
    done = {key: row["Done"] for key, row in rows(fixed, orphan, forged).items()}
    assert done == {orphan: "removed", forged: "left alone"}
    assert there(alpha) | there(beta) == everything - {orphan}
    alpha.verify(checkpoint)


def test_a_snapshot_that_was_removed_behind_our_back_is_told_in_the_checkpoint(
    alpha: Tenant, command: Command
) -> None:
    shares = [alpha.make_share("gone"), alpha.make_share("good")]
    checkpoint = alpha.protect(alpha.plan_of_shares(shares))
    (lost,) = alpha.snapshots(shares[0].id)
    alpha.manila.share_snapshots.delete(lost.id)
    wait("its end", lambda: there(alpha), lambda left: lost.id not in left, 120)

    row = rows(command("audit", "-f", "json"), lost.id)[lost.id]
    assert (row["Finding"], row["Action"]) == ("lost", "say so in the checkpoint")
    assert (row["Share"], row["Checkpoint"]) == (shares[0].id, checkpoint.id)
    seen = alpha.checkpoint(alpha.provider, checkpoint.id)
    assert lost.id not in str(seen.extra_info)

    row = rows(command("audit", "--fix", "-f", "json"), lost.id)[lost.id]
    assert row["Done"] == "said so in the checkpoint"
    seen = alpha.checkpoint(alpha.provider, checkpoint.id)
    assert seen.status == "available"
    assert lost.id in str(seen.extra_info)
    assert rows(command("audit", "-f", "json"), lost.id)[lost.id]["Action"] == "none"
    alpha.delete(seen)


def test_two_karbors_on_one_manila_never_touch_each_others(
    alpha: Tenant, stack: Stack, command: Command, marked: Any, tmp_path: Path
) -> None:
    """The second one has a bank and a database of its own, and nothing else."""
    share, checkpoint, metadata = marked
    bank = tmp_path / "bank/karbor"
    (bank / "karbor-manila").mkdir(parents=True)
    other_id, known = str(uuid.uuid4()), str(uuid.uuid4())
    (bank / "karbor-manila/bank.json").write_text(json.dumps({"id": other_id}))
    index = stack.info.bank / "karbor/checkpoints" / checkpoint.id / "index.json"
    (bank / "checkpoints" / known).mkdir(parents=True)
    (bank / "checkpoints" / known / "index.json").write_text(
        json.dumps(json.loads(index.read_text()) | {"id": known, "status": "deleted"})
    )
    mark = marks.read({"metadata": metadata})
    assert mark
    other = dataclasses.replace(mark, bank=other_id, checkpoint=str(uuid.uuid4()))
    theirs = plant(alpha, share, other.metadata())
    before = there(alpha)
    mine = command("audit", "--fix", "--grace", "0", "-f", "json")
    assert rows(mine, theirs) == {}
    assert there(alpha) == before

    (tmp_path / "providers.d").mkdir()
    providers.write(tmp_path / "providers.d", tmp_path / "bank", options={})
    (tmp_path / "providers.d" / f"{providers.STOCK}.conf").unlink()
    config = (stack.state.directory("karbor") / "karbor.conf").read_text()
    database = re.search(r"^connection = sqlite:///(\S+?)(\?\S*)?$", config, re.MULTILINE)
    assert database
    shutil.copy(database[1], tmp_path / "karbor.sqlite")
    with contextlib.closing(sqlite3.connect(tmp_path / "karbor.sqlite")) as sql, sql:
        for table in ("operation_logs", "karbor_manila_banks", "karbor_manila_claims"):
            sql.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
    config = config.replace(database[1], str(tmp_path / "karbor.sqlite"))
    mounted = next(line for line in config.splitlines() if "provider_config_dir" in line)
    second = tmp_path / "karbor.conf"
    files.write(
        second, config.replace(mounted, f"provider_config_dir = {tmp_path / 'providers.d'}")
    )
    assert run_command(stack, second, "bank", "accept", mark.provider).returncode == 0
    ran = run_command(stack, second, "audit", "--fix", "--grace", "0", "-f", "json")
    assert [(row["Snapshot"], row["Done"]) for row in json.loads(ran.stdout)] == [
        (theirs, "removed")
    ], ran.stderr
    assert there(alpha) == before - {theirs}
    alpha.verify(checkpoint)


def test_with_manila_down_an_audit_says_so_in_one_line(
    proxy: Proxy, stack: Stack, command: Command, marked: Any
) -> None:
    body = {"badRequest": {"code": 400, "message": "Manila is out of order"}}
    with proxy.fault(Rule.answer("GET", "/services", 400, body, times=None)):
        ran = command("audit", "--fix", "--grace", "0")
    assert ran.returncode == 1
    (line,) = ran.stderr.strip().splitlines()
    assert "refused to list its services" in line


def test_drivers_are_listed_with_their_health_and_what_manila_does_not_have(
    stack: Stack, command: Command, tmp_path: Path
) -> None:
    well = command("drivers", "-f", "json")
    assert (well.returncode, well.stderr) == (0, "")
    ours = [row for row in json.loads(well.stdout) if row["Driver"] == "snapshot"]
    assert ours
    for row in ours:
        assert (row["Configured"], row["Alive"]) == (True, True)
        assert 0 < row["Latency"] < 60
        assert row["Health"]["endpoint"].startswith("http")

    other = shutil.copytree(stack.state.directory("karbor") / "providers.d", tmp_path / "other")
    for path in other.iterdir():
        without = re.sub(r"(?m)^share_type_drivers = .*\n", "", path.read_text())
        path.write_text(
            without.replace(
                "[manila_share_protection]",
                "[manila_share_protection]\nshare_type_drivers = no-such-type:snapshot",
            )
        )
    config = (stack.state.directory("karbor") / "karbor.conf").read_text()
    line = next(line for line in config.splitlines() if "provider_config_dir" in line)
    changed = tmp_path / "karbor.conf"
    files.write(changed, config.replace(line, f"provider_config_dir = {other}"))
    ran = run_command(stack, changed, "drivers", "-f", "json")
    assert ran.returncode == 3, ran.stderr
    rows = [row for row in json.loads(ran.stdout) if row["Driver"] == "snapshot"]
    assert {str(row["Unknown Types"]) for row in rows} == {"['no-such-type']"}


def test_with_manila_hanging_the_drivers_are_listed_all_the_same(
    proxy: Proxy, command: Command
) -> None:
    with proxy.fault(Rule.delay("GET", "/services", 30, times=None)):
        ran = command("drivers", "--timeout", "2", "-f", "json")
    assert ran.returncode == 3, ran.stderr
    (error,) = {
        row["Health"]["error"] for row in json.loads(ran.stdout) if row["Driver"] == "snapshot"
    }
    assert "2" in error


@pytest.mark.parametrize(
    "argv", [("audit",), ("reconcile", "--dry-run"), ("reconcile",), ("drivers",)]
)
def test_no_password_is_printed_at_any_volume(
    stack: Stack, command: Command, marked: Any, argv: tuple[str, ...]
) -> None:
    config = (stack.state.directory("karbor") / "karbor.conf").read_text()
    secrets = {
        line.partition("=")[2].strip()
        for line in config.splitlines()
        if line.startswith("password")
    }
    assert secrets
    ran = command("-vv", "--debug", *argv)
    assert ran.returncode in (0, 3), ran.stderr[-2000:]
    said = ran.stdout + ran.stderr
    assert len(ran.stderr) > 1000
    assert not [secret for secret in secrets if secret in said]
