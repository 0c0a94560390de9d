# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila drivers``: which drivers are installed, and whether those in use work."""

import argparse
import concurrent.futures
import json
import logging
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from karbor_manila.cli.columns import Facts, Names
from karbor_manila.cli.deadline import within
from karbor_manila.cli.operator.commands import HostCommand
from karbor_manila.common.errors import KarborManilaError

if TYPE_CHECKING:
    from oslo_config import cfg

    from karbor_manila.manila.client import Manila

LOG = logging.getLogger(__name__)

T = TypeVar("T")

_TIMEOUT = 10.0  # seconds

_EVERY_OTHER = "every other"

_PARALLEL = 10


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
            type=_seconds,
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
        probe = _Probe(parsed_args.timeout)
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

    def _rows(self, provider: Any, probe: "_Probe") -> Iterator[tuple[Any, ...]]:
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


class _Probe:
    """What is asked of Manila and of the drivers, each no longer than so many seconds.

    :param timeout: seconds
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._connected: Manila | str | None = None
        self._types: dict[str, str] | None = None

    def health(
        self, conf: "cfg.ConfigOpts", name: str, option: str, *, configured: bool
    ) -> dict[str, Any]:
        """``alive`` (None if it was not asked), ``latency`` in seconds, ``capabilities``, and what
        the driver says of itself or the ``error``.

        :param conf: the ConfigOpts of the provider's file
        :param option: what names the driver there
        """
        from karbor_manila.drivers import catalogue  # noqa: PLC0415

        found: dict[str, Any] = {"alive": False, "latency": None, "capabilities": []}
        try:
            driver = catalogue.usable(conf, name, option)
        except (KarborManilaError, ValueError) as error:
            return found | {"error": str(error)}
        found["capabilities"] = sorted(driver.capabilities)
        if catalogue.is_for_tests(name) and not configured:
            return found | {"alive": None, "note": "for tests alone"}
        manila = self._manila()
        if isinstance(manila, str):
            return found | {"error": manila}
        options = catalogue.register_options(conf, driver)
        state = self._within(lambda: _health(driver, manila, options, self._timeout), f"{name!r}")
        if isinstance(state, str):
            return found | {"error": state}
        return found | state

    def types(self) -> dict[str, str] | None:
        """The names of Manila's share types by their ids; None when they are not known."""
        from karbor_manila.service import driver_options  # noqa: PLC0415

        manila = self._manila()
        if isinstance(manila, str):
            return None
        if self._types is None:
            known = self._within(lambda: driver_options.known_types(manila), "Manila")
            if isinstance(known, str):
                LOG.error("The share types are not known: %s", known)
                return None
            self._types = known
        return self._types

    def _manila(self) -> "Manila | str":
        """Manila as Karbor's own user reaches it, or why he does not; asked once."""
        from karbor_manila.manila.client import EVERY_PROJECT  # noqa: PLC0415
        from karbor_manila.service import sessions  # noqa: PLC0415

        if self._connected is None:
            self._connected = self._within(
                lambda: sessions.connect_as_karbor(
                    EVERY_PROJECT, timeout=self._timeout, parallel=_PARALLEL
                ),
                "Manila",
            )
        return self._connected

    def _within(self, call: Callable[[], T], who: str) -> T | str:
        """What a call gives, or the sentence that says why it gives nothing."""
        try:
            return within(self._timeout, call)
        except concurrent.futures.TimeoutError:
            return f"{who} did not answer within {self._timeout:g} s"
        except Exception as error:  # noqa: BLE001 - another package's driver raises what it likes
            LOG.debug("%s", who, exc_info=True)
            return str(error) or type(error).__name__


def _health(driver: Any, manila: "Manila", options: Any, timeout: float) -> dict[str, Any]:
    """What a driver of this class says of its health, as JSON can have it."""
    from karbor_manila.drivers.base import Environment, Timeouts  # noqa: PLC0415
    from karbor_manila.manila.flow_client import FlowClient  # noqa: PLC0415
    from karbor_manila.manila.shares import Shares  # noqa: PLC0415

    client = FlowClient(manila, Timeouts(request=timeout, outage=0.0))
    made = driver(Environment(client, Shares(client), options))
    try:
        state: dict[str, Any] = json.loads(json.dumps(dict(made.health()), default=str))
        state.pop("driver", None)
        return state | {"alive": bool(state["alive"]), "latency": round(float(state["latency"]), 3)}
    finally:
        made.close()


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return seconds
