# SPDX-License-Identifier: Apache-2.0
"""Which driver for which share: the control plane over the drivers of one flow."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import stevedore

from karbor_manila.drivers import base
from karbor_manila.drivers.errors import DriverUnknown

#: Entry points of installed drivers; each is called with ``(manila, patience, expected)``.
NAMESPACE = "karbor_manila.drivers"

Factory = Callable[..., base.ShareDriver]


class Catalogue:
    """The drivers of one flow, each made when it is first asked for.

    :param make: makes the driver of a class
    :param by_type: share type name to driver name
    :param default: the driver for every other type
    """

    def __init__(
        self, make: Callable[[Factory], base.ShareDriver], by_type: Mapping[str, str], default: str
    ) -> None:
        self._make = make
        self._by_type = dict(by_type)
        self._default = default
        self._drivers: dict[str, base.ShareDriver] = {}
        self._lock = threading.Lock()

    def name_for(self, share: Mapping[str, Any]) -> str:
        """The name of the driver that protects this share (a view), by the name of its type."""
        return self._by_type.get(str(share.get("share_type_name")), self._default)

    def driver(self, name: str) -> base.ShareDriver:
        """The flow's driver of this name. Raises DriverUnknown when none is installed."""
        with self._lock:
            if name not in self._drivers:
                self._drivers[name] = self._make(_load(name))
            return self._drivers[name]

    def in_use(self) -> list[base.ShareDriver]:
        """The drivers that were asked for so far."""
        with self._lock:
            return list(self._drivers.values())


def _load(name: str) -> Factory:
    installed: Any = stevedore.ExtensionManager(NAMESPACE, invoke_on_load=False)
    if name not in installed:
        raise DriverUnknown(name, sorted(installed.names()))
    factory: Factory = installed[name].plugin
    return factory
