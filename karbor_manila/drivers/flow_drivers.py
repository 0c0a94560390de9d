# SPDX-License-Identifier: Apache-2.0
"""The drivers of one flow, each made once and closed with it."""

import threading
from collections.abc import Callable
from typing import Any

from karbor_manila.drivers.base import Driver, Environment
from karbor_manila.drivers.catalogue import Catalogue


class FlowDrivers:
    """The drivers of one flow, each made when it is first asked for.

    :param environment: makes a driver's environment from the values of its own options
    """

    def __init__(self, catalogue: Catalogue, environment: Callable[[Any], Environment]) -> None:
        self.catalogue = catalogue
        self._environment = environment
        self._drivers: dict[str, Driver] = {}
        self._lock = threading.Lock()

    def driver(self, name: str) -> Driver:
        """The flow's driver of this name; raises as :meth:`Catalogue.make`."""
        with self._lock:
            if name not in self._drivers:
                self._drivers[name] = self.catalogue.make(name, self._environment)
            return self._drivers[name]

    def close(self) -> None:
        """Close all that were made."""
        with self._lock:
            made, self._drivers = list(self._drivers.values()), {}
        for driver in made:
            driver.close()
