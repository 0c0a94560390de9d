# SPDX-License-Identifier: Apache-2.0
"""Events: typed, harmless, of bounded size; and nothing at all when nobody listens."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from karbor_manila.telemetry import events
from karbor_manila.telemetry.events import CLASSES, TYPES, Event
from karbor_manila.telemetry.seldom import Seldom
from tests.unit.clock import FakeClock
from tests.unit.telemetry.listeners import event

TOKEN = "gAAAAABnNdYQ-kJ_x" + "y" * 150


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    """After each test nobody listens."""
    yield
    events.listen(None)


def text_of_every_field(kind: type[Event], operation: str, phase: str, text: str) -> Event:
    """An event of which each text is the same."""
    given = {
        name: text
        for name, field in kind.__dataclass_fields__.items()
        if field.type is str and name not in ("operation", "phase")
    }
    return kind(operation=operation, phase=phase, **given)


def test_nothing_is_made_when_nobody_listens() -> None:
    made: list[Event] = []

    def make() -> Event:
        made.append(event())
        return made[-1]

    events.emit(make)
    assert (made, events.is_heard()) == ([], False)


def test_who_listens_gets_the_event_and_whose_it_is() -> None:
    got: list[tuple[Event, Any]] = []
    events.listen(lambda told, context: got.append((told, context)))
    one = event()
    events.emit(one, "context")
    events.emit(lambda: one)
    assert got == [(one, "context"), (one, None)]


def raising(*_args: Any) -> Any:
    raise RuntimeError("no")


@pytest.mark.parametrize(
    ("sink", "made"),
    [(raising, event), (lambda _event, _context: None, raising)],
    ids=["who listens", "who makes the event"],
)
def test_an_error_stays_with_whom_it_is_of(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    sink: Any,
    made: Callable[[], Event],
) -> None:
    monkeypatch.setattr(events, "_broken", Seldom(clock=FakeClock()))
    events.listen(sink)
    for _ in range(100):
        events.emit(made)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize("name", sorted(TYPES))
def test_no_secret_and_no_flood_is_in_any_event(name: str) -> None:
    _prefix, operation, phase = name.split(".")
    text = (
        f"Manila said: password=hunter2 --os-token {TOKEN} {{'auth_token': 'hunter2'}} "
        f"X-Auth-Token: {TOKEN}\x1b[2J rabbit://karbor:hunter2@host\n{'long ' * 5000}"
    )
    told = text_of_every_field(TYPES[name], operation, phase, text)
    payload = json.dumps(told.as_dict())
    assert "hunter2" not in payload
    assert TOKEN[:12] not in payload
    assert "\\u001b" not in payload
    assert len(payload) < 10 * 1024
    assert told.type == name


def test_half_a_secret_is_not_told_either() -> None:
    """The first two thousand characters are looked at, and masked they are fewer."""
    tokens = f"{TOKEN} " * 20
    said = f"{tokens[:1978]} rabbit://karbor:hunter2@host"
    assert said[:2000].endswith("hunte")
    assert "hunt" not in event(reason=said).reason
    assert len(event(reason=f"Manila said {'x' * 5000}").reason) == 1000


@pytest.mark.parametrize("kind", CLASSES)
def test_there_are_no_other_types(kind: type[Event]) -> None:
    for operation, phase in (("other", "end"), (kind.OPERATIONS[0], "middle")):
        with pytest.raises(ValueError, match=f"{kind.__name__} has no type"):
            text_of_every_field(kind, operation, phase, "")


def test_the_time_is_utc_to_the_second_and_each_event_has_an_id() -> None:
    one, other = event().as_dict(), event().as_dict()
    assert one["at"].endswith("+00:00")
    assert len(one["at"]) == len("2026-11-26T18:00:00+00:00")
    assert one["event_id"] != other["event_id"]
    assert one["host"]


def test_lines_that_come_too_often_are_counted() -> None:
    clock = FakeClock()
    seldom = Seldom(60.0, clock)
    assert [seldom.due() for _ in range(3)] == [0, None, None]
    clock.sleep(60.0)
    assert [seldom.due(), seldom.due()] == [2, None]
