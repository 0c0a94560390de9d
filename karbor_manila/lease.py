# SPDX-License-Identifier: Apache-2.0
"""Who is alive: one lease object per karbor-protection process and bank, renewed by the manager.

Karbor puts the owner id of a bank, which is new at every start of a process, into each checkpoint.
The lease under that id tells whether the process still lives. A process that died on this host is
known at once by its pid; elsewhere its lease runs out.
"""

import datetime
import os
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import tenacity
from oslo_log import log as logging

from karbor_manila.identity import PREFIX

LOG = logging.getLogger(__name__)

T = TypeVar("T")

_LEASES = PREFIX + "/leases/"


@dataclass(frozen=True)
class Lease:
    """``machine`` tells apart what could have the same host name; ``started`` (seconds since the
    epoch) tells a process from a later one with its pid; ``renewed`` is UTC, ISO 8601."""

    host: str
    machine: str
    pid: int
    started: float
    renewed: str

    @property
    def age(self) -> float:
        """Seconds since it was renewed."""
        return (_now() - datetime.datetime.fromisoformat(self.renewed)).total_seconds()


def renew(bank: Any) -> None:
    """Say that this process is alive. A bank that does not take it is logged and tried later."""
    lease = Lease(
        host=socket.gethostname(),
        machine=_machine(),
        pid=os.getpid(),
        started=psutil.Process().create_time(),
        renewed=_now().isoformat(),
    )
    try:
        bank.update_object(_LEASES + bank.get_owner_id(), asdict(lease))
    except Exception as error:  # noqa: BLE001 - banks let through what their clients raise
        LOG.warning("The lease could not be renewed: %s", error)


def prune(bank: Any, age: float) -> None:
    """Remove the leases that were not renewed for ``age`` seconds, so that they do not pile up.

    Without its lease an owner counts as dead once its last sign of life is old enough, so nothing
    is lost. A bank that refuses is logged and tried at the next start.
    """
    try:
        for key in bank.list_objects(_LEASES):
            lease = _look(bank, key)
            if lease is None or lease.age > age:
                bank.delete_object(key)
    except Exception as error:  # noqa: BLE001 - banks let through what their clients raise
        LOG.warning("Old leases could not be removed: %s", error)


def is_alive(bank: Any, owner: str, timeout: float, since: datetime.datetime) -> bool:
    """Whether the process with this owner id lives, or may live.

    :param timeout: seconds after which a lease that was not renewed has run out
    :param since: when the owner was last seen to work; without a lease it counts as alive until
        the timeout has passed from then on
    """
    if owner == bank.get_owner_id():
        return True
    lease = _read(bank, owner)
    if lease is None:
        return _now() - since < datetime.timedelta(seconds=timeout)
    if lease.machine == _machine():
        return _runs(lease)
    return lease.age < timeout


def _read(bank: Any, owner: str) -> Lease | None:
    key = _LEASES + owner
    if key not in set(bank.list_objects(_LEASES)):
        return None
    lease = _look(bank, key)
    if lease is None:
        LOG.warning("The lease of %s cannot be understood and counts as none", owner)
    return lease


def _look(bank: Any, key: str) -> Lease | None:
    try:
        return look_twice(lambda: _parse(bank.get_object(key)))
    except (KeyError, TypeError, ValueError):
        return None


def look_twice(read: Callable[[], T]) -> T:
    """Read what another process may be writing just now: Karbor's file-system bank empties an
    object before it writes it, and a living process must not be taken for dead.

    :param read: raises KeyError, TypeError or ValueError for what cannot be understood
    """
    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((KeyError, TypeError, ValueError)),
        wait=tenacity.wait_fixed(0.05),
        stop=tenacity.stop_after_attempt(3),
        reraise=True,
    )
    return again(read)


def _parse(stored: Any) -> Lease:
    """A lease as it was written. Raises KeyError, TypeError or ValueError for anything else."""
    lease = Lease(
        host=str(stored["host"]),
        machine=str(stored["machine"]),
        pid=int(stored["pid"]),
        started=float(stored["started"]),
        renewed=str(stored["renewed"]),
    )
    lease.age  # noqa: B018 - raises for what is no date, or one without a zone
    if lease.pid <= 0:
        raise ValueError("no process has that number")
    return lease


def _runs(lease: Lease) -> bool:
    try:
        process = psutil.Process(lease.pid)
        same = abs(process.create_time() - lease.started) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _machine() -> str:
    """This boot of this kernel and its space of pids: containers may share a host name."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    pids = Path("/proc/self/ns/pid")
    if not boot.exists() or not pids.is_symlink():
        return socket.gethostname()
    return f"{boot.read_text(encoding='ascii').strip()} {pids.readlink()}"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
