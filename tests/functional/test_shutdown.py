# SPDX-License-Identifier: Apache-2.0
"""A karbor-protection that gets a SIGTERM finishes what it is at, or hands it over at once."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.karbor.providers import OURS
from sandbox.manila import knobs
from sandbox.process import Process
from sandbox.stack import Stack
from sandbox.state import SECOND_KARBOR
from sandbox.tenant import IN_WORK, Tenant, wait

# Seconds that a process has at its end: enough to finish on any machine, and too few for SLOW.
LIMIT, SHORT = 60, 2
SLOW = 15
GONE = 60  # only a test that fails waits so long
# So long that a test that waited for it would fail.
LEASE_TIMEOUT = 600
OPTIONS = {
    "manila_share_protection/lease_timeout": LEASE_TIMEOUT,
    "manila_share_protection/reconcile_interval": 1,
}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stopped") / "state"
    stack = Stack(folder, second_karbor=True, karbor_options=OPTIONS)
    with stack:
        yield stack
    stack.destroy()


@pytest.fixture
def delays(two: Stack) -> Iterator[Path]:
    path = two.state.directory("manila") / "delays.json"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def other(two: Stack) -> Tenant:
    """The tenant, as it asks the Karbor that stays."""
    return Tenant(two.info, "alpha", "karbor")


def begun(two: Stack, delays: Path, seconds: int, limit: int = LIMIT) -> tuple[Any, Any, Process]:
    """A protection by the second Karbor, whose snapshot takes so long; its share, its process."""
    options = {**OPTIONS, "manila_share_protection/shutdown_timeout": limit}
    two.restart(SECOND_KARBOR, karbor_options=options)
    tenant = Tenant(two.info, "alpha", SECOND_KARBOR)
    share = tenant.make_share("s")
    plan = tenant.plan_of_shares([share])
    knobs.write(delays, {"create_snapshot": seconds})
    checkpoint = tenant.karbor.checkpoints.create(two.info.providers[OURS], plan.id)
    wait("a snapshot", lambda: tenant.snapshots(share.id), bool, 60)
    worker = Process.load(two.state.pid(SECOND_KARBOR))
    assert worker
    return checkpoint, share, worker


def test_what_can_be_finished_in_time_is_finished(two: Stack, delays: Path, other: Tenant) -> None:
    checkpoint, _share, worker = begun(two, delays, 2)
    worker.send(signal.SIGTERM)
    assert worker.wait(GONE)
    done = other.checkpoint(two.info.providers[OURS], checkpoint.id)
    assert done.status == "available"


def test_what_takes_longer_is_settled_by_the_other_one_at_once(
    two: Stack, delays: Path, other: Tenant
) -> None:
    checkpoint, _share, worker = begun(two, delays, SLOW, SHORT)
    began = time.monotonic()
    worker.send(signal.SIGTERM)
    assert worker.wait(GONE)
    log = two.state.log(SECOND_KARBOR).read_text()
    assert f"Still under way, and handed over: {checkpoint.id}" in log
    settled = other.wait_checkpoint(two.info.providers[OURS], checkpoint.id)
    assert time.monotonic() - began < LEASE_TIMEOUT / 4
    assert settled.status == "available"


def test_a_second_signal_loses_nothing(two: Stack, delays: Path, other: Tenant) -> None:
    checkpoint, share, worker = begun(two, delays, SLOW)
    log = two.state.log(SECOND_KARBOR)
    before = log.stat().st_size
    worker.send(signal.SIGTERM)
    wait("the limit to begin", lambda: log.read_bytes()[before:], _ends, 60)
    worker.send(signal.SIGTERM)
    assert worker.wait(10)  # long before the snapshot is there
    settled = wait(
        "the end of the checkpoint",
        lambda: other.checkpoint(two.info.providers[OURS], checkpoint.id),
        lambda seen: seen.status not in IN_WORK,
        60,
    )
    assert len(other.snapshots(share.id)) == (settled.status == "available")


def _ends(log: bytes) -> bool:
    return b"This process ends" in log
