# SPDX-License-Identifier: Apache-2.0
"""Events as notifications of oslo.messaging, over the transport that karbor.conf has for those."""

import contextvars
import logging
from collections.abc import Sequence
from typing import Any

import oslo_messaging
from oslo_config import cfg

from karbor_manila.telemetry.dispatch import Delivery, Listener
from karbor_manila.telemetry.errors import NotSent
from karbor_manila.telemetry.events import ERROR

# What oslo.messaging could not send from this (green) thread, since that was last looked at.
_unsent: contextvars.ContextVar[list[BaseException] | None] = contextvars.ContextVar(
    "unsent", default=None
)

# Where oslo.messaging tells of that, and nowhere else (oslo_messaging/notify/messaging.py,
# MessagingDriver.notify; notifier.py, Notifier._notify).
_TOLD_IN = ("oslo_messaging.notify.messaging", "oslo_messaging.notify.notifier")


class _Caught(logging.Filter):
    """Keeps the lines of this listener's failures for :meth:`NotificationListener.deliver`: one for
    each event, with its payload, would flood the log while a broker is away."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is somebody else's."""
        unsent = _unsent.get()
        if unsent is None or record.levelno < logging.ERROR:
            return True
        error = record.exc_info[1] if record.exc_info else None
        unsent.append(error or RuntimeError(record.getMessage()))
        return False


class NotificationListener(Listener):
    """Sends each event as a notification; ``error`` has that priority, the others ``info``.

    The transport is that of ``[oslo_messaging_notifications] transport_url``, or else of
    ``[DEFAULT] transport_url``.
    """

    options = (
        cfg.ListOpt(
            "notifications_topics",
            default=["notifications"],
            help="The topics to which the listener notifications sends events.",
        ),
        cfg.IntOpt(
            "notifications_retries",
            default=1,
            min=0,
            max=100,
            help="How often the listener notifications tries again to reach the broker for one "
            "event, before that is counted as failed.",
        ),
    )

    def __init__(self, *, name: str, settings: Any, conf: cfg.ConfigOpts = cfg.CONF) -> None:
        super().__init__(name=name, settings=settings)
        self._conf = conf
        self._caught = _Caught()
        self._transport: Any = None
        self._notifier: Any = None

    def check(self) -> None:
        """There is a topic to send to."""
        if not all(self.settings.notifications_topics) or not self.settings.notifications_topics:
            raise cfg.Error("notifications_topics: the listener notifications needs a topic")

    def start(self) -> None:
        """Get the transport; nothing is sent, and no broker need be there."""
        for name in _TOLD_IN:
            logging.getLogger(name).addFilter(self._caught)
        self._transport = oslo_messaging.get_notification_transport(self._conf)
        self._notifier = oslo_messaging.Notifier(
            self._transport,
            driver="messagingv2",
            topics=list(self.settings.notifications_topics),
            retry=self.settings.notifications_retries,
        )

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Send them.

        :raises NotSent: one could not be sent, before the rest was tried
        """
        for delivery in deliveries:
            self._send(delivery)

    def _send(self, delivery: Delivery) -> None:
        event = delivery.event
        notifier = self._notifier.prepare(publisher_id=f"karbor_manila:{event.host}")
        send = notifier.error if event.phase == ERROR else notifier.info
        # Ids alone: Karbor's own context has the token of the user.
        context = {"project_id": event.project_id}
        if request_id := getattr(delivery.context, "request_id", None):
            context["request_id"] = str(request_id)
        unsent: list[BaseException] = []
        token = _unsent.set(unsent)
        try:
            send(context, event.type, event.as_dict())
        finally:
            _unsent.reset(token)
        if unsent:
            raise NotSent(event.type, str(unsent[0])) from unsent[0]

    def stop(self) -> None:
        """Let go of the transport."""
        for name in _TOLD_IN:
            logging.getLogger(name).removeFilter(self._caught)
        if self._transport is not None:
            self._transport.cleanup()
