# SPDX-License-Identifier: Apache-2.0
"""What is asked of Manila and of the share drivers to tell whether those work."""

import concurrent.futures
import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from karbor_manila.cli.deadline import within
from karbor_manila.common.errors import KarborManilaError

if TYPE_CHECKING:
    from oslo_config import cfg

    from karbor_manila.manila.client import Manila

LOG = logging.getLogger(__name__)

T = TypeVar("T")

_PARALLEL = 10


class Probe:
    """What is asked of Manila and of the drivers, each no longer than so many seconds.

    :param timeout: seconds
    :param connect: gives Manila as Karbor's own user reaches it; by default it is connected to
    """

    def __init__(self, timeout: float, connect: "Callable[[], Manila] | None" = None) -> None:
        self._timeout = timeout
        self._connect = connect or self._as_karbor
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
        if self._connected is None:
            self._connected = self._within(self._connect, "Manila")
        return self._connected

    def _as_karbor(self) -> "Manila":
        from karbor_manila.manila.client import EVERY_PROJECT  # noqa: PLC0415
        from karbor_manila.service import sessions  # noqa: PLC0415

        return sessions.connect_as_karbor(EVERY_PROJECT, timeout=self._timeout, parallel=_PARALLEL)

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
