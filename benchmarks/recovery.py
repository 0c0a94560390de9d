# SPDX-License-Identifier: Apache-2.0
"""What recovery costs: fencing, searches, a hundred interrupted protections, an audit's memory.

    python -m benchmarks.recovery confirm search recover audit pages

Run it where the unit tests run (``tox -e unit`` makes that environment). Manila is a fake that
takes 30 ms for an answer, the bank of ``search`` and ``pages`` lies in memory: seconds of CPU are
of this process; seconds of wall are what a user waits on a machine without other work.
"""

import eventlet

eventlet.monkey_patch()

import argparse  # noqa: E402
import collections  # noqa: E402
import contextlib  # noqa: E402
import datetime  # noqa: E402
import functools  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
import tracemalloc  # noqa: E402
import uuid  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import futurist  # noqa: E402
import pytest  # noqa: E402
from oslo_db.sqlalchemy import engines  # noqa: E402

from karbor_manila.bank import checkpoints, identity  # noqa: E402
from karbor_manila.common.clock import Clock  # noqa: E402
from karbor_manila.manila.client import EVERY_PROJECT  # noqa: E402
from karbor_manila.recovery.audit import Audit  # noqa: E402
from karbor_manila.recovery.claims import Claims  # noqa: E402
from karbor_manila.recovery.lease_keeper import Keeper  # noqa: E402
from karbor_manila.recovery.loop import Reconciliation  # noqa: E402
from karbor_manila.recovery.searched import Look  # noqa: E402
from tests.fakes.manila import Died, FakeManila  # noqa: E402
from tests.unit.karbor_stage import Service, database, started  # noqa: E402
from tests.unit.memory_bank import (  # noqa: E402
    PROJECT,
    PROVIDER,
    MemoryBank,
    add,
    provider_on,
)

_ANSWER = 0.03  # seconds that the fake Manila takes
_OLD = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=100)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def confirm(_given: argparse.Namespace) -> None:
    """CPU for a look at one's own claim, each time and shared."""
    with tempfile.TemporaryDirectory() as folder:
        engine = engines.create_engine(f"sqlite:///{folder}/karbor.sqlite")
        plugin = MemoryBank()
        provider = provider_on(plugin)
        claims = Claims(60.0, lambda: engine)
        claims.take("one", "protect", provider_id=PROVIDER, checkpoint_id="one", bank=provider.bank)
        each = _micro(lambda: claims.check("one", look=True), 500)
        keeper = Keeper(provider.bank, plugin.owner, interval=10.0, timeout=60.0)
        keeper.renew()
        claims.keep(PROVIDER, keeper)
        shared = _micro(lambda: claims.check("one", look=True), 50_000)
        _say(f"confirm, a SELECT each time: {each:8.1f} us of CPU")
        _say(f"confirm, a shared look:      {shared:8.1f} us of CPU")


def _micro(action: Callable[[], Any], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        action()
    return (time.process_time() - began) / times * 1e6


def search(given: argparse.Namespace) -> None:
    """What the searches of a bank of old checkpoints and three unfinished ones read."""
    _say(f"{'search':<34}{'reads':>8}{'keys':>9}{'CPU s':>8}{'found':>7}")
    with pytest.MonkeyPatch.context() as patch, database(patch):
        plugin = MemoryBank()
        provider = provider_on(plugin)
        identity.confirm(provider.bank, PROVIDER)
        for number in range(given.checkpoints):
            add(plugin, number, _OLD)
        for number in range(3):
            add(plugin, -1 - number, _OLD, status="protecting")
        work = _process(provider)
        _row(plugin, "first turn, a bank never searched", lambda: work.find(Look.BANKS))
        while work.more:
            work.find(Look.BANKS)
        _row(plugin, "usual turn", lambda: work.find(Look.BANKS))
        again = _process(provider)
        _row(plugin, "first turn after a start", lambda: again.find(Look.BANKS))
        _row(plugin, "a turn in the database", lambda: again.find(Look.DATABASE))
        _row(plugin, "everything (every turn, before)", lambda: again.find(Look.EVERYTHING))


def _process(provider: Any) -> Reconciliation:
    claims = Claims(60.0)
    claims._observer.is_alive = lambda _bank, _owner: False  # type: ignore[method-assign]
    return Reconciliation(lambda: [provider], claims, grace=60.0)


def _row(plugin: MemoryBank, name: str, action: Callable[[], list[Any]]) -> None:
    plugin.forget()
    began = time.process_time()
    found = action()
    took = time.process_time() - began
    _say(f"{name:<34}{plugin.read():>8}{plugin.listed:>9}{took:>8.2f}{len(found):>7}")


def pages(given: argparse.Namespace) -> None:
    """CPU for a page of a list of many checkpoints."""
    plugin = MemoryBank()
    for number in range(given.checkpoints):
        add(plugin, number, _OLD + datetime.timedelta(minutes=number))
    query = checkpoints.Query(PROVIDER, PROJECT, limit=50)
    provider = provider_on(plugin)
    took = _micro(lambda: checkpoints.find(provider, query), 10)
    _say(f"a page of 50 of {given.checkpoints}: {took / 1000:.0f} ms of CPU, 50 reads, 1 list")


def recover(given: argparse.Namespace) -> None:
    """Protections of finished snapshots, interrupted: in one checkpoint, and in as many."""
    _say(f"{'interrupted':<34}{'wall s':>8}{'CPU s':>8}  requests")
    for name, size in (("checkpoints of a share", 1), ("shares of a checkpoint", given.shares)):
        with _service() as service:
            _interrupted(service, given.shares, size)
            asked: collections.Counter[str] = collections.Counter()
            with pytest.MonkeyPatch.context() as patch:
                _take_time(patch, asked)
                work = service.manager.reconciliation
                work._executor = lambda count: futurist.GreenThreadPoolExecutor(max_workers=count)
                wall, cpu = time.monotonic(), time.process_time()
                ends = collections.Counter(work.run(where=Look.BANKS).values())
                wall, cpu = time.monotonic() - wall, time.process_time() - cpu
            requests = ", ".join(f"{count} {kind}" for kind, count in asked.most_common())
            _say(f"{given.shares:>5} {name:<28}{wall:>8.1f}{cpu:>8.1f}  {requests}; {dict(ends)}")


@contextlib.contextmanager
def _service() -> Iterator[Service]:
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        started(Path(folder), patch) as service,
    ):
        yield service


def _interrupted(service: Service, shares: int, size: int) -> None:
    """Protections that died when their snapshots were available."""

    def die(*_args: Any, **_kwargs: Any) -> None:
        raise Died

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeManila, "access_rules", die)
        for _ in range(shares // size):
            ids = [service.share() for _ in range(size)]
            with contextlib.suppress(Died):
                service.protect(service.plan(*ids))
            service.spawned.clear()
    service.cloud.clock = Clock()  # type: ignore[assignment]
    heir = service.die()
    service.manager, service.provider = heir.manager, heir.provider


def _take_time(patch: pytest.MonkeyPatch, asked: collections.Counter[str]) -> None:
    for name in ("snapshot", "snapshots", "share", "shares", "access_rules", "create_snapshot"):
        original = getattr(FakeManila, name)

        def late(self: Any, *args: Any, _original: Any = original, **kwargs: Any) -> Any:
            asked[_original.__name__] += 1
            time.sleep(_ANSWER)
            return _original(self, *args, **kwargs)

        patch.setattr(FakeManila, name, late)


def audit(given: argparse.Namespace) -> None:
    """Peak of the memory that an audit takes, at two sizes of the bank."""
    for count in sorted({given.checkpoints // 10, given.checkpoints}):
        with _service() as service:
            template = service.protect(service.plan(service.share()))
            bank, cloud = service.provider.bank, service.cloud
            _multiply(service, template, count)
            work = Audit(service.provider, service.manager.claims, grace=0.0, clock=cloud.clock)
            cpu = time.process_time()
            tracemalloc.start()
            found = work.find()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            views = _weight(service.connect_as_karbor(EVERY_PROJECT).snapshots)
            keys = _weight(functools.partial(bank.list_objects, "/checkpoints/"))
            _say(
                f"audit of {count:>6} checkpoints: peak {peak / 2**20:6.1f} MiB, of which Manila's "
                f"list {views / 2**20:5.1f} and the bank's list {keys / 2**20:5.1f}; "
                f"{len(found)} findings, {time.process_time() - cpu:.1f} s of CPU"
            )


def _weight(made: Callable[[], Any]) -> int:
    tracemalloc.start()
    kept = made()
    weight = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return weight


def _multiply(service: Service, template: Any, count: int) -> None:
    """So many checkpoints like this one, each with a snapshot of its own."""
    bank, cloud = service.provider.bank, service.cloud
    below = f"/checkpoints/{template.id}/"
    (view,) = cloud.snapshots.values()
    objects = {key: bank.get_object(key) for key in bank.list_objects(below)}
    for _ in range(count - 1):
        checkpoint_id, snapshot_id = str(uuid.uuid4()), str(uuid.uuid4())
        for key, value in objects.items():
            changed = _renamed(_renamed(value, template.id, checkpoint_id), view["id"], snapshot_id)
            bank.update_object(key.replace(template.id, checkpoint_id), changed)
        cloud.snapshots[snapshot_id] = _renamed(
            _renamed(view, template.id, checkpoint_id), view["id"], snapshot_id
        )


def _renamed(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(each, old, new) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, old, new) for each in value]
    return value.replace(old, new) if isinstance(value, str) else value


_PARTS = {each.__name__: each for each in (confirm, search, pages, recover, audit)}


def main() -> int:
    """The parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], *_PARTS], default=[])
    parser.add_argument("--shares", type=int, default=100, help="that were interrupted")
    parser.add_argument("--checkpoints", type=int, default=10_000, help="in the bank")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    for part in given.parts or _PARTS:
        _PARTS[part](given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
