# SPDX-License-Identifier: Apache-2.0
"""A hook around the work of the real services: what it does is in the snapshot, and never stays."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.manila import knobs
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.operator_command import Command

WITNESSING = Path(__file__).parent / "witnessing"
WHAT_IS_LEFT = ("reconcile", "--dry-run", "-f", "json")


class Witness:
    """What the hook saw."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def of(self, share: Any) -> list[dict[str, Any]]:
        """Its calls for a share, in their order."""
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        return [told for told in map(json.loads, lines) if told["share"] == share.id]

    def order(self, share: Any) -> list[str]:
        """As words: the phase, the outcome, and the snapshots that there were."""
        return [
            " ".join(filter(None, (told["phase"], told.get("status"), *told["snapshots"])))
            for told in self.of(share)
        ]


@pytest.fixture(scope="module")
def witness(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Witness]:
    """A Karbor with the hook; as it was before at the end."""
    before = stack.state.settings()
    file = tmp_path_factory.mktemp("witness") / "seen"
    options = {
        "hook_drivers": "witness_hook:WitnessHook",
        "enable_pre_hooks": True,
        "enable_post_hooks": True,
        "hook_timeout": 10,
        "hook_freeze_timeout": 20,
        "witness_file": str(file),
    }
    stack.restart(
        "karbor",
        pythonpath=[*before.pythonpath, WITNESSING],
        share_options={**before.share_options, **options},
        karbor_options={**before.karbor_options, "manila_share_protection/reconcile_interval": 2},
    )
    yield Witness(file)
    stack.restart(
        "karbor",
        pythonpath=before.pythonpath,
        share_options=before.share_options,
        karbor_options=before.karbor_options,
    )


@pytest.fixture
def backend(stack: Stack) -> Iterator[Path]:
    """The folder of the files that make Manila's backend slow or faulty."""
    folder = stack.state.directory("manila")
    yield folder
    for name in ("delays.json", "faults.json"):
        (folder / name).unlink(missing_ok=True)


def remarks(tenant: Tenant, checkpoint: Any) -> dict[str, str]:
    found = tenant.checkpoint(checkpoint.protection_plan["provider_id"], checkpoint.id)
    told: dict[str, str] = json.loads(found.extra_info).get("remarks") or {}
    return told


def test_a_snapshot_is_taken_between_pre_and_post(alpha: Tenant, witness: Witness) -> None:
    share = alpha.make_share("witnessed")
    fill(alpha.folder(share.id), "then")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    assert witness.order(share) == ["pre", "post success available"]
    assert not (alpha.folder(share.id) / "quiet").exists()
    assert remarks(alpha, checkpoint) == {}
    then = contents(alpha.folder(share.id))
    fill(alpha.folder(share.id), "now")
    new = alpha.restored_share(alpha.restore(checkpoint))
    restored = contents(alpha.folder(new.id))
    assert restored.pop("quiet") == checkpoint.id.encode()  # it was quiet when it was taken
    assert restored == then
    points = [(told["point"], told["phase"]) for told in witness.of(share)]
    assert points[2:] == [("restore", "pre"), ("restore", "post")]
    alpha.delete(checkpoint)
    points = [(told["point"], told["phase"]) for told in witness.of(share)]
    assert points[4:] == [("delete", "pre"), ("delete", "post")]


def test_when_the_driver_fails_it_is_thawed_and_nothing_stays(
    alpha: Tenant, witness: Witness, backend: Path
) -> None:
    share = alpha.make_share("witnessed")
    fill(alpha.folder(share.id), "then")
    then = contents(alpha.folder(share.id))
    knobs.write(backend / "faults.json", {"create_snapshot": {"id": share.id}})
    alpha.protect(alpha.plan_of_shares([share]), status="error")
    assert witness.order(share) == ["pre", "post failed error"]
    assert contents(alpha.folder(share.id)) == then
    assert alpha.snapshots(share.id) == []


def test_a_failing_pre_makes_nothing_and_its_user_reads_which_hook(
    alpha: Tenant, witness: Witness
) -> None:
    share, other = alpha.make_share("broken"), alpha.make_share("witnessed")
    ended = alpha.protect(alpha.plan_of_shares([share, other]), status="error")
    assert witness.order(share) == ["pre", "post failed"]
    assert alpha.snapshots(share.id) == []
    assert witness.order(other) == ["pre", "post success available"]
    reasons = json.loads(ended.extra_info)["reasons"]
    assert list(reasons) == [f"{SHARE}#{share.id}"]
    assert "witness_hook:WitnessHook" in reasons[f"{SHARE}#{share.id}"]


def test_a_pre_that_ends_after_it_was_given_up_leaves_nothing_frozen(
    alpha: Tenant, witness: Witness
) -> None:
    share = alpha.make_share("late")
    ended = alpha.protect(alpha.plan_of_shares([share]), status="error")
    assert "10 seconds (hook_timeout)" in ended.extra_info
    wait("the late one", lambda: len(witness.of(share)), lambda seen: seen >= 3, 60)
    quiet = alpha.folder(share.id) / "quiet"
    wait("it to be thawed", quiet.exists, lambda is_there: not is_there, 60)
    assert alpha.snapshots(share.id) == []


def test_after_the_freeze_time_it_is_thawed_and_the_checkpoint_says_so(
    alpha: Tenant, witness: Witness, backend: Path, command: Command
) -> None:
    share = alpha.make_share("witnessed")
    knobs.write(backend / "delays.json", {"create_snapshot": {"seconds": 26, "id": share.id}})
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    assert witness.order(share) == ["pre", "post timed_out creating"]
    assert "after 20 seconds" in remarks(alpha, checkpoint)[f"{SHARE}#{share.id}"]
    wait(
        "what is left",
        lambda: json.loads(command(*WHAT_IS_LEFT).stdout),
        lambda left: checkpoint.id not in {row["Checkpoint"] for row in left},
        60,
    )
