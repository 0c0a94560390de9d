# SPDX-License-Identifier: Apache-2.0
"""What happens to the cluster in the middle of ten plans."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.cluster.layout import worker
from sandbox.stack import Stack

LEASE_TIMEOUT = 6
AWAY_SECONDS = 30

#: Options with which a takeover takes seconds.
KARBOR_OPTIONS = {
    "manila_share_protection/lease_timeout": LEASE_TIMEOUT,
    "manila_share_protection/lease_interval": 1,
    "manila_share_protection/reconcile_interval": 2,
    "manila_share_protection/shutdown_timeout": 20,
    # Of requests that died with a worker.
    "rpc_response_timeout": 30,
    # Else the broker gives a worker that is paused every third request, and nobody has it.
    "oslo_messaging_rabbit/rabbit_qos_prefetch_count": 1,
}
SHARE_OPTIONS = {"undo_timeout": 30, "request_settle_time": 5}

#: What a worker's log says of each request that it begins (karbor, protection manager).
_BEGINS = ("Starting protection service:", "Starting restore service:", "Starting verify service:")


#: Looks at what is told when everything has come to rest, so that it can be compared later.
Look = Callable[[], object]
Happen = Callable[[Stack, int, Look], None]


@dataclass(frozen=True)
class Trouble:
    """Gets a stack at work, and leaves it with all of its services running.

    :ivar happen: is given the stack, the number of the worker that works most, and a look
    :ivar settings: of some workers, by their numbers, with which they are started before
    """

    name: str
    happen: Happen
    settings: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


def busiest(stack: Stack, sizes: dict[int, int]) -> int:
    """The worker that has begun most since its log had this size."""

    def begun(number: int) -> int:
        log = stack.state.log(worker(number))
        text = log.read_bytes()[sizes[number] :].decode(errors="replace")
        return sum(text.count(words) for words in _BEGINS) + text.count(":delete action")

    return max(stack.workers(), key=begun)


def log_sizes(stack: Stack) -> dict[int, int]:
    """How large the log of each worker is."""
    return {n: stack.state.log(worker(n)).stat().st_size for n in stack.workers()}


def _killed(stack: Stack, victim: int, _look: Look) -> None:
    stack.kill_worker(victim)
    time.sleep(LEASE_TIMEOUT)
    stack.start_worker(victim)


def _paused(stack: Stack, victim: int, look: Look) -> None:
    stack.pause_worker(victim)
    time.sleep(LEASE_TIMEOUT)
    look()
    stack.resume_worker(victim)
    time.sleep(LEASE_TIMEOUT)


def _rolled(stack: Stack, _victim: int, _look: Look) -> None:
    for number in stack.workers():
        stack.restart_worker(number)


def _terminated_twice(stack: Stack, victim: int, _look: Look) -> None:
    name = worker(victim)
    stack.kill(name, 15)
    time.sleep(1)
    stack.kill(name, 15)
    time.sleep(1)
    stack.start_worker(victim)


def _restarted(service: str) -> Happen:
    return lambda stack, _victim, _look: stack.restart(service)


def _away(service: str) -> Happen:
    def happen(stack: Stack, _victim: int, _look: Look) -> None:
        stack.stop_service(service)
        time.sleep(AWAY_SECONDS)
        stack.start_service(service)

    return happen


def _bank_away(stack: Stack, _victim: int, _look: Look) -> None:
    bank: Path = stack.state.bank
    elsewhere = bank.with_name("bank-away")
    bank.rename(elsewhere)
    try:
        time.sleep(AWAY_SECONDS)
    finally:
        _back(elsewhere, bank)


def _back(elsewhere: Path, bank: Path) -> None:
    """As a mount that covers what was written below it meanwhile."""
    if bank.exists():
        bank.rename(bank.with_name(f"bank-below-{time.monotonic_ns()}"))
    elsewhere.rename(bank)


#: Two hosts whose clocks are wrong, by four minutes between them.
APART = {1: {"clock_offsets": {1: 120}}, 2: {"clock_offsets": {2: -120}}}


def upgrade(before: Path) -> Trouble:
    """Two workers of three are of an earlier release, and get this one in the middle of work.

    :param before: a folder with the earlier release's packages
    """
    old = {"pythonpath": (str(before),)}

    def happen(stack: Stack, _victim: int, _look: Look) -> None:
        for number in (1, 2):
            stack.restart_worker(number)

    return Trouble("an upgrade", happen, {1: old, 2: old})


TROUBLES: dict[str, Trouble] = {
    trouble.name: trouble
    for trouble in (
        Trouble("nothing", lambda _stack, _victim, _look: None),
        Trouble("a worker killed", _killed),
        Trouble("a worker paused", _paused),
        Trouble("a worker terminated twice", _terminated_twice),
        Trouble("a rolling restart", _rolled),
        Trouble("RabbitMQ restarted", _restarted("rabbitmq")),
        Trouble("MariaDB restarted", _restarted("mariadb")),
        Trouble("MariaDB away", _away("mariadb")),
        Trouble("the bank away", _bank_away),
        Trouble("Keystone away", _away("keystone")),
        Trouble("killed, clocks apart", _killed, APART),
        Trouble("paused, clocks apart", _paused, APART),
    )
}
