# SPDX-License-Identifier: Apache-2.0
"""Events on real services: a whole life of a checkpoint is told in its order, to a file and over
oslo.messaging, beside three listeners that raise, hang and flood."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import files
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.operator_command import run_command

LISTENING = Path(__file__).parent / "listening"
SAMPLES = Path(__file__).resolve().parents[2] / "doc" / "reference" / "event_samples"
PREFIX = "share_protection."
GROUP = "manila_share_protection"

pytestmark = pytest.mark.usefixtures("few_checkpoints")

#: By their entry points and by their classes; the last one reads what notifications sends.
LISTENERS = (
    "raising,listening_listeners:Hanging,listening_listeners.Flooding,filing,metrics,notifications,"
    "listening_listeners:Reading"
)


class Told:
    """What the listener that keeps events has got."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def events(self) -> list[dict[str, Any]]:
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        return [json.loads(line) for line in lines]

    def of(self, checkpoint: Any) -> list[dict[str, Any]]:
        """What was told of a checkpoint; Karbor may be at work on others."""
        return [each for each in self.events() if each["payload"]["checkpoint_id"] == checkpoint.id]

    def wait_for(self, checkpoint: Any, last: str, number: int) -> list[str]:
        """The types of its events, once so many are there and the last is this one."""
        return wait(
            "events",
            lambda: [each["event_type"].removeprefix(PREFIX) for each in self.of(checkpoint)],
            lambda seen: len(seen) >= number and seen[-1] == last,
            60,
        )

    def read(self) -> "Told":
        """What a consumer of notifications has got."""
        return Told(self.path.with_name("read"))

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def told(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A Karbor that tells its events."""
    before = stack.state.settings()
    path = tmp_path_factory.mktemp("events") / "events"
    named = {
        f"{GROUP}/event_listeners": LISTENERS,
        f"{GROUP}/event_stop_timeout": 2,
        f"{GROUP}/filing_path": str(path),
        f"{GROUP}/reading_path": str(path.with_name("read")),
    }
    stack.restart(
        "karbor",
        pythonpath=[*before.pythonpath, LISTENING],
        karbor_options={**before.karbor_options, **named},
    )
    yield Told(path)
    stack.restart("karbor", pythonpath=before.pythonpath, karbor_options=before.karbor_options)


def life(*kinds: str) -> list[str]:
    """The types of operations on a checkpoint of one share, in their order."""
    return [
        f"{name}.{phase}"
        for kind in kinds
        for name, phase in (
            ("checkpoint", "start"),
            (kind, "start"),
            (kind, "end"),
            ("checkpoint", "end"),
        )
    ]


def shape(value: Any) -> Any:
    return {name: shape(each) for name, each in value.items()} if isinstance(value, dict) else None


def test_a_whole_life_of_a_checkpoint_is_told_in_its_order(alpha: Tenant, told: Told) -> None:
    told.forget()
    told.read().forget()
    share = alpha.make_share("home")
    folder = alpha.folder(share.id)
    fill(folder, "told")
    then = contents(folder)
    plan = alpha.plan_of_shares([share])
    checkpoint = alpha.protect(plan)
    (snapshot,) = alpha.snapshots(share.id)
    alpha.verify(checkpoint)
    alpha.verify(checkpoint, {SHARE: {"depth": "drill"}})
    restore = alpha.restore(checkpoint)
    new = alpha.restored_share(restore)
    # Three listeners do their work badly, and the bytes are there all the same.
    assert contents(alpha.folder(new.id)) == then
    alpha.delete(checkpoint)
    expected = life("protect", "verify", "drill", "restore", "delete")
    assert told.wait_for(checkpoint, "checkpoint.end", len(expected)) == expected
    events = told.of(checkpoint)
    # Each priority is a queue of its own; here is no error, and so one order.
    assert told.read().wait_for(checkpoint, "checkpoint.end", len(expected)) == expected
    assert told.read().of(checkpoint) == events
    for each in events:
        sample = json.loads((SAMPLES / f"{each['event_type']}.json").read_text(encoding="utf-8"))
        assert shape(each) == shape(sample)
        payload = each["payload"]
        assert (payload["checkpoint_id"], payload["plan_id"]) == (checkpoint.id, plan.id)
        assert (payload["project_id"], each["host"]) == (alpha.project_id, "sandbox")
    by_type = {each["event_type"].removeprefix(PREFIX): each["payload"] for each in events}
    assert by_type["protect.end"]["made_id"] == snapshot.id
    assert by_type["protect.end"]["share_id"] == share.id
    assert by_type["restore.end"]["made_id"] == new.id
    assert by_type["restore.end"]["request_id"] == restore.id
    ends = [each["payload"] for each in events if each["event_type"] == f"{PREFIX}checkpoint.end"]
    assert [(each["flow"], each["status"], each["ok"]) for each in ends] == [
        ("protect", "available", 1),
        ("verify", "success", 1),
        ("verify", "success", 1),
        ("restore", "success", 1),
        ("delete", "deleted", 1),
    ]


def test_an_audit_on_the_command_line_tells_what_it_found(
    alpha: Tenant, told: Told, stack: Stack, tmp_path: Path
) -> None:
    share = alpha.make_share("home")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    (snapshot,) = alpha.snapshots(share.id)
    alpha.manila.share_snapshots.delete(snapshot.id)
    wait("no snapshot", lambda: alpha.snapshots(share.id), lambda seen: not seen, 120)
    told.wait_for(checkpoint, "checkpoint.end", 4)
    told.forget()
    # A listener that takes what it is told has time for it, and the command its own end.
    text = (stack.state.directory("karbor") / "karbor.conf").read_text()
    assert "event_stop_timeout = 2\n" in text
    config = tmp_path / "karbor.conf"
    files.write(config, text.replace("event_stop_timeout = 2\n", "event_stop_timeout = 20\n"))
    ran = run_command(stack, config, "audit", "--fix", "--grace", "0", pythonpath=LISTENING)
    # It ends although one of its listeners hangs, and has told the others all.
    found = told.of(checkpoint)
    assert [each["event_type"] for each in found] == [
        f"{PREFIX}audit.start",
        f"{PREFIX}audit.end",
    ], ran.stderr
    assert {each["payload"]["snapshot_id"] for each in found} == {snapshot.id}
    alpha.delete(checkpoint)
