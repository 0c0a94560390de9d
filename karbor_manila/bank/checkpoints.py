# SPDX-License-Identifier: Apache-2.0
"""Gets a provider's checkpoints, in the order of their making whatever the order of the bank.

Karbor's file-system bank gives keys in the order of the directory and ignores marker and direction,
the Swift bank does not reverse either; retention, which deletes what comes last, then deletes the
newest (karbor/services/operationengine/operations/retention_operation.py).
"""

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import index
from karbor_manila.common.turns import taking_turns

LOG = logging.getLogger(__name__)

#: Statuses in which some process is at work on the checkpoint, or was.
IN_WORK = frozenset(
    {
        constants.CHECKPOINT_STATUS_PROTECTING,
        constants.CHECKPOINT_STATUS_DELETING,
        constants.CHECKPOINT_STATUS_WAIT_COPYING,
        constants.CHECKPOINT_STATUS_COPYING,
    }
)

#: In the ``extra_info`` of a copy: the id of the checkpoint that it is a copy of.
COPY_OF = "copy_of"

# What Karbor writes there once a copy is complete (karbor/services/protection/flows/copy.py).
_COPY_STATUS = "copy_status"

_CHECKPOINTS = "/checkpoints/"


@dataclass(frozen=True)
class Query:
    """What is asked for; None is no restriction. ``last_day`` is included.

    ``project_id`` None asks for those of all projects.
    """

    provider_id: str
    project_id: str | None
    plan_id: str | None = None
    first_day: datetime.date | None = None
    last_day: datetime.date | None = None
    marker: str | None = None
    limit: int | None = None
    newest_first: bool = True


def find(provider: Any, query: Query) -> list[Any]:
    """Karbor's checkpoints that fit the query, in the order of their making.

    :raises karbor.exception.BankListObjectsFailed: the bank cannot be listed
    """
    return list(walk(provider, query))


def walk(provider: Any, query: Query) -> Iterator[Any]:
    """As :func:`find`, each one read when it is asked for.

    One that cannot be read is passed over with a line in the log, so that it does not hide the
    others.

    :raises karbor.exception.BankListObjectsFailed: the bank cannot be listed
    """
    for _made, checkpoint in timed(provider, query):
        yield checkpoint


def timed(provider: Any, query: Query) -> Iterator[tuple[int, Any]]:
    """As :func:`walk`, each one with the second since the epoch in which it was made: a checkpoint
    itself tells only the day."""
    entries = sorted(
        (entry for entry in _entries_of(provider.bank, query) if _fits(entry, query)),
        key=lambda entry: (entry.made, entry.id),
        reverse=query.newest_first,
    )
    if query.marker is not None:
        ids = [entry.id for entry in entries]
        if query.marker not in ids:
            raise karbor_exception.CheckpointNotFound(checkpoint_id=query.marker)
        entries = entries[ids.index(query.marker) + 1 :]
    found = 0
    for entry in taking_turns(entries):
        if query.limit is not None and found >= query.limit:
            break
        try:
            checkpoint = provider.get_checkpoint(entry.id)
            checkpoint.to_dict()
        except Exception as error:  # noqa: BLE001 - Karbor takes any index for a checkpoint's
            LOG.error("Checkpoint %s cannot be read and is passed over: %s", entry.id, error)
        else:
            # Karbor says "deleted" before it takes a checkpoint out of the index, and a crash in
            # between leaves it there.
            if checkpoint.status != constants.CHECKPOINT_STATUS_DELETED:
                found += 1
                yield entry.made, checkpoint


def made_at(provider: Any, query: Query, checkpoint_id: str) -> int | None:
    """When a checkpoint was made, in seconds since the epoch, by the index alone; None when that
    does not have it.

    :raises karbor.exception.BankListObjectsFailed: the bank cannot be listed
    """
    entries = _entries_of(provider.bank, query)
    return next((entry.made for entry in entries if entry.id == checkpoint_id), None)


def get(provider: Any, checkpoint_id: str, context: Any = None) -> Any:
    """A checkpoint; one that is there but cannot be read just now is not taken for absent.

    :raises karbor.exception.CheckpointNotFound: the bank does not have it
    :raises BankUnreadable: the bank does not give it
    """
    return read(
        provider.bank,
        checkpoint_id,
        lambda: provider.get_checkpoint(checkpoint_id, context=context),
    )


def read(
    bank: Any,
    checkpoint_id: str,
    attempt: Callable[[], Any],
    sleep: Callable[[float], None] | None = None,
) -> Any:
    """As :func:`get`, of any collection of checkpoints in a bank.

    :param attempt: asks the collection for it
    :param sleep: how to let seconds pass between two attempts
    """
    found = bank_access.ask(
        lambda: bank_access.look(attempt, lambda: _is_listed(bank, checkpoint_id)),
        f"give checkpoint {checkpoint_id}",
        sleep=sleep,
    )
    if found.is_absent:
        raise karbor_exception.CheckpointNotFound(checkpoint_id=checkpoint_id)
    return found.value


def is_copy(checkpoint: Any) -> bool:
    """Whether the checkpoint is a copy of another one, complete or not."""
    known = info(checkpoint)
    return COPY_OF in known or _COPY_STATUS in known


def copied_from(checkpoint: Any) -> str | None:
    """The id of the checkpoint that this one is a copy of; None when it is none of ours."""
    return info(checkpoint).get(COPY_OF)


def info(checkpoint: Any) -> dict[str, Any]:
    """The ``extra_info`` of a checkpoint, decoded; empty when there is none."""
    known = checkpoint.extra_info
    known = jsonutils.loads(known) if isinstance(known, str) and known else known
    return known if isinstance(known, dict) else {}


def is_held(bank: Any, checkpoint_id: str) -> bool:
    """Whether the bank has ever held this checkpoint: by its list, or by its name, because the list
    of an object store may lag behind what was just written.

    :raises BankUnreadable: the bank cannot be listed or does not say
    """
    if _is_listed(bank, checkpoint_id):
        return True
    key = f"{_CHECKPOINTS}{checkpoint_id}/index.json"
    found = bank_access.ask(
        lambda: bank_access.look(lambda: bank.get_object(key), lambda: False),
        f"say whether it has checkpoint {checkpoint_id}",
    )
    return not found.is_absent


def _is_listed(bank: Any, checkpoint_id: str) -> bool:
    """By its list alone: a failed read does not tell. Raises BankUnreadable."""
    prefix = f"{_CHECKPOINTS}{checkpoint_id}/"
    return f"{prefix}index.json" in set(_keys(bank, prefix))


def everything(bank: Any) -> Iterator[str]:
    """The ids of all checkpoints that the bank has ever held, by their objects.

    Karbor leaves the one that says ``deleted``, and a crash may leave one that is in no index.

    :raises BankUnreadable: the bank cannot be listed
    """
    yield from _ids(_keys(bank, _CHECKPOINTS))


class Inventory(NamedTuple):
    """What one list of a bank, which may be long, contains: :func:`everything`,
    :func:`open_restores`, :func:`kept_and_begun` and :func:`open_browses`."""

    checkpoints: list[str]
    open_restores: list[tuple[str, str, str]]
    kept_and_begun: list[tuple[str, str]]
    open_browses: list[tuple[str, str, str]]


def inventory(bank: Any, checkpoint_id: str = "") -> Inventory:
    """The inventory of a bank.

    :param checkpoint_id: only of this one
    :raises BankUnreadable: the bank cannot be listed
    """
    keys = _keys(bank, f"{_CHECKPOINTS}{checkpoint_id}/" if checkpoint_id else _CHECKPOINTS)
    return Inventory(
        list(_ids(keys)),
        list(_intents(keys, "restores")),
        list(_kept_and_begun(keys)),
        list(_intents(keys, "browses")),
    )


def _ids(keys: Iterable[str]) -> Iterator[str]:
    for key in taking_turns(keys):
        checkpoint_id, _, name = key.removeprefix(_CHECKPOINTS).partition("/")
        if name == "index.json":
            yield checkpoint_id


def open_restores(bank: Any, checkpoint_id: str = "") -> Iterator[tuple[str, str, str]]:
    """The intents of restores and drills that are under way or were cut short: the ids of the
    checkpoint, the share, and Karbor's restore or verification.

    :param checkpoint_id: only of this one
    :raises BankUnreadable: the bank cannot be listed
    """
    prefix = f"{_CHECKPOINTS}{checkpoint_id}/" if checkpoint_id else _CHECKPOINTS
    yield from _intents(_keys(bank, prefix), "restores")


def open_browses(bank: Any, checkpoint_id: str) -> Iterator[tuple[str, str, str]]:
    """As :func:`open_restores`, of access that was given and is not taken back yet."""
    yield from _intents(_keys(bank, f"{_CHECKPOINTS}{checkpoint_id}/"), "browses")


def _intents(keys: Iterable[str], kind: str) -> Iterator[tuple[str, str, str]]:
    for key in taking_turns(keys):
        parts = key.removeprefix(_CHECKPOINTS).split("/")
        if len(parts) == 5 and (parts[1], parts[3]) == ("resource-data", kind):
            yield parts[0], parts[2], parts[4]


def kept_and_begun(bank: Any, checkpoint_id: str = "") -> Iterator[tuple[str, str]]:
    """The shares that have a record and an intent all the same: the last writes of a protection or
    a copy are missing. The ids of the checkpoint and the share.

    :param checkpoint_id: only of this one
    :raises BankUnreadable: the bank cannot be listed
    """
    prefix = f"{_CHECKPOINTS}{checkpoint_id}/" if checkpoint_id else _CHECKPOINTS
    yield from _kept_and_begun(_keys(bank, prefix))


def _kept_and_begun(keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    sections: dict[tuple[str, str], set[str]] = {}
    for key in taking_turns(keys):
        parts = key.removeprefix(_CHECKPOINTS).split("/")
        if len(parts) == 4 and parts[1] == "resource-data":
            sections.setdefault((parts[0], parts[2]), set()).add(parts[3])
    for share, names in sections.items():
        if {"metadata", "intent"} <= names:
            yield share


def _keys(bank: Any, prefix: str) -> list[str]:
    keys: list[str] = bank_access.ask(lambda: bank.list_objects(prefix), "list its checkpoints")
    return keys


def resources(checkpoint: Any) -> Iterator[Any]:
    """The resources of a checkpoint's graph, parents before children."""

    def walk(nodes: Any) -> Iterator[Any]:
        for node in nodes or ():
            yield node.value
            yield from walk(node.child_nodes)

    return walk(checkpoint.resource_graph)


def _entries_of(bank: Any, query: Query) -> Iterator[index.Entry]:
    return index.entries(bank, query.provider_id, query.project_id, query.plan_id)


def _fits(entry: index.Entry, query: Query) -> bool:
    return (
        (query.project_id is None or entry.project_id == query.project_id)
        and (query.first_day is None or entry.day >= query.first_day)
        and (query.last_day is None or entry.day <= query.last_day)
    )
