# SPDX-License-Identifier: Apache-2.0
"""What of the promise is broken, by what Karbor and Manila show and by the pages in the bank."""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.crash.operations import Operation
from tests.crash.world import CLIENT_ERRORS, Stage, Unfinished, World, wait

STUCK = "stuck"
KEPT = "orphan snapshot"  # or group snapshot, or backup
SHARE = "orphan share"
GROUP = "orphan group"
ACCESS = "open access"
PAGE = "left page"
REASON = "no reason"
LOG = "open log"
DEAD_END = "dead end"
UNTRUE = "untrue"
CHANGED = "changed later"
FROZEN = "left frozen"
UNNAMED = "refused without a name"
BOTH = "both failed"
KINDS = (STUCK, KEPT, SHARE, PAGE, REASON, LOG, DEAD_END, UNTRUE)

_CHECKPOINT_IN_WORK = ("protecting", "deleting", "copying", "wait_copying")
_IN_WORK = (*_CHECKPOINT_IN_WORK, "in_progress", "started")
_GIVEN_BACK = ("available", "success")
_POLL = 0.5


@dataclass(frozen=True)
class Finding:
    """One thing that breaks the promise: its kind, and what was seen."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def settled(world: World, stage: Stage, seconds: float) -> list[Finding]:
    """Wait until nothing breaks the promise any more.

    :returns: what still does after so many seconds.
    """
    found: list[Finding] = []

    def look() -> list[Finding]:
        found[:] = inspect(world, stage)
        return found

    try:
        wait("the promise", look, lambda findings: not findings, seconds, _POLL)
    except Unfinished:
        return found
    return []


def inspect(world: World, stage: Stage, parts: Collection[Stage] = ()) -> list[Finding]:
    """What breaks the promise at this moment.

    :param parts: of which the stage is made, if it is several
    """
    try:
        checks: list[Iterable[Finding]] = [unfinished(world, stage), _unaccounted(world, stage)]
        if world.ours:
            checks += [_unexplained(world, stage)]
            checks += [_untrue(world, part) for part in parts or (stage,)]
        return [finding for findings in checks for finding in findings]
    except CLIENT_ERRORS as error:
        return [Finding(DEAD_END, f"what happened cannot be asked for: {error}")]


def act(world: World, stage: Stage, operation: Operation) -> list[Finding]:
    """Do what a user would do next, and delete the checkpoint in the end.

    :returns: what of that cannot be done.
    """
    findings = []
    try:
        operation.again(world, stage)
    except (AssertionError, *CLIENT_ERRORS) as error:
        findings.append(Finding(DEAD_END, f"{operation.name} again: {error}"))
    return findings + remove(world, stage)


def remove(world: World, stage: Stage) -> list[Finding]:
    """Delete all checkpoints.

    :returns: what cannot be deleted, and what is left of what could be.
    """
    findings = []
    try:
        checkpoints = world.checkpoints(stage)
        for checkpoint in checkpoints:
            try:
                world.tenant.delete(checkpoint, provider=world.provider_id)
            except (AssertionError, *CLIENT_ERRORS) as error:
                was = checkpoint.status
                findings.append(Finding(DEAD_END, f"delete a checkpoint in {was!r}: {error}"))
        findings += _remains(world, stage, checkpoints)
    except CLIENT_ERRORS as error:
        findings.append(Finding(DEAD_END, f"its checkpoints cannot be listed: {error}"))
    return findings


def unfinished(world: World, stage: Stage) -> Iterator[Finding]:
    """What is in work: checkpoints, restores, verifications, and their operation logs."""
    checkpoints = world.checkpoints(stage)
    for checkpoint in checkpoints:
        if checkpoint.status in _CHECKPOINT_IN_WORK:
            yield Finding(STUCK, f"checkpoint {checkpoint.status}")
    for kind, record in _records(world, stage):
        if record.status in _IN_WORK:
            yield Finding(STUCK, f"{kind} {record.status}")
    for log in [log for known in stage.seen for log in world.operation_logs(known)]:
        if log.ended_at is None or log.status in _IN_WORK:
            yield Finding(LOG, f"log of {log.operation_type} {log.status}, ended {log.ended_at}")


def _unaccounted(world: World, stage: Stage) -> Iterator[Finding]:
    ids = [checkpoint.id for checkpoint in world.checkpoints(stage)]
    for kept in world.kept():
        if not any(world.pages.names(known, kept, stage.contents) for known in ids):
            yield Finding(KEPT, str(kept))
    for rule in world.rules():
        if not any(world.pages.gives(known, rule) for known in ids):
            yield Finding(ACCESS, str(rule))
    told = {
        key.partition("#")[2]
        for restore in world.restores(stage)
        for key, status in (restore.resources_status or {}).items()
        # Karbor's own plugin says "creating" of a share that is there.
        if status in _GIVEN_BACK or not world.ours
    }
    users = {*told, *stage.contents, *stage.others.values()}
    shares = world.tenant.shares()
    for share in shares:
        if share.id in users:
            continue
        if not any(world.pages.keeps(checkpoint, share) for checkpoint in ids):
            yield Finding(SHARE, f"share {share.status}")
    with_users = {share.share_group_id for share in shares if share.id in users}
    for group in world.groups():
        if group.id not in with_users:
            yield Finding(GROUP, f"share group {group.status}")


def _unexplained(world: World, stage: Stage) -> Iterator[Finding]:
    for checkpoint in world.checkpoints(stage):
        if checkpoint.status in ("error", "error-deleting"):
            told = json.loads(checkpoint.extra_info or "{}").get("reasons")
            if not told and checkpoint.id not in stage.reset:
                yield Finding(REASON, f"checkpoint {checkpoint.status} without reasons")
            if checkpoint.resource_graph is None:
                # "openstack data protection checkpoint show" stumbles over it.
                yield Finding(REASON, f"checkpoint {checkpoint.status} without a resource graph")
    for kind, record in _records(world, stage):
        if record.status == "fail" and not record.resources_reason:
            yield Finding(REASON, f"{kind} fail without resources_reason")


def _untrue(world: World, stage: Stage) -> Iterator[Finding]:
    """A restore that says it succeeded names a share for each source, and they are there; a
    verification that says it failed gives access to nothing.
    """
    there = {share.id for share in world.tenant.shares()}
    for restore in world.restores(stage):
        told = {key.partition("#")[2] for key in restore.resources_status or {}}
        if restore.status == "success" and (len(told) < len(stage.contents) or not told <= there):
            yield Finding(UNTRUE, f"restore success with {len(told & there)} shares")
    for record in world.verifications(stage):
        if record.status == "fail" and any(
            world.pages.has_browse(record.checkpoint_id, share_id, record.id)
            for share_id in stage.contents
        ):
            yield Finding(ACCESS, "which a verification that failed has given")


def _remains(world: World, stage: Stage, checkpoints: list[Any]) -> Iterator[Finding]:
    """What is left of deleted checkpoints."""
    for kept in world.kept():
        yield Finding(KEPT, f"{kept} after all checkpoints were deleted")
    for checkpoint in checkpoints:
        for share_id in stage.contents:
            for page in world.pages.left(checkpoint.id, share_id):
                yield Finding(PAGE, f"page {page} of a deleted checkpoint")


def _records(world: World, stage: Stage) -> Iterator[tuple[str, Any]]:
    for restore in world.restores(stage):
        yield "restore", restore
    for verification in world.verifications(stage):
        yield "verification", verification
