# SPDX-License-Identifier: Apache-2.0
"""Listeners for tests: one that keeps all events in a file, and some that do it badly."""

import json
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar

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
