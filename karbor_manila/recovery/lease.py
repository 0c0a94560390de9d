# SPDX-License-Identifier: Apache-2.0
"""Who is alive: one lease object per karbor-protection process and bank, renewed while it runs.

Karbor puts the owner id of a bank, which is new at every start of a process, into each checkpoint.
Another process is judged by whether the lease under that id *changes* while this one watches, on
this one's own monotonic clock: no two clocks are ever compared. A process that has written that it
has ended is dead at once, and so is one of this machine whose pid is gone; that a pid is there
proves nothing, since it may be suspended.
"""

import datetime
import functools
import math
import os
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import tenacity
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank.identity import PREFIX
from karbor_manila.common.clock import Clock

LOG = logging.getLogger(__name__)

T = TypeVar("T")

_LEASES = PREFIX + "/leases/"

_DEAD = frozenset({"Z", "X"})  # states in /proc/<pid>/stat: a zombie, a dead process


@dataclass(frozen=True)
class Lease:
    """What a process writes about itself.

    ``machine`` distinguishes hosts of the same name. ``ticks`` is when the process began,
    in clock ticks since the machine was booted (0: not known); no change of the time of the day
    moves it. ``started`` (seconds since the epoch) and ``renewed`` (UTC, ISO 8601) are for people
    and for earlier releases. ``count`` is larger at every renewal. ``ended`` says that its owner
    does nothing any more, and renews it no more.
    """

    host: str
    machine: str
    pid: int
    started: float
    renewed: str
    ticks: int = 0
    count: int = 0
    ended: bool = False

    @property
    def age(self) -> float:
        """Seconds since it was renewed, by its own clock and ours: only for pruning."""
        return (_now() - datetime.datetime.fromisoformat(self.renewed)).total_seconds()


def key_of(owner: str) -> str:
    """The key of the lease of a process."""
    return _LEASES + owner


def of_this_process(count: int = 0, *, ended: bool = False) -> Lease:
    """What this process writes about itself now.

    :param ended: it does nothing any more
    """
    return Lease(
        host=socket.gethostname(),
        machine=_machine(),
        pid=os.getpid(),
        started=psutil.Process().create_time(),
        renewed=_now().isoformat(),
        ticks=_ticks(os.getpid()) or 0,
        count=count,
        ended=ended,
    )


def renew(bank: Any) -> None:
    """Write once that this process is alive. A bank that does not take it is logged."""
    try:
        bank.update_object(key_of(bank.get_owner_id()), asdict(of_this_process()))
    except Exception as error:  # noqa: BLE001 - banks let through what their clients raise
        LOG.warning("The lease could not be renewed: %s", error)


def prune(bank: Any, age: float) -> None:
    """Remove the leases that were not renewed for ``age`` seconds, so that they do not pile up.

    Without its lease an owner counts as dead once it was watched for long enough, so nothing is
    lost. A bank that refuses is logged and tried at the next start.
    """
    try:
        for key in bank.list_objects(_LEASES):
            # What a list shows may be gone: another process prunes as well, or the list lags.
            found = bank_access.look(functools.partial(_look, bank, key), lambda: False)
            # None, which counts as damaged, is one that cannot be understood.
            if not found.is_absent and (found.value is None or found.value.age > age):
                bank.delete_object(key)
    except Exception as error:  # noqa: BLE001 - banks let through what their clients raise
        LOG.warning("Old leases could not be removed: %s", error)


def every(bank: Any) -> list[Lease]:
    """All leases in a bank that can be understood, of dead processes too; for people.

    :raises BankUnreadable: the bank cannot be read
    """
    keys = bank_access.ask(lambda: bank.list_objects(_LEASES), "list its leases")
    found = [_read(bank, key.rpartition("/")[2]) for key in keys]
    return [lease for lease in found if lease]


class Observer:
    """Judges other processes by the change of their leases.

    :param timeout: seconds without a change, watched by this process, after which the owner of a
        lease counts as dead. So a process that was just seen for the first time counts as alive.
    """

    def __init__(self, timeout: float, clock: Clock | None = None) -> None:
        self.timeout = timeout
        self._clock = clock or Clock()
        self._seen: dict[str, tuple[Lease | None, float]] = {}
        self._proven: set[str] = set()

    def is_alive(self, bank: Any, owner: str) -> bool:
        """Whether the process with this owner id lives, or may live.

        :raises karbor.exception.KarborException: the bank cannot be read
        """
        if owner == bank.get_owner_id():
            return True
        lease = _read(bank, owner)
        if lease is not None and _is_gone(lease):
            return False
        now = self._clock.now()
        known = self._seen.get(owner)
        if known is None:
            self._seen[owner] = (lease, now)
            return True
        # A lease that is not found says nothing new: the list of a store may lag.
        if lease is not None and lease != known[0]:
            self._seen[owner] = (lease, now)
            self._proven.add(owner)
            return True
        return now - known[1] < self.timeout

    def is_proven(self, owner: str) -> bool:
        """Whether its lease was seen to change: it is known to live, and not only not yet known to
        be dead."""
        return owner in self._proven


def _read(bank: Any, owner: str) -> Lease | None:
    """The lease of a process; None when there is none, or none that can be understood.

    The object is asked for first, because the list of an object store may lag behind.

    :raises BankUnreadable: the bank cannot be read
    """
    return bank_access.ask(lambda: _read_once(bank, owner), "give a lease")


def _read_once(bank: Any, owner: str) -> Lease | None:
    key = key_of(owner)

    def read() -> Lease | None:
        stored = bank_access.look(
            lambda: bank.get_object(key), lambda: key in set(bank.list_objects(_LEASES))
        )
        return None if stored.is_absent else _parse(stored.value)

    try:
        return look_twice(read)
    except OSError:
        raise  # some are ValueErrors, too, such as a certificate that is not accepted
    except (KeyError, TypeError, ValueError):
        LOG.warning("The lease of %s cannot be understood and counts as none", owner)
        return None


def _look(bank: Any, key: str) -> Lease | None:
    try:
        return look_twice(lambda: _parse(bank.get_object(key)))
    except OSError:
        raise  # as above
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
    try:
        lease = Lease(
            host=str(stored["host"]),
            machine=str(stored["machine"]),
            pid=int(stored["pid"]),
            started=float(stored["started"]),
            renewed=str(stored["renewed"]),
            ticks=int(stored.get("ticks", 0)),
            count=int(stored.get("count", 0)),
            ended=stored.get("ended") is True,
        )
    except OverflowError as error:
        raise ValueError("a number has no end") from error
    lease.age  # noqa: B018 - raises for what is no date, or one without a zone
    if not math.isfinite(lease.started):
        raise ValueError("no process has started at that time")
    if lease.pid <= 0:
        raise ValueError("no process has that number")
    return lease


def _is_gone(lease: Lease) -> bool:
    """Whether the process is certainly dead, or as good as dead: it has said so itself, or it was
    one of this machine and does not run here.

    A lease of an earlier release has no ticks: there only a pid that is gone proves it.
    """
    if lease.ended:
        return True
    if lease.machine != _machine() or not Path("/proc/self/stat").exists():
        return False
    ticks = _ticks(lease.pid)
    return ticks is None or bool(lease.ticks and ticks != lease.ticks)


def _ticks(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None when it is dead (proc(5), stat)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name of the program, in brackets, may hold anything.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in _DEAD else int(fields[19])


def _machine() -> str:
    """This boot of this kernel and its space of pids: containers may share a host name."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    pids = Path("/proc/self/ns/pid")
    if not boot.exists() or not pids.is_symlink():
        return socket.gethostname()
    return f"{boot.read_text(encoding='ascii').strip()} {pids.readlink()}"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
