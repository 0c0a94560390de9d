# SPDX-License-Identifier: Apache-2.0
"""The end of what reads Manila's hook: a broker that is away holds up no service that stops."""

from collections.abc import Callable

import eventlet
import oslo_messaging
import pytest
from eventlet.event import Event

from karbor_manila.service import watch_listener
from karbor_manila.service.watch_listener import Listener


class Server:
    """As oslo.messaging's: who stops it waits first until it has begun, then for the broker.

    :param waits: the method that no broker answers
    """

    def __init__(self, waits: str) -> None:
        self._waits = waits
        self._begun, self._answer = Event(), Event()
        self.stopped = 0

    def start(self) -> None:
        if self._waits == "start":
            self._answer.wait()
        self._begun.send(None)

    def stop(self) -> None:
        self._begun.wait()
        if self._waits == "stop":
            self._answer.wait()
        self.stopped += 1


@pytest.fixture
def began(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[Listener, Server]]:
    """Begins to listen by a server that waits in one of its methods."""
    monkeypatch.setattr(watch_listener, "_STOP", 0.01)
    monkeypatch.setattr(oslo_messaging, "get_notification_transport", lambda _conf: None)

    def begin(waits: str) -> tuple[Listener, Server]:
        server = Server(waits)
        monkeypatch.setattr(oslo_messaging, "get_notification_listener", lambda *_a, **_k: server)
        listener = Listener(lambda _content: None)
        eventlet.spawn(listener.start)
        eventlet.sleep(0)
        return listener, server

    return begin


@pytest.mark.parametrize(("waits", "stopped"), [("start", 0), ("stop", 0), ("", 1)])
def test_the_end_does_not_wait_for_a_broker_that_is_away(
    began: Callable[[str], tuple[Listener, Server]], waits: str, stopped: int
) -> None:
    listener, server = began(waits)
    with eventlet.Timeout(30):
        listener.stop()
    assert server.stopped == stopped


def test_a_broker_that_fails_at_the_end_holds_up_no_other_end(
    began: Callable[[str], tuple[Listener, Server]], caplog: pytest.LogCaptureFixture
) -> None:
    listener, server = began("")

    def stop() -> None:
        raise oslo_messaging.MessageDeliveryFailure

    server.stop = stop  # type: ignore[method-assign]
    listener.stop()
    assert "did not end well" in caplog.text
