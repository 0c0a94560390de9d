# SPDX-License-Identifier: Apache-2.0
"""Periodic hooks on the real services: in the interval of the provider's own file, with the shares
that its plans mean; and what the operator's command says of hooks."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.karbor import providers
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.operator_command import Command

SECONDS = 120


@pytest.mark.usefixtures("empty_alpha")
def test_a_command_is_called_again_and_again_with_the_shares_of_plans(
    stack: Stack, alpha: Tenant, command: Command, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    options = {
        "hook_drivers": "command",
        "enable_periodic_hooks": True,
        "periodic_hooks_interval": 1,
        "command_hook_periodic": f"/bin/sh -c 'cat >> {calls}; echo >> {calls}'",
    }
    share = alpha.manila.shares.create("NFS", 1, name="books")
    share = alpha.wait_share(share.id)
    alpha.plan_of_shares([share], provider=stack.info.providers[providers.OURS])
    before = dict(stack.state.settings().share_options)
    stack.restart("karbor", share_options={**before, **options})
    try:
        seen = wait("three calls", lambda: _told(calls, share.id), lambda it: len(it) > 2, SECONDS)
        listed = command("hooks", "-f", "json")
    finally:
        stack.restart("karbor", share_options=before)
    told = next(each for each in seen[0] if each["id"] == share.id)
    assert (told["name"], told["status"], told["size"]) == ("books", "available", 1)
    assert listed.returncode == 0, listed.stderr
    (row,) = json.loads(listed.stdout)
    assert (row["Hook"], row["Usable"], row["Called"]) == ("command", True, ["periodic"])


def _told(calls: Path, share_id: str) -> list[list[dict[str, Any]]]:
    """The shares of each call that was told of this one."""
    if not calls.exists():
        return []
    lines = [line for line in calls.read_text().splitlines() if line.startswith("{")]
    found = [json.loads(line)["shares"] for line in lines]
    return [shares for shares in found if share_id in [each["id"] for each in shares]]
