# SPDX-License-Identifier: Apache-2.0
"""The in-memory bus of the sandbox's services: nothing is lost, and nobody waits for a look."""

import threading
from collections.abc import Iterator

import oslo_messaging
import pytest
from oslo_config import cfg
from oslo_messaging._drivers import impl_fake
from oslo_messaging._metrics import client as metrics

from sandbox import bus

CALLS = 40
TARGET = oslo_messaging.Target(topic="topic", server="server")
PATCHED = (
    (impl_fake.FakeExchange, "deliver_message"),
    (impl_fake.FakeListener, "poll"),
    (impl_fake.FakeListener, "stop"),
)
LONG = 60  # seconds; whoever waits so long is not woken
LOOK = 10 * LONG


class Endpoint:
    """Doubles a number."""

    def double(self, context: dict, number: int) -> int:
        return 2 * number


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[oslo_messaging.RPCClient]:
    """A client of a server in threads; a look without a delivery comes too late for the test."""
    for kind, name in PATCHED:
        monkeypatch.setattr(kind, name, getattr(kind, name))
    monkeypatch.setattr(bus, "LOOK_SECONDS", LOOK)
    bus.install()
    conf = cfg.ConfigOpts()
    conf([])
    # Their module registers them on the global configuration alone.
    conf.register_opts(metrics.oslo_messaging_metrics, group="oslo_messaging_metrics")
    transport = oslo_messaging.get_rpc_transport(conf, url="fake://")
    server = oslo_messaging.get_rpc_server(transport, TARGET, [Endpoint()], executor="threading")
    server.start()
    yield oslo_messaging.get_rpc_client(transport, TARGET, timeout=LONG)
    stopping = threading.Thread(target=server.stop, daemon=True)
    stopping.start()
    stopping.join(LONG)
    assert not stopping.is_alive()
    server.wait()


def test_a_call_is_answered_without_a_look_at_intervals(
    client: oslo_messaging.RPCClient,
) -> None:
    assert [client.call({}, "double", number=each) for each in range(3)] == [0, 2, 4]


def test_calls_at_once_are_all_answered(client: oslo_messaging.RPCClient) -> None:
    answers: dict[int, int] = {}

    def call(number: int) -> None:
        answers[number] = client.call({}, "double", number=number)

    callers = [threading.Thread(target=call, args=(number,)) for number in range(CALLS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(LONG)
    assert answers == {number: 2 * number for number in range(CALLS)}
