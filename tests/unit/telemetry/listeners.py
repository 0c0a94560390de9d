# SPDX-License-Identifier: Apache-2.0
"""Events and listeners for tests."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.telemetry import events
from karbor_manila.telemetry.dispatch import Delivery, Listener
from karbor_manila.telemetry.events import Event, ShareEvent


def event(**fields: Any) -> Event:
    """One of a share, whatever is not given being something."""
    usual: dict[str, Any] = {
        "operation": "protect",
        "phase": "end",
        "provider_id": "provider",
        "checkpoint_id": "checkpoint",
        "project_id": "project",
        "share_id": "share",
    }
    return ShareEvent(**usual | fields)


def settings(**values: Any) -> cfg.ConfigOpts:
    """karbor.conf, with these options of ours."""
    conf = cfg.ConfigOpts()
    conf(args=[])
    opts.register_service_opts(conf)
    for name, value in values.items():
        conf.set_override(name, value, opts.GROUP)
    return conf


class Keeping(Listener):
    """Keeps what it gets."""

    made = 0

    def __init__(self, *, name: str = "keeping", settings: Any = None) -> None:
        super().__init__(name=name, settings=settings)
        type(self).made += 1
        self.steps: list[str] = []
        self.events: list[Event] = []
        self.contexts: list[Any] = []

    def start(self) -> None:
        self.steps.append("start")

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        self.steps.append("deliver")
        self.events += [each.event for each in deliveries]
        self.contexts += [each.context for each in deliveries]

    def stop(self) -> None:
        self.steps.append("stop")


@contextlib.contextmanager
def heard() -> Iterator[list[Any]]:
    """The events that are told meanwhile."""
    got: list[Event] = []
    events.listen(lambda told, _context: got.append(told))
    try:
        yield got
    finally:
        events.listen(None)


def types(told: Iterable[Event]) -> list[str]:
    """Their types, without what is the same in all."""
    return [each.type.partition(".")[2] for each in told]
