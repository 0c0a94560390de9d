# SPDX-License-Identifier: Apache-2.0
"""The port for metrics: off unless asked for, and in nobody's way when it cannot be had."""

import contextlib
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults

import eventlet
import pytest
from greenlet import GreenletExit
from prometheus_client.core import GaugeMetricFamily

from karbor_manila.service import metrics_port
from karbor_manila.service.metrics_port import MetricsPort
from tests.unit.karbor_stage import Service


class Answer:
    """A collector with one value."""

    def collect(self) -> Iterator[Any]:
        yield GaugeMetricFamily("answer", "To everything.", value=42)


class Enough(Exception):
    """Ends a loop that has no end."""


class Port:
    """A port that can be had after some attempts."""

    def __init__(self, *, taken: int = 0) -> None:
        self.taken = taken
        self.asked: list[tuple[str, int]] = []
        self.slept: list[float] = []
        self.given_back = 0

    def listen(self, address: str, port: int) -> "Port":
        self.asked.append((address, port))
        if len(self.asked) <= self.taken:
            raise OSError(98, "Address already in use")
        return self

    def close(self) -> None:
        self.given_back += 1

    def of(self, serve: Callable[..., Any]) -> MetricsPort:
        """Ours on it."""
        return MetricsPort(
            "127.0.0.1", 9, Answer, listen=self.listen, serve=serve, sleep=self.slept.append
        )


def get(app: Callable[..., Any], method: str = "GET") -> tuple[str, str]:
    """What is answered: the status and the text."""
    environ: dict[str, Any] = {"PATH_INFO": "/metrics", "REQUEST_METHOD": method}
    setup_testing_defaults(environ)
    said: list[str] = []
    body = app(environ, lambda status, _headers: said.append(status))
    return said[0], b"".join(body).decode()


def stop_after(answers: list[Any], *, times: int = 1) -> Callable[..., None]:
    def serve(_socket: Any, app: Callable[..., Any]) -> None:
        answers.append(get(app))
        if len(answers) == times:
            raise Enough

    return serve


def test_it_shows_what_its_collector_gives() -> None:
    answers: list[Any] = []
    port = Port()
    with pytest.raises(Enough):
        port.of(stop_after(answers)).run()
    assert port.asked == [("127.0.0.1", 9)]
    ((status, text),) = answers
    assert status == "200 OK"
    assert "answer 42.0\n" in text


def test_nothing_is_changed_by_who_asks_for_more_than_to_read() -> None:
    answers: list[Any] = []

    def serve(_socket: Any, app: Callable[..., Any]) -> None:
        answers.append(get(app, "POST"))
        raise Enough

    with pytest.raises(Enough):
        Port().of(serve).run()
    assert answers[0][0].startswith("405 ")


def test_a_port_that_is_taken_is_asked_for_again_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By the process before this one, which still ends its work."""
    answers: list[Any] = []
    port = Port(taken=3)
    with pytest.raises(Enough):
        port.of(stop_after(answers)).run()
    assert port.slept == [10.0] * 3
    said = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert len(said) == 1
    assert "metrics_port: 127.0.0.1 port 9 cannot be had" in said[0]


def test_a_connection_that_breaks_the_server_ends_it_for_ten_seconds() -> None:
    answers: list[Any] = []

    def serve(_socket: Any, app: Callable[..., Any]) -> None:
        answers.append(get(app))
        if len(answers) == 2:
            raise Enough
        raise OSError(24, "Too many open files")

    port = Port()
    with pytest.raises(Enough):
        port.of(serve).run()
    assert (len(answers), port.slept, port.given_back) == (2, [10.0], 2)


def test_an_end_gives_the_port_back() -> None:
    port, begun = Port(), []

    def serve(_socket: Any, _app: Callable[..., Any]) -> None:
        begun.append(1)
        while True:
            eventlet.sleep(0)

    ours = port.of(serve)
    ours.start()
    ours.start()
    eventlet.sleep(0)
    eventlet.sleep(0)
    ours.stop()
    with contextlib.suppress(GreenletExit):
        eventlet.sleep(0)
    assert (begun, port.given_back) == ([1], 1)


def test_without_a_port_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "prometheus_client", raising=False)
    ours = MetricsPort("127.0.0.1", 0, Answer, listen=lambda *_: pytest.fail("asked for a port"))
    ours.start()
    eventlet.sleep(0)
    ours.stop()
    assert "prometheus_client" not in sys.modules


def test_two_processes_cannot_have_one_port() -> None:
    with contextlib.closing(metrics_port._listen("127.0.0.1", 0)) as first:
        assert first.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0
        with pytest.raises(OSError, match="in use"):
            metrics_port._listen(*first.getsockname())


def test_the_service_shows_its_own_claims_and_leases_once_there_is_a_port(
    service: Service,
) -> None:
    runtime = service.manager.runtime
    assert runtime.metrics._port == 0
    runtime.leases.keep(service.provider)
    keeper = runtime.leases.keepers[service.provider.id]
    keeper.stop()
    keeper.renew()
    families = {each.name: each for each in runtime._shown().collect()}
    (fresh,) = families["karbor_manila_lease_fresh"].samples
    assert fresh.labels == {"provider_id": service.provider.id}
    assert families["karbor_manila_claims"].samples
