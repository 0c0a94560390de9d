# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila drivers``: which drivers are installed, and whether those in use work."""

import argparse
import logging
from collections.abc import Iterator
from typing import Any

from karbor_manila.cli import numbers
from karbor_manila.cli.columns import Facts, Names
from karbor_manila.cli.operator.commands import HostCommand
from karbor_manila.cli.operator.driver_probe import Probe

LOG = logging.getLogger(__name__)

_TIMEOUT = 10.0  # seconds

_EVERY_OTHER = "every other"


class Drivers(HostCommand):
    """List the share drivers of each provider: whether they work, and which shares they protect.

    Nothing is changed. Exit code 3: a driver that is configured does not work, or a share type
    that is configured is not in Manila, or nobody knows whether it is. Exit code 1 and a list: the
    list lacks a provider whose options cannot be read.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """As above, and how long to wait."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--timeout",
            type=numbers.fraction(above=True),
            default=_TIMEOUT,
            metavar="SECONDS",
            help="Wait so long for Manila, and for each driver (by default %(default)g).",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each driver of each provider."""
        from karbor_manila.cli.operator.host import Host  # noqa: PLC0415

        host = Host(parsed_args.config_file)
        providers = host.ours()
        probe = Probe(parsed_args.timeout)
        rows = [row for provider in providers for row in self._rows(provider, probe)]
        return (
            (
                "Provider",
                "Name",
                "Driver",
                "Configured",
                "Alive",
                "Latency",
                "Capabilities",
                "Share Types",
                "Unknown Types",
                "Health",
                "Orders",
                "Type Names",
            ),
            rows,
        )

    def _rows(self, provider: Any, probe: "Probe") -> Iterator[tuple[Any, ...]]:
        from karbor_manila.drivers import catalogue  # noqa: PLC0415
        from karbor_manila.drivers.errors import DriverOrderInvalid  # noqa: PLC0415
        from karbor_manila.drivers.order import Orders  # noqa: PLC0415
        from karbor_manila.service import driver_options  # noqa: PLC0415

        conf, settings = driver_options.of_provider(provider)
        try:
            orders = Orders.of(settings.share_type_drivers, settings.default_driver)
        except (DriverOrderInvalid, ValueError) as error:  # no orders, or no list of pairs
            LOG.error("Provider %s (%s): %s", provider.name, provider.id, error)
            self.failed = True
            return
        options = {name: option for option, name in orders.named()}
        named = {**orders.by_type, _EVERY_OTHER: orders.default}
        known = probe.types() if orders.by_type else {}
        for name in sorted({*catalogue.names(), *options}):
            configured = name in options
            served = {key: list(order) for key, order in named.items() if name in order}
            types = [key for key in served if key != _EVERY_OTHER]
            unknown = _unknown(types, known)
            health = probe.health(conf, name, options.get(name, ""), configured=configured)
            self.left |= unknown != [] or (configured and not health["alive"])
            yield (
                provider.id,
                provider.name,
                name,
                configured,
                health.pop("alive"),
                health.pop("latency"),
                Names(health.pop("capabilities")),
                Names(list(served)),
                Names(unknown or []),
                Facts(health),
                Facts(served),
                Facts({key: known[key] for key in types if known and key in known}),
            )


def _unknown(share_types: list[str], known: dict[str, str] | None) -> list[str] | None:
    """Which of these, ids or names, are no share types; None when that is not known."""
    if known is None and share_types:
        return None
    there = {*(known or {}), *(known or {}).values()}
    return [each for each in share_types if each not in there]
