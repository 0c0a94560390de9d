# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a driver itself."""

from dataclasses import dataclass

from karbor_manila.common.errors import KarborManilaError


@dataclass(eq=False)
class DriverUnknown(KarborManilaError):
    """A driver that is configured or recorded but not installed. ``known`` are those that are."""

    name: str
    known: list[str]

    def _sentence(self) -> str:
        return (
            f"Share driver {self.name!r} is not installed (there are: "
            f"{', '.join(self.known) or 'none'}). Check share_type_drivers and default_driver in "
            f"the provider's file."
        )
