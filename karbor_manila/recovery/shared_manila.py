# SPDX-License-Identifier: Apache-2.0
"""What all that is settled at a time has in common of Manila: a session, and the looks.

Each checkpoint is settled by a flow of its own, under its own claim. A session for each would be a
token of Keystone's, a discovery and a look at its own rights; a poller for each would be a request
a checkpoint at every poll. So the flows of one project get copies of one client, each with its own
guard, and who asks for a snapshot or a share while a request for others is under way shares the
next one.
"""

import copy
import functools
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any

from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import RefusedError, TransientError
from karbor_manila.manila import lookup

#: Makes a client (karbor_manila.manila.client.Manila) for a request context and a project.
Connect = Callable[[Any, str], Any]

# Seconds after which a thread that waits for another one's answer checks unasked whether it is
# there.
_CHECK_AGAIN = 1.0


class _Batch:
    """What is asked for together, and what came of it."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.found: Mapping[str, Any] = {}
        self.error: Exception | None = None
        self.is_done = False


class Together:
    """Asks at once for what several threads need; each answer was asked for after its need arose.

    :param get: gives what belongs to each of these keys, or an error that is this key's alone; its
        own error is that of all who share it
    """

    def __init__(self, get: Callable[[Collection[str]], Mapping[str, Any]]) -> None:
        self._get = get
        self._changed = threading.Condition()
        self._asking = False
        self._next = _Batch()

    def one(self, key: str, clock: Clock) -> Any:
        """What belongs to a key.

        :param clock: by which the caller waits while another one asks
        """
        with self._changed:
            batch = self._next
            batch.keys.add(key)
            while self._asking and not batch.is_done:
                clock.wait(self._changed, _CHECK_AGAIN)
            if not batch.is_done:
                self._asking = True
                if self._next is batch:
                    self._next = _Batch()
        if not batch.is_done:
            self._ask(batch)
        if batch.error:
            raise batch.error
        found = batch.found[key]
        if isinstance(found, Exception):
            raise found
        return found

    def _ask(self, batch: _Batch) -> None:
        try:
            batch.found = self._get(batch.keys)
            batch.is_done = True
        except Exception as error:  # noqa: BLE001 - raised to each of those who share it
            batch.error = error
            batch.is_done = True
        finally:
            # Who was killed here has no answer: another one of the batch asks.
            with self._changed:
                self._asking = False
                self._changed.notify_all()


class SharedManila:
    """The clients of what is settled at a time, by project.

    :param connect: makes a client for Karbor's own user
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._clients: dict[str, tuple[Any, Together, Together]] = {}
        self._connecting = Together(self._connect_each)

    def client(self, project_id: str, clock: Clock) -> Any:
        """A client for a project, whose guard is the caller's to set.

        :param clock: by which the caller waits
        :raises Exception: what the making of a client raises
        """
        if project_id not in self._clients:
            self._connecting.one(project_id, clock)
        shared, snapshots, shares = self._clients[project_id]
        mine = copy.copy(shared)
        mine.snapshot = functools.partial(snapshots.one, clock=clock)
        mine.share = functools.partial(shares.one, clock=clock)
        return mine

    def _connect_each(self, projects: Collection[str]) -> dict[str, Exception | None]:
        made: dict[str, Exception | None] = {}
        for project_id in projects:
            try:
                if project_id not in self._clients:
                    self._clients[project_id] = self._made(project_id)
                made[project_id] = None
            except Exception as error:  # noqa: BLE001 - raised to those who asked for this project
                made[project_id] = error
        return made

    def _made(self, project_id: str) -> tuple[Any, Together, Together]:
        manila = self._connect(None, project_id)

        def snapshots(ids: Collection[str]) -> Mapping[str, Any]:
            return lookup.look(ids, _apart(manila.snapshot), manila.snapshots)

        def shares(ids: Collection[str]) -> Mapping[str, Any]:
            return lookup.look(ids, _apart(manila.share), manila.shares)

        return manila, Together(snapshots), Together(shares)


def _apart(one: Callable[[str], Any]) -> Callable[[str], Any]:
    """What Manila does not say of one of them is no word on the others, which are other
    checkpoints': its error is the answer for that one. For one batch."""
    transient: list[TransientError] = []

    def ask(each: str) -> Any:
        try:
            return one(each)
        except RefusedError as refused:
            return refused
        except TransientError as error:
            if transient:
                raise  # it is Manila that is away: the others would all wait for it in turn
            transient.append(error)
            return error

    return ask
