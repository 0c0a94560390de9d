# SPDX-License-Identifier: Apache-2.0
"""What a second actor does while an operation is in work, and what it was answered."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox import credentials
from sandbox.tenant import SHARE
from tests.crash.promise import UNTRUE, Finding
from tests.crash.ways import Way
from tests.crash.world import CLIENT_ERRORS, Stage, World

SECONDS = 120
# A claim is told with its time; a newer snapshot in the way with its checkpoint and its status.
_SINCE = re.compile(r"\bsince \d{4}-\d\d-\d\d|\bof checkpoint \S+, which is \w+ing\b")


@dataclass(frozen=True)
class Answer:
    """What came of it: why it was refused, if it was; the record, if it has one, that tells more.

    :ivar checkpoint: whose end was asked for, by its id.
    """

    refusal: str = ""
    record: str = ""
    checkpoint: str = ""


def names_who(refusal: str) -> bool:
    """Whether a refusal says who is at work, and since when."""
    return bool(_SINCE.search(refusal))


def delete(world: World, stage: Stage) -> Answer:
    """DELETE of the oldest checkpoint, as a retention does it."""
    world.tenant.karbor.checkpoints.delete(world.provider_id, stage.checkpoint.id)
    return Answer(checkpoint=stage.checkpoint.id)


def delete_newest(world: World, stage: Stage) -> Answer:
    """DELETE of the newest checkpoint, which may be the one that is being made."""
    later = [it.id for it in world.checkpoints(stage) if it.id != stage.checkpoint.id]
    newest = later[0] if later else stage.checkpoint.id
    world.tenant.karbor.checkpoints.delete(world.provider_id, newest)
    return Answer(checkpoint=newest)


def restore(world: World, stage: Stage) -> Answer:
    """A restore into new shares."""
    begun = world.tenant.karbor.restores.create(
        world.provider_id, stage.checkpoint.id, None, {}, None
    )
    return Answer(record=begun.id)


def in_place(world: World, stage: Stage) -> Answer:
    """A restore in place of the same shares."""
    given = {f"{SHARE}#{share_id}": {"share_id": share_id} for share_id in stage.contents}
    begun = world.tenant.karbor.restores.create(
        world.provider_id, stage.checkpoint.id, None, given, None
    )
    return Answer(record=begun.id)


def reset_state(world: World, stage: Stage) -> Answer:
    """The checkpoint is put into ``error``."""
    world.tenant.karbor.checkpoints.reset_state(world.provider_id, stage.checkpoint.id, "error")
    stage.reset.add(stage.checkpoint.id)
    return Answer()


def reconcile(world: World, stage: Stage) -> Answer:
    """``karbor-manila reconcile`` on the other host."""
    return _command(world, "reconcile", "-f", "json")


def audit(world: World, stage: Stage) -> Answer:
    """``karbor-manila audit --fix`` on the other host, with no grace for what is young."""
    return _command(world, "audit", "--fix", "--grace", "0", "-f", "json")


def _command(world: World, *argv: str) -> Answer:
    config = world.stack.state.directory("karbor2") / "karbor.conf"
    ran = subprocess.run(  # noqa: S603
        [world.stack.info.bin / "karbor-manila", *argv, "--config-file", config],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=credentials.for_commands(world.stack.info),
    )
    try:
        json.loads(ran.stdout or "[]")
    except ValueError:
        raise AssertionError(f"{argv[0]}: {ran.stdout}{ran.stderr}") from None
    if ran.returncode not in (0, 3):
        raise AssertionError(f"{argv[0]} answers {ran.returncode}: {ran.stderr}")
    return Answer()


ACTS: dict[str, Callable[[World, Stage], Answer]] = {
    "DELETE of the oldest": delete,
    "DELETE of the newest": delete_newest,
    "another restore": restore,
    "a restore in place": in_place,
    "reset-state": reset_state,
    "reconcile": reconcile,
    "audit --fix": audit,
}


def acts(way: Way) -> list[str]:
    """The names of what a second one may do to shares that are kept this way."""
    return [name for name in ACTS if name != "a restore in place" or "in place" in way.operations]


#: Those who claim nothing when nothing is wrong: the operation must not fail because of them.
HARMLESS = ("reconcile", "audit --fix")


def act(name: str, world: World, stage: Stage) -> Answer:
    """Let the second one act. A refusal by Karbor's API is an answer."""
    try:
        return ACTS[name](world, stage)
    except CLIENT_ERRORS as error:
        return Answer(refusal=str(error))


def ended(world: World, stage: Stage, answer: Answer) -> Answer:
    """What came of it in the end: a restore that failed was refused, too."""
    found: Any = [it for it in world.restores(stage) if it.id == answer.record]
    if found and found[0].status != "success":
        return Answer(refusal=str(found[0].resources_reason), record=answer.record)
    return answer


def broken_word(world: World, stage: Stage, answer: Answer) -> Iterator[Finding]:
    """An end that was promised and did not come."""
    status = {it.id: it.status for it in world.checkpoints(stage)}
    if not answer.refusal and status.get(answer.checkpoint, "deleted") != "deleted":
        yield Finding(UNTRUE, f"a DELETE that was accepted left it {status[answer.checkpoint]}")
    for checkpoint_id in stage.reset & status.keys():
        if status[checkpoint_id] != "error":
            yield Finding(UNTRUE, f"a reset to error is {status[checkpoint_id]} now")
