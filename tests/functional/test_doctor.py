# SPDX-License-Identifier: Apache-2.0
"""The doctors on real services: nothing is bad but what was planted, and that is found."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from sandbox import files
from sandbox.karbor import config as karbor_config
from sandbox.karbor import providers
from sandbox.proxy.control import Proxy
from sandbox.proxy.rules import Rule
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.operator_command import Command, run_command
from tests.functional.tenant_command import command as tenant_command

#: Of these other tests leave something behind: plans that need room, trusts that were revoked.
LEFT_BEHIND = {"quota", "trusts"}


def found(ran: "subprocess.CompletedProcess[str]", state: str) -> dict[str, list[Any]]:
    """The lines in a state, by their check."""
    lines: dict[str, list[Any]] = {}
    for row in json.loads(ran.stdout):
        if row["State"] == state:
            lines.setdefault(row["Check"], []).append(row)
    return lines


def test_nothing_is_bad_on_a_sandbox(command: Command) -> None:
    ran = command("doctor", "-f", "json")
    bad = found(ran, "bad")
    assert bad.keys() <= LEFT_BEHIND, bad
    # Each of these lines is about a project: the check itself has not failed.
    assert all(row["About"].startswith("project ") for rows in bad.values() for row in rows), bad
    assert (ran.returncode, ran.stderr) == (3 if bad else 0, "")
    good = found(ran, "good")
    checks = {row["Check"] for rows in good.values() for row in rows} | LEFT_BEHIND
    assert checks >= {"settings", "roles", "endpoints", "bank", "workers", "clocks", "share-types"}
    assert found(ran, "doubtful").keys() <= {"quota", "share-types", "bank"}


def test_what_is_planted_is_found_and_what_hangs_ends_no_other_check(
    stack: Stack, proxy: Proxy, tmp_path: Path
) -> None:
    karbor = stack.state.directory("karbor")
    folder = shutil.copytree(karbor / "providers.d", tmp_path / "planted")
    ours = folder / f"{providers.OURS}.conf"
    text = ours.read_text().replace(
        "[manila_share_protection]",
        "plugin = karbor-noop-protection-plugin\n\n[manila_share_protection]",
    )
    ours.write_text(text)
    stock = folder / f"{providers.STOCK}.conf"
    stock.write_text(stock.read_text().replace("karbor-share-protection", "karbor-shraes"))
    other = tmp_path / "bank/karbor/karbor-manila"
    other.mkdir(parents=True)
    (other / "bank.json").write_text('{"id": "of-another-karbor"}')
    ours.write_text(
        "\n".join(
            f"file_system_bank_path = {tmp_path / 'bank'}"
            if line.startswith("file_system_bank_path")
            else line
            for line in ours.read_text().splitlines()
        )
    )
    text = (karbor / "karbor.conf").read_text()
    line = next(line for line in text.splitlines() if "provider_config_dir" in line)
    text = text.replace(line, f"provider_config_dir = {folder}")
    text = text.replace(karbor_config.OUR_MANAGER, karbor_config.STOCK_MANAGER)
    planted = tmp_path / "karbor.conf"
    files.write(planted, text)
    with proxy.fault(Rule.delay("GET", "/services", 60, times=None)):
        ran = run_command(stack, planted, "doctor", "--timeout", "20", "-f", "json")
    bad = found(ran, "bad")
    assert ran.returncode == 3, ran.stderr
    assert bad.keys() - LEFT_BEHIND == {"settings", "providers", "plugins", "roles", "bank"}
    assert "is not ours" in bad["settings"][0]["Seen"]
    assert "no plugin of this name is installed" in bad["providers"][0]["Seen"]
    assert "it takes ours over" in bad["plugins"][0]["Seen"]
    assert [row["Check"] for row in bad["roles"]] == ["roles"]
    assert "of-another-karbor" in bad["bank"][0]["Seen"]
    assert [path.name for path in other.iterdir()] == ["bank.json"]
    assert found(ran, "good").keys() >= {"versions", "database", "catalogue"}


def test_a_tenant_sees_what_is_wrong_with_his_plan(alpha: Tenant, stack: Stack) -> None:
    share = alpha.make_share("doomed")
    plan = alpha.plan_of_shares([share])
    run = tenant_command(stack.info, "alpha")
    about = f"plan {plan.name} ({plan.id})"
    checks = ("login", "catalogue", "karbor", "manila", "shares", "clocks")
    named = [word for check in checks for word in ("--check", check)]
    _code, rows, err = run("doctor", "tenant", *named)
    wrong = [row for row in rows if row["State"] == "bad"]
    # Other tests leave plans whose shares are gone.
    assert {row["Check"] for row in wrong} <= {"shares"}, (wrong, err)
    assert {row["State"] for row in rows if row["About"] == about} == {"good"}
    alpha.manila.shares.delete(share.id)
    wait("its end", alpha.shares, lambda left: share.id not in {each.id for each in left}, 120)
    code, rows, _err = run("doctor", "tenant", "--check", "shares")
    (row,) = (row for row in rows if row["About"] == about and row["State"] == "bad")
    assert (code, f"({share.id}) is not in Manila" in row["Seen"]) == (3, True)
    alpha.karbor.plans.delete(plan.id)
