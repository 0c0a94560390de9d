# SPDX-License-Identifier: Apache-2.0
"""A listener that writes each event into a file, to compare with what others get."""

import json
from collections.abc import Sequence
from pathlib import Path

from oslo_config import cfg

from karbor_manila.telemetry.dispatch import Delivery, Listener


class EventFileListener(Listener):
    """One line of JSON an event."""

    options = (cfg.StrOpt("event_file_path", help="The file."),)
    most = 100

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        with Path(self.settings.event_file_path).open("a") as stream:
            stream.writelines(json.dumps(each.event.as_dict()) + "\n" for each in deliveries)
