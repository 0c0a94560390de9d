# SPDX-License-Identifier: Apache-2.0
"""The hooks that come along around protections on the real services: a command that writes into
the share, read-only rules, a receiver of webhooks; and what each of them sees of the others."""

import contextlib
import hashlib
import hmac
import http.server
import json
import re
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import files
from sandbox.manila import knobs
from sandbox.proxy.rules import Rule
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.folders import contents, fill

# Exports of the sandbox are directories of this machine, with a file of rules beside them.
COMMAND = """#!{python} -SE
import json, os, pathlib, sys, time

told = {{name.removeprefix("KARBOR_MANILA_").lower(): value for name, value in os.environ.items()}}
folder = pathlib.Path(told["export_location"].partition(":")[2])
root, instance = folder.parents[2], folder.parent.name
rules = json.loads((root / "access" / f"{{instance}}.json").read_text())
wanted = told["metadata_value"]
told["levels"] = sorted(rule["level"] for rule in rules)
told["stdin"] = json.loads(sys.stdin.read())
with open("{witness}", "a") as stream:
    stream.write(json.dumps(told) + "\\n")
if told["phase"] == "pre":
    print("the schema of", told["share_name"], "is being changed", flush=True)
    sys.exit(75) if wanted == "busy" else None
    sys.exit(3) if wanted == "broken" else None
    time.sleep(600) if wanted == "hang" else None
    (folder / "flushed").write_text(told["checkpoint_id"])
else:
    (folder / "afterwards").write_text(told["checkpoint_id"])
    print(json.dumps({{"annotations": {{"lsn": "0/16B3748"}}}}))
"""
SECRET = b"tell no one"
RULES = {"10.0.0.1": "rw", "alice": "rw", "10.0.0.9": "ro"}


class Receiver:
    """A service of the operator's, which takes webhooks."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signed = f"{self.headers['X-Karbor-Manila-Timestamp']}.".encode() + body
                expected = "sha256=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
                assert self.headers["X-Karbor-Manila-Signature"] == expected
                receiver.taken.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/karbor"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of(self, checkpoint_id: str) -> list[tuple[str, str]]:
        """Phase and outcome of what was told of a checkpoint."""
        return [
            (told["phase"], told.get("outcome", {}).get("status", ""))
            for told in self.taken
            if told["checkpoint_id"] == checkpoint_id
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hooks")


@pytest.fixture(scope="module")
def stack(folder: Path, receiver: Receiver) -> Iterator[Stack]:
    command, secret = folder / "command", folder / "secret"
    command.write_text(COMMAND.format(python=sys.executable, witness=folder / "witness"))
    command.chmod(0o755)
    secret.write_bytes(SECRET)
    stack = Stack(
        folder / "state",
        karbor_options={"manila_share_protection/reconcile_interval": 2},
        share_options={
            "hook_drivers": "webhook, quiesce, command",
            "enable_pre_hooks": "true",
            "enable_post_hooks": "true",
            "hook_timeout": 20,
            "request_settle_time": 3,
            "command_hook_pre": f"{command} --before",
            "command_hook_post": f"{command} --after",
            "command_hook_metadata_key": "quiesce",
            "webhook_url": receiver.url,
            "webhook_secret_file": str(secret),
            "webhook_phases": "pre, post",
            "webhook_timeout": 6,
        },
    )
    with stack:
        yield stack
    stack.destroy()


@pytest.fixture(scope="module")
def alpha(stack: Stack) -> Tenant:
    return Tenant(stack.info, "alpha")


class Application:
    """A share whose owner wants it quiet, who writes to it, and what the command saw of it."""

    def __init__(self, alpha: Tenant, stack: Stack, witness: Path, wanted: str) -> None:
        self.alpha = alpha
        self.share = alpha.make_share("database", metadata={"quiesce": wanted})
        self.folder = alpha.folder(self.share.id)
        self._rules = stack.info.shares / "access" / f"{self.folder.parent.name}.json"
        self._witness = witness
        fill(self.folder, "then")
        for to, level in RULES.items():
            kind = "ip" if to[0].isdigit() else "user"
            alpha.manila.shares.allow(self.share.id, kind, to, level)
        wait("the rules", self.let_in, lambda rules: rules == RULES, 60)

    def let_in(self) -> dict[str, str]:
        """Whom the backend lets in."""
        return {rule["to"]: rule["level"] for rule in files.read_json(self._rules) or []}

    def is_as_before(self) -> bool:
        """Whether the rules are as their owner made them, without a word of ours in them."""
        rules = self.alpha.manila.share_access_rules.access_list(self.share)
        marked = [rule.id for rule in rules if rule.metadata]
        return self.let_in() == RULES and not marked

    def seen(self) -> list[dict[str, Any]]:
        """What each command was told, in their order."""
        lines = self._witness.read_text().splitlines() if self._witness.exists() else []
        return [told for told in map(json.loads, lines) if told["share_id"] == self.share.id]

    def phases(self) -> list[tuple[str, str, str]]:
        """Phase, outcome, and the levels of access that the command saw."""
        return [
            (told["phase"], told.get("outcome", ""), " ".join(told["levels"]))
            for told in self.seen()
        ]


@pytest.fixture
def make(alpha: Tenant, stack: Stack, folder: Path) -> Any:
    return lambda wanted: Application(alpha, stack, folder / "witness", wanted)


ALL_READ_ONLY = "ro ro ro"


def test_a_snapshot_has_what_the_command_flushed_and_nothing_of_afterwards(
    make: Any, alpha: Tenant, receiver: Receiver, stack: Stack
) -> None:
    it = make("yes")
    checkpoint = alpha.protect(alpha.plan_of_shares([it.share]))
    assert it.phases() == [("pre", "", ALL_READ_ONLY), ("post", "success", ALL_READ_ONLY)]
    assert it.is_as_before()
    assert receiver.of(checkpoint.id) == [("pre", ""), ("post", "success")]
    assert contents(it.folder)["afterwards"] == checkpoint.id.encode()

    pre, post = it.seen()
    assert {name for name in pre if name.isupper()} == set()
    assert set(pre) - {"path", "lang", "levels", "stdin", "lc_ctype"} == {
        *("hook", "phase", "point", "scope", "checkpoint_id", "provider_id", "project_id"),
        *("request_id", "share_ids", "share_id", "share_name", "share_type", "share_proto"),
        *("metadata_value", "export_location", "export_locations"),
    }
    assert post["stdin"]["outcome"]["status"] == "success"

    page = stack.info.bank / "karbor/checkpoints" / checkpoint.id / "resource-data" / it.share.id
    record = files.read_json(page / "metadata")
    recorded = {rule["access_to"]: rule["access_level"] for rule in record["access_rules"]}
    assert recorded == RULES
    assert record["hooks"]["annotations"] == {"lsn": "0/16B3748"}
    new = alpha.restored_share(alpha.restore(checkpoint))
    restored = contents(alpha.folder(new.id))
    assert restored["flushed"] == checkpoint.id.encode()
    assert "afterwards" not in restored
    assert {"readme", "deep/er/data"} < restored.keys()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("broken", "ended with exit code 3"),
        # What is left of its time once it is known where the share is.
        ("hang", r"did not end within 1\d seconds"),
    ],
)
def test_a_command_that_fails_or_hangs_means_no_snapshot_and_rules_as_before(
    make: Any, alpha: Tenant, wanted: str, said: str
) -> None:
    it = make(wanted)
    checkpoint = alpha.protect(alpha.plan_of_shares([it.share]), "error")
    told = rf"{said}\. It said: the schema of database is being changed"
    assert re.search(told, checkpoint.extra_info)
    assert "'command' failed in its pre of protect" in checkpoint.extra_info
    assert alpha.snapshots(it.share.id) == []
    assert it.phases() == [("pre", "", ALL_READ_ONLY), ("post", "failed", ALL_READ_ONLY)]
    assert it.is_as_before()
    assert "flushed" not in contents(it.folder)


def test_75_leaves_the_share_out_with_the_commands_words(make: Any, alpha: Tenant) -> None:
    busy, well = make("busy"), make("yes")
    checkpoint = alpha.protect(alpha.plan_of_shares([busy.share, well.share]))
    (out,) = json.loads(checkpoint.extra_info)["left_out"]
    assert out["id"] == busy.share.id
    assert "the schema of database is being changed (exit code 75)" in out["reason"]
    assert alpha.snapshots(busy.share.id) == []
    assert len(alpha.snapshots(well.share.id)) == 1
    assert busy.is_as_before()
    assert well.is_as_before()


def test_a_driver_that_fails_is_told_and_nothing_stays_frozen(
    make: Any, alpha: Tenant, stack: Stack, receiver: Receiver
) -> None:
    it = make("yes")
    faults = stack.state.directory("manila") / "faults.json"
    knobs.write(faults, {"create_snapshot": True})
    try:
        checkpoint = alpha.protect(alpha.plan_of_shares([it.share]), "error")
    finally:
        faults.unlink()
    assert it.phases() == [("pre", "", ALL_READ_ONLY), ("post", "failed", ALL_READ_ONLY)]
    assert it.is_as_before()
    assert receiver.of(checkpoint.id) == [("pre", ""), ("post", "failed")]


def test_lost_replies_leave_nothing_frozen(make: Any, alpha: Tenant, stack: Stack) -> None:
    it = make("yes")
    rules = r"/share-access-rules/[^/]+"
    with contextlib.ExitStack() as faults:
        for method, path in (("PUT", "$"), ("PUT", "/metadata$"), ("DELETE", "/metadata/")):
            faults.enter_context(stack.proxy.fault(Rule.lose_reply(method, rules + path)))
        alpha.protect(alpha.plan_of_shares([it.share]))
    assert it.phases() == [("pre", "", ALL_READ_ONLY), ("post", "success", ALL_READ_ONLY)]
    assert it.is_as_before()


def test_after_a_kill_the_reconciliation_thaws(
    make: Any, alpha: Tenant, stack: Stack, receiver: Receiver
) -> None:
    it = make("yes")
    delays = stack.state.directory("manila") / "delays.json"
    knobs.write(delays, {"create_snapshot": 12})
    plan = alpha.plan_of_shares([it.share])
    begun = alpha.karbor.checkpoints.create(plan.provider_id, plan.id)
    wait("the snapshot", lambda: alpha.snapshots(it.share.id), bool, 60)
    assert it.let_in() == dict.fromkeys(RULES, "ro")
    stack.kill("karbor", signal.SIGKILL)
    delays.unlink()
    assert it.let_in() == dict.fromkeys(RULES, "ro")
    stack.start_service("karbor")
    wait("the rules as before", it.is_as_before, bool, 60)
    wait("its posts", lambda: receiver.of(begun.id)[1:], bool, 60)
    assert it.phases()[:2] == [("pre", "", ALL_READ_ONLY), ("post", "interrupted", ALL_READ_ONLY)]
    assert receiver.of(begun.id)[1] == ("post", "interrupted")


def test_a_receiver_that_is_away_fails_nothing(
    make: Any, alpha: Tenant, stack: Stack, receiver: Receiver
) -> None:
    receiver.close()
    it = make("yes")
    alpha.protect(alpha.plan_of_shares([it.share]))
    assert it.is_as_before()
    log = stack.info.logs["karbor"].read_text()
    assert "Webhook of the post of protect" in log
    assert SECRET.decode() not in log
