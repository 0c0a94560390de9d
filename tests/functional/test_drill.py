# SPDX-License-Identifier: Apache-2.0
"""Drills on the real services: the operator's check decides, and nothing is ever left behind."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait

# Exports of the sandbox are directories of this machine: the check looks at the bytes themselves.
CHECK = """#!/bin/sh
folder="${KARBOR_MANILA_EXPORT_LOCATION#*:}"
[ "$(cat "$folder/file")" = "good" ] && exit 0
echo "the file in $folder is spoilt"
exit 4
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("drill")
    check = folder / "check"
    check.write_text(CHECK)
    check.chmod(0o755)
    stack = Stack(folder / "state", share_options={"drill_command": str(check)})
    with stack:
        yield stack
    stack.destroy()


@pytest.fixture(scope="module")
def alpha(stack: Stack) -> Tenant:
    return Tenant(stack.info, "alpha")


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [("good", "success", "passed"), ("bad", "fail", "exit code 4. It said: the file in ")],
)
def test_the_check_sees_the_restored_bytes_and_its_word_counts(
    alpha: Tenant, content: str, status: str, said: str
) -> None:
    share = alpha.make_share("drill")
    (alpha.folder(share.id) / "file").write_text(content)
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    verification = alpha.verify(checkpoint, {SHARE: {"depth": "drill"}}, status=status)
    reason = verification.resources_reason[f"{SHARE}#{share.id}"]
    assert said in reason
    if status == "success":
        assert json.loads(reason)["seconds"] > 0
    assert {left.id for left in alpha.shares()} >= {share.id}
    assert not [left for left in alpha.shares() if left.name.startswith("drill-")]


def test_a_killed_drill_leaves_nothing_and_says_so(alpha: Tenant, stack: Stack) -> None:
    share = alpha.make_share("killed")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    delays = stack.state.directory("manila") / "delays.json"
    delays.write_text(json.dumps({"create_share_from_snapshot": 4}))

    def drilled() -> list[Path]:
        return [left for left in alpha.shares() if left.name.startswith("drill-")]

    provider = checkpoint.protection_plan["provider_id"]
    begun = alpha.karbor.verifications.create(provider, checkpoint.id, {SHARE: {"depth": "drill"}})
    wait("the temporary share", drilled, bool, 60)
    stack.kill("karbor", signal.SIGKILL)
    delays.unlink()
    stack.start_service("karbor")
    ended = wait(
        "the verification's end",
        lambda: alpha.karbor.verifications.get(begun.id),
        lambda seen: seen.status != "in_progress",
        90,
    )
    assert ended.status == "fail"
    assert "died" in str(ended.resources_reason)
    wait("the end of the temporary share", drilled, lambda left: not left, 60)
    alpha.verify(checkpoint, {SHARE: {"depth": "record"}})
