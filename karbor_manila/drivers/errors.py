# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a driver itself, or with what the configuration says of it."""

from dataclasses import dataclass

from karbor_manila.common.errors import KarborManilaError


@dataclass(eq=False)
class DriverUnknown(KarborManilaError):
    """A driver that is configured or recorded but not installed. ``known`` are those that are.

    ``option`` is where it is configured (``share_type_drivers = gold:nosuch``), if it is.
    """

    name: str
    known: list[str]
    option: str = ""

    def _sentence(self) -> str:
        where = f"{self.option}: share" if self.option else "Share"
        return (
            f"{where} driver {self.name!r} is not installed (there are: "
            f"{', '.join(self.known) or 'none'}). Check share_type_drivers and default_driver in "
            f"the provider's file."
        )


@dataclass(eq=False)
class DriverUnsuitable(KarborManilaError):
    """An installed class that does not keep the contract of a driver."""

    name: str
    why: str
    option: str = ""

    def _sentence(self) -> str:
        where = f"{self.option}: share" if self.option else "Share"
        return (
            f"{where} driver {self.name!r} cannot be used: {self.why}. Install a release of it "
            f"that fits, or choose another driver in the provider's file."
        )
