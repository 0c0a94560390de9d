# SPDX-License-Identifier: Apache-2.0
"""Listeners for tests: some that keep all events in a file, and some that do it badly."""

import json
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar

import oslo_messaging
from oslo_config import cfg

from karbor_manila.telemetry import events
from karbor_manila.telemetry.dispatch import Delivery, Listener


class Filing(Listener):
    """Appends each event to a file, a line of JSON each."""

    options: ClassVar[Collection[cfg.Opt]] = (cfg.StrOpt("filing_path", help="The file."),)

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        with Path(self.settings.filing_path).open("a", encoding="utf-8") as file:
            for each in deliveries:
                file.write(json.dumps(each.event.as_dict()) + "\n")


class Raising(Listener):
    """Takes nothing."""

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        raise RuntimeError("this listener raises")


class Hanging(Listener):
    """Takes an hour for the first event, and ends no sooner."""

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        time.sleep(3600)


class Flooding(Listener):
    """Makes a hundred events of each."""

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        for each in deliveries:
            for _ in range(100):
                events.emit(each.event)


class Reading(Listener):
    """Reads the notifications of its own process from oslo.messaging, as any consumer does: the
    in-memory transport of the sandbox reaches no other process."""

    options: ClassVar[Collection[cfg.Opt]] = (cfg.StrOpt("reading_path", help="The file."),)

    def start(self) -> None:
        transport = oslo_messaging.get_notification_transport(cfg.CONF)
        targets = [oslo_messaging.Target(topic="notifications")]
        endpoints = [Endpoint(Path(self.settings.reading_path))]
        self.server = oslo_messaging.get_notification_listener(
            transport, targets, endpoints, executor="eventlet"
        )
        self.server.start()

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """It is the broker's to tell."""

    def stop(self) -> None:
        self.server.stop()


class Endpoint:
    """Appends what it reads to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def info(self, _context: Any, _by: str, _type: str, payload: Any, _about: Any) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(payload) + "\n")

    error = info
