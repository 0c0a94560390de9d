# SPDX-License-Identifier: Apache-2.0
"""What a user does when a process seems to have died: believes what is told, and goes on."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from karborclient.common.apiclient import exceptions as karbor_errors

from tests.crash.more_operations import InPlace, write
from tests.crash.operations import Operation
from tests.crash.world import Stage, World

T = TypeVar("T")

PATIENCE = 30.0
_PAUSE = 1.0


def go_on(world: World, stage: Stage, operation: Operation, *, boldly: bool) -> None:
    """Ask again for what has failed, then write new work into every share of the user's.

    :param boldly: delete all checkpoints, not only those that failed
    :raises AssertionError: what has to work does not
    """
    if isinstance(operation, InPlace) and not _succeeded(world.restores(stage)):
        patiently(lambda: operation.again(world, stage))
    if operation.name == "delete":
        boldly = True
    for checkpoint in world.checkpoints(stage):
        if boldly or checkpoint.status != "available":
            delete(world, checkpoint)
    if operation.name == "delete":
        stage.seen.add(patiently(lambda: world.tenant.protect(stage.plan)).id)
    for share in world.tenant.shares():
        if share.id in stage.contents or share.id in _given(world, stage):
            write(world, stage, share.id, "new work")


def delete(world: World, checkpoint: Any) -> None:
    """DELETE of a checkpoint, to its end; who is refused because it is in work asks again."""
    patiently(lambda: world.tenant.delete(checkpoint, provider=world.provider_id))


def patiently(ask: Callable[[], T]) -> T:
    """Ask until Karbor does not refuse it as a thing that is in work any more."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except karbor_errors.BadRequest:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)


def _succeeded(records: list[Any]) -> bool:
    return any(record.status == "success" for record in records)


def _given(world: World, stage: Stage) -> set[str]:
    """The shares that restores have handed over."""
    return {
        key.partition("#")[2]
        for restore in world.restores(stage)
        for key, status in (restore.resources_status or {}).items()
        if status == "available"
    }
