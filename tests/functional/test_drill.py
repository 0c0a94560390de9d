# SPDX-License-Identifier: Apache-2.0
"""Drills on the real services: the operator's check decides, and nothing is ever left behind."""

import concurrent.futures
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.operator_command import run_command
from tests.functional.tenant_command import command

# Exports of the sandbox are directories of this machine: the check looks at the bytes themselves.
CHECK = """#!/bin/sh
folder="${KARBOR_MANILA_EXPORT_LOCATION#*:}"
[ "$(cat "$folder/file")" = "good" ] && exit 0
echo "the file in $folder is spoilt"
exit 4
"""

# An operator mounts here what the export location names.
CONTENT = """#!/bin/sh
exec "$@" "${KARBOR_MANILA_EXPORT_LOCATION#*:}"
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("drill")
    check = folder / "check"
    check.write_text(CHECK)
    content = folder / "content"
    content.write_text(CONTENT)
    for each in (check, content):
        each.chmod(0o755)
    key = folder / "key.pem"
    form, clear = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    made = Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, form, clear)
    key.write_bytes(made)
    key.chmod(0o600)
    options = {
        "drill_command": str(check),
        "drill_signing_key": str(key),
        "content_command": str(content),
        "content_settled": "0",
    }
    stack = Stack(folder / "state", share_options=options)
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


def test_a_file_that_was_changed_is_found_and_the_result_is_kept_and_signed(
    alpha: Tenant, stack: Stack
) -> None:
    share = alpha.make_share("compared")
    folder = alpha.folder(share.id)
    (folder / "file").write_text("good")
    (folder / "below").mkdir()
    (folder / "below" / "rotten").write_text("ripe")
    (folder / "out").symlink_to("/etc/passwd")
    time.sleep(1.1)  # what the protection keeps has to be older, to the second
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    good = alpha.verify(checkpoint, {SHARE: {"depth": "drill"}})
    told = json.loads(good.resources_reason[f"{SHARE}#{share.id}"])
    assert told["compared"] == {"files": 3, "of": 3, "manifest": "good"}
    found = stack.state.directory("manila").rglob("rotten")
    (kept,) = [path for path in found if "snapshots" in path.parts]
    kept.write_text("soft")
    bad = alpha.verify(checkpoint, {SHARE: {"depth": "drill"}}, status="fail")
    reason = bad.resources_reason[f"{SHARE}#{share.id}"]
    assert "1 of 3 files" in reason
    assert "below/rotten has another content" in reason
    conf = stack.state.directory("karbor") / "karbor.conf"
    argv = ("drill", "results", "--share", share.id, "--require-signed", "-f", "json")
    ended = run_command(stack, conf, *argv)
    assert ended.returncode == 0, ended.stderr
    first, second = json.loads(ended.stdout)
    assert (first["Result"], first["Signature"]) == ("good", "good")
    assert (second["Result"], second["Signature"]) == ("bad", "good")
    assert first["Compared"]["files"] == 3


def test_two_crons_at_once_drill_nothing_twice(alpha: Tenant, stack: Stack) -> None:
    share = alpha.make_share("cron")
    (alpha.folder(share.id) / "file").write_text("good")
    plan = alpha.plan_of_shares([share])
    alpha.protect(plan)
    run = command(stack.info, "alpha")
    argv = ("drill", "--all", "--older-than", "7d", "--plan", plan.id)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda _number: run(*argv), range(2)))
    assert [code for code, _rows, _err in ends] == [0, 0], ends
    results = sorted(rows[0]["Result"] for _code, rows, _err in ends)
    assert results[0] == "good"
    assert results[1].startswith("not due: ")
    _code, (again,), _err = run(*argv)
    assert again["Result"].startswith("not due: drilled well")


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
