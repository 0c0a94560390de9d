# SPDX-License-Identifier: Apache-2.0
"""Events over oslo.messaging: what a real notification listener reads from its in-memory driver."""

import logging
import queue
from collections.abc import Iterator
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.telemetry import listening
from karbor_manila.telemetry.dispatch import Delivery
from karbor_manila.telemetry.errors import NotSent
from karbor_manila.telemetry.notifications import NotificationListener
from tests.unit.stage import Context
from tests.unit.telemetry.listeners import event, settings

#: Seconds; only a test that fails waits so long.
PATIENCE = 60.0


class Endpoint:
    """Keeps the notifications of both priorities that are sent."""

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[str, Any, str, str, Any]] = queue.Queue()

    def info(self, ctxt: Any, publisher: str, event_type: str, payload: Any, _meta: Any) -> None:
        self.got.put(("info", ctxt, publisher, event_type, payload))

    def error(self, ctxt: Any, publisher: str, event_type: str, payload: Any, _meta: Any) -> None:
        self.got.put(("error", ctxt, publisher, event_type, payload))


def conf_of(transport_url: str, **values: Any) -> cfg.ConfigOpts:
    conf = settings(event_listeners=["notifications"], **values)
    oslo_messaging.get_notification_transport(conf, "fake://")  # registers its options
    conf.set_override("transport_url", transport_url)
    return conf


def listener_of(conf: cfg.ConfigOpts) -> NotificationListener:
    (found,) = listening.make(conf, opts.GROUP)
    assert isinstance(found, NotificationListener)
    return NotificationListener(name=found.name, settings=conf[opts.GROUP], conf=conf)


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    return conf_of("fake://")


@pytest.fixture
def endpoint(conf: cfg.ConfigOpts) -> Iterator[Endpoint]:
    """One who reads the topic, as any consumer of notifications does."""
    found = Endpoint()
    server = oslo_messaging.get_notification_listener(
        oslo_messaging.get_notification_transport(conf),
        [oslo_messaging.Target(topic="notifications")],
        [found],
        executor="threading",
    )
    server.start()
    yield found
    server.stop()
    server.wait()


def test_a_consumer_reads_every_event_with_its_priority(
    conf: cfg.ConfigOpts, endpoint: Endpoint
) -> None:
    listener = listener_of(conf)
    listener.start()
    told = [event(phase="start"), event(phase="end"), event(phase="error", reason="No quota.")]
    listener.deliver([Delivery(each, None) for each in told])
    got = [endpoint.got.get(timeout=PATIENCE) for _ in told]
    listener.stop()
    # Each priority is a topic of its own, between which there is no order.
    by_type = {event_type: (kind, payload) for kind, _, _, event_type, payload in got}
    assert by_type == {
        each.type: ("error" if each.phase == "error" else "info", each.as_dict()) for each in told
    }
    assert {publisher for _, _, publisher, _, _ in got} == {f"karbor_manila:{told[0].host}"}


def test_ids_of_the_request_go_with_it_and_no_token(
    conf: cfg.ConfigOpts, endpoint: Endpoint
) -> None:
    context: Any = Context("other")
    context.request_id, context.auth_token = "req-1", "gAAAAAsecret"
    context.to_dict = lambda: vars(context)
    listener = listener_of(conf)
    listener.start()
    listener.deliver([Delivery(event(), context)])
    _kind, read, *_rest = endpoint.got.get(timeout=PATIENCE)
    listener.stop()
    assert {name: value for name, value in read.items() if value} == {
        "project_id": "project",
        "request_id": "req-1",
    }


def test_what_the_broker_does_not_take_is_an_error_and_no_flood(
    conf: cfg.ConfigOpts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listener = listener_of(conf)
    listener.start()

    def refused(*_args: Any, **_kwargs: Any) -> None:
        raise oslo_messaging.MessageDeliveryFailure("no broker")

    monkeypatch.setattr(listener._transport, "_send_notification", refused)
    with pytest.raises(NotSent, match="share_protection.protect.end could not be sent: no broker"):
        listener.deliver([Delivery(event(), None)])
    assert caplog.records == []  # who dispatches counts it, and logs it seldom
    listener.stop()


def test_what_others_cannot_send_is_logged_as_ever(
    conf: cfg.ConfigOpts, caplog: pytest.LogCaptureFixture
) -> None:
    listener = listener_of(conf)
    listener.start()
    logging.getLogger("oslo_messaging.notify.messaging").error("another's")
    listener.stop()
    assert [record.getMessage() for record in caplog.records] == ["another's"]


@pytest.mark.parametrize("topics", [[], [""]])
def test_without_a_topic_the_service_does_not_start(topics: list[str]) -> None:
    conf = conf_of("fake://")
    listener_of(conf)
    conf.set_override("notifications_topics", topics, opts.GROUP)
    with pytest.raises(cfg.Error, match="needs a topic"):
        listening.make(conf, opts.GROUP)
