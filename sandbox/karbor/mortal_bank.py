# SPDX-License-Identifier: Apache-2.0
"""A bank whose process dies, or is stopped, at a planned write, around whatever bank a provider has
otherwise.

A provider takes it by its class path, see ``sandbox.karbor.providers``. All goes on to the bank
within; below ``[mortal_bank] folder`` stand two files:

``writes.log`` gets a line of JSON for each write and deletion that is begun, in their order::

    {"op": "update", "key": "/checkpoints/<id>/index.json"}

``kill.json``, written by a test with :func:`plan`, ends the process by SIGKILL before or after the
nth write of this kind since the file was last changed::

    {"op": "update", "key": "^/checkpoints/[^/]+/index.json$", "nth": 2, "side": "before"}

With ``"act": "pause"`` it is SIGSTOP instead, until somebody sends SIGCONT. With ``"act": "delay"``
and ``"seconds": 5`` this one write takes so long, and nothing else of the process is held up.
``reached`` appears beside it when any of this begins.

What the process writes by the clock (leases, copies of plans) or once in its life (the bank's id)
belongs to no operation: it is neither put down nor counted.
"""

import json
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

from karbor import utils
from karbor.services.protection.bank_plugin import BankPlugin
from karbor.services.protection.provider import PROTECTION_NAMESPACE
from oslo_config import cfg

from sandbox import files
from sandbox.faults import AFTER, BEFORE, KILL, PAUSE

GROUP = "mortal_bank"
OPTIONS = [
    cfg.StrOpt("folder", help="Where writes.log and kill.json are."),
    cfg.StrOpt("within", help="The bank within: its entry point or its class path."),
]
UPDATE = "update"
DELETE = "delete"
_OF_THE_PROCESS = re.compile(r"^/karbor-manila/(leases/|plans/|bank\.json$)")


class MortalBank(BankPlugin):
    """Passes everything on, and dies when it was planned."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        config.register_opts(OPTIONS, GROUP)
        options = config[GROUP]
        self._within = utils.load_plugin(PROTECTION_NAMESPACE, options.within, config)
        self._fate = Fate(Path(options.folder))

    def update_object(self, key: str, value: Any, context: Any = None) -> Any:
        """Write an object, unless the process dies first."""
        return self._fate.around(
            UPDATE, key, lambda: self._within.update_object(key, value, context=context)
        )

    def delete_object(self, key: str, context: Any = None) -> Any:
        """Delete an object, unless the process dies first."""
        return self._fate.around(
            DELETE, key, lambda: self._within.delete_object(key, context=context)
        )

    def get_object(self, key: str, context: Any = None) -> Any:
        """Read an object."""
        return self._within.get_object(key, context=context)

    def list_objects(self, *args: Any, **kwargs: Any) -> Any:
        """List keys."""
        return self._within.list_objects(*args, **kwargs)

    def get_owner_id(self, context: Any = None) -> Any:
        """Return the owner id of this process."""
        return self._within.get_owner_id(context=context)

    def __getattr__(self, name: str) -> Any:
        """Whatever else the bank within can do."""
        return getattr(self.__dict__["_within"], name)


class Fate:
    """Puts down writes, and ends this process at the planned one."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = log_of(folder)
        self._plan = _plan_of(folder)
        self._lock = threading.Lock()
        self._version: tuple[int, int] | None = None
        self._seen = 0

    def around(self, op: str, key: str, write: Any) -> Any:
        """Write; die before or after it when that is planned."""
        if _OF_THE_PROCESS.match(key):
            return write()
        plan = self._count(op, key)
        if plan and plan["side"] == BEFORE:
            self._act(plan)
        answer = write()
        if plan and plan["side"] == AFTER:
            self._act(plan)
        return answer

    def _act(self, plan: dict[str, Any]) -> None:
        _reached_of(self._plan.parent).touch()
        act = plan.get("act", KILL)
        if act == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        elif act == PAUSE:
            # To this very thread: it does not run on while another one takes the signal.
            signal.raise_signal(signal.SIGSTOP)
        else:
            time.sleep(plan["seconds"])  # eventlet's, in Karbor

    def _count(self, op: str, key: str) -> dict[str, Any] | None:
        """Return the plan when this is the write that it is for."""
        with self._lock:
            with self._log.open("a") as stream:
                stream.write(json.dumps({"op": op, "key": key}) + "\n")
            plan = self._current()
            if not plan or plan["op"] != op or not re.search(plan["key"], key):
                return None
            self._seen += 1
            return plan if self._seen == plan["nth"] else None

    def _current(self) -> dict[str, Any] | None:
        try:
            status = self._plan.stat()
        except FileNotFoundError:
            return None
        version = (status.st_ino, status.st_mtime_ns)
        if version != self._version:
            self._version, self._seen = version, 0
        plan: dict[str, Any] | None = files.read_json(self._plan)
        return plan


def plan(
    folder: Path, op: str, key: str, nth: int, side: str, act: str = KILL, seconds: float = 0
) -> None:
    """Let the process die at a write to come; ``key`` is a regular expression.

    :param act: ``kill``, ``pause`` or ``delay``
    :param seconds: how long it waits
    """
    _reached_of(folder).unlink(missing_ok=True)
    planned = {"op": op, "key": key, "nth": nth, "side": side, "act": act, "seconds": seconds}
    files.write_json(_plan_of(folder), planned)


def reached(folder: Path) -> bool:
    """Return whether the planned write has come."""
    return _reached_of(folder).exists()


def lift(folder: Path) -> None:
    """Plan nothing any more."""
    _plan_of(folder).unlink(missing_ok=True)
    _reached_of(folder).unlink(missing_ok=True)


def log_of(folder: Path) -> Path:
    """Return the file with the writes so far."""
    return folder / "writes.log"


def _plan_of(folder: Path) -> Path:
    return folder / "kill.json"


def _reached_of(folder: Path) -> Path:
    return folder / "reached"
