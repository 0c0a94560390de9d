# SPDX-License-Identifier: Apache-2.0
"""What was told to the user, and whether it is still so: statuses, shares and their bytes."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.crash import promise
from tests.crash.promise import CHANGED, UNTRUE, Finding
from tests.crash.ways import IN_PASSING
from tests.crash.world import Stage, Unfinished, World, wait

REST_SECONDS = 60


@dataclass(frozen=True)
class Told:
    """All that a user can see, each by what it is: ``restore <id>``, ``share <id>`` and so on."""

    seen: dict[str, Any]


def look(world: World, stage: Stage) -> Told:
    """What is told and there, once everything is at rest, or as it stands when nothing rests."""
    with contextlib.suppress(Unfinished):  # which the promise tells as what is stuck
        wait(
            "everything coming to rest",
            lambda: _moving(world, stage),
            lambda moving: not moving,
            REST_SECONDS,
            0.5,
        )
    seen: dict[str, Any] = {}
    for checkpoint in world.checkpoints(stage):
        seen[f"checkpoint {checkpoint.id}"] = (checkpoint.status, checkpoint.extra_info)
    for record in world.restores(stage):
        status = (record.status, record.resources_status, record.resources_reason)
        seen[f"restore {record.id}"] = status
    for record in world.verifications(stage):
        seen[f"verification {record.id}"] = (record.status, record.resources_reason)
    for kept in world.kept():
        seen[f"{kept.kind} {kept.id}"] = kept.status
    for rule in world.rules():
        seen[f"access {rule.id}"] = (rule.to, rule.state)
    for group in world.groups():
        seen[f"share group {group.id}"] = group.status
    for share in world.tenant.shares():
        contents = world.contents(share.id) if share.status == "available" else None
        seen[f"share {share.id}"] = (share.status, contents)
    return Told(seen)


def changes(before: Told, after: Told) -> Iterator[Finding]:
    """What is not as it was."""
    for what in sorted(before.seen.keys() | after.seen.keys()):
        old, new = before.seen.get(what), after.seen.get(what)
        if old != new:
            yield Finding(CHANGED, f"{what}: {_short(old)}, then {_short(new)}")


def untrue(world: World, stage: Stage) -> Iterator[Finding]:
    """Bytes that are not what a restore says that they are."""
    kept, present = list(stage.contents.values()), list(stage.now.values())
    there = {share.id: share for share in world.tenant.shares()}
    back: set[str] = set()
    asked: set[str] = set()
    for restore in world.restores(stage):
        asked |= {share_id for share_id in stage.contents if share_id in str(restore.parameters)}
        for key, status in (restore.resources_status or {}).items():
            share_id = key.partition("#")[2]
            if status != "available" or share_id not in there:
                continue
            if share_id in stage.contents:
                back.add(share_id)
                if world.contents(share_id) != stage.contents[share_id]:
                    yield Finding(UNTRUE, f"{restore.status} in place without the bytes")
            elif world.contents(share_id) not in kept + present:
                yield Finding(UNTRUE, f"{restore.status} into a share with other bytes")
    for share_id in stage.contents.keys() - back:
        wanted = [stage.now.get(share_id, stage.contents[share_id])]
        # A process that died right after it had asked for the revert cannot know more.
        wanted += [stage.contents[share_id]] if share_id in asked else []
        if there[share_id].status == "available" and world.contents(share_id) not in wanted:
            yield Finding(UNTRUE, "a share was put back that nobody had asked for")


def _moving(world: World, stage: Stage) -> list[str]:
    found = [f"{it.id} {it.status}" for it in world.things() if it.status in IN_PASSING]
    return found + [str(finding) for finding in promise.unfinished(world, stage)]


def _short(seen: Any) -> str:
    if seen is None:
        return "not there"
    text = str(seen)
    return text if len(text) < 200 else f"{text[:100]}...{text[-60:]}"
