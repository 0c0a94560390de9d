# SPDX-License-Identifier: Apache-2.0
"""Common writes of a flow: one save for all who come by then, and an error for those it was of."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from greenlet import GreenletExit

from karbor_manila.common import turns
from karbor_manila.operations.writing import Writing


class Table:
    """Takes values in saves; the first one waits until ``others`` more have been brought."""

    def __init__(self, writing: Writing, others: int = 0) -> None:
        self.writing = writing
        self.others = others
        self.saves: list[list[Any]] = []
        self.errors: list[BaseException | None] = []
        self.begun = threading.Event()

    def save(self, values: list[Any]) -> None:
        self.saves.append(values)
        self.begun.set()
        # The value of this save is still among those that were brought.
        while len(self.saves) == 1 and len(self.writing._brought["table"]) <= self.others:
            turns.pause()
        error = self.errors.pop(0) if self.errors else None
        if error:
            raise error

    def bring(self, value: Any) -> Exception | None:
        try:
            self.writing.together("table", value, self.save)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error
        return None

    def bring_all(self, count: int) -> list[Exception | None]:
        """One is in a save when the others come."""
        with ThreadPoolExecutor(count) as pool:
            first = pool.submit(self.bring, 0)
            assert self.begun.wait(timeout=30)
            return [first.result, *pool.map(self.bring, range(1, count))][1:] + [first.result()]


@pytest.fixture
def writing() -> Writing:
    return Writing()


def test_one_who_comes_alone_is_saved_at_once(writing: Writing) -> None:
    table = Table(writing)
    assert [table.bring(value) for value in "abc"] == [None] * 3
    assert table.saves == [["a"], ["b"], ["c"]]


def test_who_comes_during_a_save_is_in_the_next_one_with_all_who_came(writing: Writing) -> None:
    table = Table(writing, others=20)
    assert table.bring_all(21) == [None] * 21
    assert [len(values) for values in table.saves] == [1, 20]
    assert sorted(table.saves[1]) == list(range(1, 21))


def test_an_error_is_raised_to_those_whose_value_was_in_the_save(writing: Writing) -> None:
    table = Table(writing, others=5)
    table.errors = [None, OSError("no database")]
    *others, first = table.bring_all(6)
    assert first is None
    assert [str(error) for error in others] == ["no database"] * 5
    assert table.bring("later") is None
    assert table.saves[2:] == [["later"]]


def test_when_the_one_who_saves_is_killed_the_next_one_saves_for_the_others(
    writing: Writing,
) -> None:
    table = Table(writing)
    table.errors = [GreenletExit()]
    # Another has brought a value, and waits for the lock.
    other = threading.Thread(target=table.bring, args=("other",))
    with writing:
        other.start()
        while not writing._brought.get("table"):
            turns.pause()
        with pytest.raises(GreenletExit):
            writing._save_all("table", table.save)
    other.join()
    assert table.saves == [["other"], ["other"]]
    with pytest.raises(GreenletExit):
        table.errors = [GreenletExit()]
        table.bring("mine")
    assert writing._brought["table"] == []


def test_what_is_written_elsewhere_is_saved_by_itself(writing: Writing) -> None:
    saved: list[Any] = []
    for what in ("log", "record"):
        writing.together(what, what, saved.extend)
    assert saved == ["log", "record"]


def test_while_one_changes_by_himself_nobody_saves(writing: Writing) -> None:
    table = Table(writing)
    with writing:
        thread = threading.Thread(target=table.bring, args=("a",))
        thread.start()
        thread.join(timeout=0.05)
        assert table.saves == []
    thread.join()
    assert table.saves == [["a"]]


def test_who_is_killed_while_another_saves_for_him_is_killed_and_nothing_else(
    writing: Writing,
) -> None:
    """An error in its place would have him roll back what the reconciliation is to settle."""
    table = Table(writing)
    killed: list[BaseException] = []

    class Lock:
        """In place of the lock; who waits for it as the second one is killed during a save."""

        def acquire(self) -> None:
            if threading.current_thread() is second:
                table.begun.wait(timeout=30)
                raise GreenletExit

        def release(self) -> None:
            pass

    def come_second() -> None:
        try:
            writing.together("table", "second", table.save)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            killed.append(error)

    def save(values: list[Any]) -> None:
        table.save(values)
        second.join()

    writing._lock = Lock()  # type: ignore[assignment]
    second = threading.Thread(target=come_second)
    second.start()
    while not writing._brought.get("table"):
        turns.pause()
    writing.together("table", "first", save)
    assert table.saves == [["second", "first"]]
    assert [type(each) for each in killed] == [GreenletExit]
    assert writing._brought["table"] == []


def test_what_is_brought_at_the_moment_when_a_save_begins_is_saved(writing: Writing) -> None:
    """By a thread that is no green one, as the operator's command has them."""
    table = Table(writing)

    class Brought(dict[Any, Any]):
        """The second thread sleeps between the look at the list and its own entry in it."""

        def setdefault(self, *args: Any) -> Any:
            found = super().setdefault(*args)
            if threading.current_thread() is second:
                first.start()
                table.begun.wait(timeout=30)
            return found

    class Lock:
        """The lock, that shows when the second thread has come to it."""

        def acquire(self) -> None:
            if threading.current_thread() is second:
                brought.set()
            lock.acquire()

        def release(self) -> None:
            lock.release()

    def save(values: list[Any]) -> None:
        table.save(values)
        brought.wait(timeout=30)

    brought, lock = threading.Event(), threading.Lock()
    writing._brought, writing._lock = Brought({"table": []}), Lock()  # type: ignore[assignment]
    first = threading.Thread(target=lambda: writing.together("table", "first", save))
    second = threading.Thread(target=lambda: table.bring("second"))
    second.start()
    second.join()
    first.join()
    assert table.saves == [["first"], ["second"]]
