# SPDX-License-Identifier: Apache-2.0
"""Writes into an object store that fail: repeated at once, or not behind the back of the claim."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from swiftclient.exceptions import ClientException

from karbor_manila.bank import access
from karbor_manila.bank.objects.once_more import once_more
from karbor_manila.bank.testing import Fault
from tests.contract.banks.memory_world import MemoryWorld


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "pause", lambda _seconds: None)


def failing(*errors: Exception) -> tuple[Callable[[], None], list[Exception | None]]:
    """A write that fails so, and then succeeds; and what came of each attempt."""
    left: Iterator[Exception] = iter(errors)
    attempts: list[Exception | None] = []

    def write() -> None:
        error = next(left, None)
        attempts.append(error)
        if error:
            raise error

    return write, attempts


@pytest.mark.parametrize(
    "error",
    [ClientException("", http_status=503), ClientException("", http_status=401), TimeoutError()],
    ids=repr,
)
def test_a_hiccup_fails_no_write(error: Exception) -> None:
    write, attempts = failing(error)
    once_more(write, within=5.0, elapsed=lambda: 100.0)
    assert attempts == [error, None]


def test_a_process_that_slept_during_a_write_does_not_write_it_again() -> None:
    """Another one may have taken its work over: whoever repeats it looks at the claim first."""
    write, attempts = failing(TimeoutError())
    times = iter([100.0, 700.0])
    with pytest.raises(TimeoutError):
        once_more(write, within=5.0, elapsed=lambda: next(times))
    assert len(attempts) == 1


@pytest.mark.parametrize("status", [403, 404, 409, 413])
def test_what_a_store_refuses_is_not_asked_for_again(status: int) -> None:
    write, attempts = failing(ClientException("", http_status=status))
    with pytest.raises(ClientException):
        once_more(write, within=5.0, elapsed=lambda: 100.0)
    assert len(attempts) == 1


def test_the_second_failure_is_the_last() -> None:
    write, attempts = failing(*[ClientException("", http_status=503)] * 3)
    with pytest.raises(ClientException):
        once_more(write, within=5.0, elapsed=lambda: 100.0)
    assert len(attempts) == 2


def test_karbors_own_writes_outlive_a_hiccup_of_the_store() -> None:
    world = MemoryWorld()
    bank = world.open()
    with world.trouble(Fault.BUSY, times=1):
        bank.update_object("/a", 1)
    with world.trouble(Fault.BUSY, times=1):
        bank.delete_object("/a")
    assert world.store.objects == {}


def test_what_is_deleted_last_is_gone_although_a_write_was_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = MemoryWorld()
    bank = world.open()
    began, go_on = Event(), Event()
    put = world.store.put

    def slow(*args: object) -> None:
        began.set()
        assert go_on.wait(60)
        put(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(world.store, "put", slow)
    with ThreadPoolExecutor(2) as pool:
        written = pool.submit(bank.update_object, "/a", 1)
        assert began.wait(60)
        removed = pool.submit(bank.delete_object, "//a")
        with pytest.raises(TimeoutError):
            removed.result(timeout=0.1)
        go_on.set()
        written.result(60)
        removed.result(60)
    assert world.store.objects == {}
