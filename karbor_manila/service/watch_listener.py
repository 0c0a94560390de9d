# SPDX-License-Identifier: Apache-2.0
"""Takes what Manila's hook sends as notifications, and puts each into the spool.

From there it is judged like everything else. A message counts as taken once its file is written.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import eventlet
import oslo_messaging
from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.common.spool import LONGEST
from karbor_manila.hooks.watch_options import TOPIC

LOG = logging.getLogger(__name__)

_PAUSE = 5.0  # seconds before a message that could not be put away is taken again
_STOP = 2.0  # seconds for the end of a listener, which waits for its broker when that is away


class Listener:
    """Listens on the transport for notifications that karbor.conf names.

    :param put: writes one file into the spool
    """

    def __init__(self, put: Callable[[bytes], object]) -> None:
        self._put = put
        self._server: Any = None
        self._listens = False

    def start(self) -> None:
        """Begin. Whatever keeps it from that is logged: the broker may be down for long."""
        try:
            self._server = oslo_messaging.get_notification_listener(
                oslo_messaging.get_notification_transport(cfg.CONF),
                [oslo_messaging.Target(topic=TOPIC)],
                [self],
                executor="eventlet",
                allow_requeue=True,
            )
            self._server.start()
            self._listens = True
        except Exception:  # of any driver of oslo.messaging; the spool is read all the same
            LOG.exception("Notifications of Manila's hook are not listened to")

    def stop(self) -> None:
        """End, without waiting for the broker. What it gets no answer for it gives to the next
        one that listens."""
        # One that still begins is not stopped: oslo.messaging first waits until it has begun.
        if not self._listens:
            return
        try:
            with eventlet.Timeout(_STOP, exception=False):
                self._server.stop()
        except Exception:  # of any driver of oslo.messaging; the rest of the service ends, too
            LOG.exception("Listening to notifications of Manila's hook did not end well")

    def info(
        self,
        context: Mapping[str, Any],
        publisher_id: str,
        event_type: str,
        payload: Any,
        metadata: Mapping[str, Any],
    ) -> Any:
        """One notification; oslo.messaging gives it again when it could not be put away."""
        content = json.dumps(payload).encode()
        if len(content) > LONGEST:
            LOG.warning("A notification of %s is too long, and none of ours", publisher_id)
            return oslo_messaging.NotificationResult.HANDLED
        try:
            self._put(content)
        except Exception as error:  # noqa: BLE001 - the disk; the message stays in the broker
            LOG.error("What %s told cannot be put away: %s", publisher_id, error)
            eventlet.sleep(_PAUSE)
            return oslo_messaging.NotificationResult.REQUEUE
        return oslo_messaging.NotificationResult.HANDLED
