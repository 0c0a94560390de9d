# SPDX-License-Identifier: Apache-2.0
"""Faults: what each of these returns plants one, lifts it again, and insists that it was hit."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.files import write_json
from sandbox.proxy.control import NeverHit
from sandbox.proxy.rules import Rule
from tests.faults.case import Plant

if TYPE_CHECKING:
    from tests.faults.world import World


def on_the_way(*rules: Rule) -> Plant:
    """Between Karbor and Manila."""
    return lambda world: world.site.proxy.fault(*rules)


def answered(method: str, path: str, make: Callable[["World"], Any]) -> Plant:
    """Something between Karbor and Manila answers these requests for ever, with a 200.

    :param make: the body
    """

    @contextlib.contextmanager
    def plant(world: "World") -> Iterator[None]:
        with world.site.proxy.fault(Rule.answer(method, path, 200, make(world), times=None)):
            yield

    return plant


def backend(*methods: str, anything: bool = False, **rule: Any) -> Plant:
    """In the backend: these methods of the driver fail, for the first share of the case.

    :param anything: whether they fail for all other shares, too
    :param rule: see sandbox/manila/knobs.py
    """

    @contextlib.contextmanager
    def plant(world: "World") -> Iterator[None]:
        path = world.site.knobs("faults")
        hits = path.with_name(path.name + ".hits")
        hits.unlink(missing_ok=True)
        about = {} if anything else {"id": world.shares[0].id}
        # A rule with nothing in it would count as none.
        write_json(path, {method: {**about, **rule} or True for method in methods})
        try:
            yield
        finally:
            path.unlink()
        hit = {line["method"] for line in _lines(hits)}
        _insist([{"method": "the backend's", "path": m} for m in methods if m not in hit])

    return plant


def slow(**seconds: float) -> Plant:
    """In the backend: these methods take so many seconds, for the shares of the case."""

    @contextlib.contextmanager
    def plant(world: "World") -> Iterator[None]:
        path = world.site.knobs("delays")
        rules = {
            method: [{"seconds": much, "id": share.id} for share in world.shares]
            for method, much in seconds.items()
        }
        write_json(path, rules)
        try:
            yield
        finally:
            path.unlink()

    return plant


def bank(call: str, key: str, nth: int = 1, times: int | None = 1) -> Plant:
    """In the bank; see sandbox/karbor/faulty_bank.py."""

    @contextlib.contextmanager
    def plant(world: "World") -> Iterator[None]:
        path = world.site.bank_faults
        hits = path.with_name(path.name + ".hits")
        hits.unlink(missing_ok=True)
        write_json(path, [{"call": call, "key": key, "nth": nth, "times": times}])
        try:
            yield
        finally:
            path.unlink()
        _insist([] if hits.exists() else [{"method": f"the bank's {call}", "path": key}])

    return plant


def share_is(status: str) -> Plant:
    """The administrator has set the first share to a status, and mends it afterwards."""

    @contextlib.contextmanager
    def plant(world: "World") -> Iterator[None]:
        shares = world.site.admin.manila.shares
        shares.reset_state(world.shares[0].id, status)
        try:
            yield
        finally:
            shares.reset_state(world.shares[0].id, "available")

    return plant


def kept_is(status: str, mended: str = "available") -> Plant:
    """The administrator has set what keeps the shares to a status, and mends it afterwards.

    :param mended: the status that they get then, unless they are gone
    """

    @contextlib.contextmanager
    def plant(world: "World") -> Iterator[None]:
        world.set_kept(status)
        try:
            yield
        finally:
            world.set_kept(mended)

    return plant


@contextlib.contextmanager
def mended(world: "World") -> Iterator[None]:
    """No fault, but afterwards the administrator mends all that is stuck."""
    try:
        yield
    finally:
        world.set_kept("available", only="error_deleting")
        # Not to available: that would make it a restored share, which is the user's.
        world.set_shares("error", only="error_deleting")
        world.set_shares("error", only="backup_restoring_error")


@contextlib.contextmanager
def kept_gone(world: "World") -> Iterator[None]:
    """Somebody has removed what keeps the shares of the case."""
    world.site.remove_kept(world.kept())
    yield


@contextlib.contextmanager
def share_gone(world: "World") -> Iterator[None]:
    """Somebody has removed the first share of the case."""
    world.site.remove_share(world.shares[0].id)
    world.await_manila(lambda: world.shares[0].id not in {s.id for s in world.site.alpha.shares()})
    yield


def beforehand(act: Callable[["World"], object]) -> Plant:
    """Something is done just before the operations begin."""

    @contextlib.contextmanager
    def plant(world: "World") -> Iterator[None]:
        act(world)
        yield

    return plant


def keystone_away(seconds: float) -> Plant:
    """Keystone ends now and comes back after so many seconds, whatever happens meanwhile."""

    @contextlib.contextmanager
    def plant(world: "World") -> Iterator[None]:
        stack = world.site.stack
        stack.kill("keystone")
        back = threading.Timer(seconds, stack.start_service, ["keystone"])
        back.start()
        try:
            yield
        finally:
            back.join()

    return plant


def all_of(*plants: Plant) -> Plant:
    """Several at once."""

    @contextlib.contextmanager
    def plant(world: "World") -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for one in plants:
                stack.enter_context(one(world))
            yield

    return plant


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _insist(missed: list[dict[str, Any]]) -> None:
    if missed:
        raise NeverHit([{"action": "a fault", "seen": 0, "nth": 1, **one} for one in missed])
