# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a driver itself."""

from karbor_manila.common.errors import KarborManilaError


class DriverUnknown(KarborManilaError):
    """A driver that is configured or recorded but not installed."""

    def __init__(self, name: str, known: list[str]) -> None:
        self.name = name
        self.known = known
        super().__init__(
            f"Share driver {name!r} is not installed (there are: {', '.join(known) or 'none'}). "
            f"Check share_type_drivers and default_driver in the provider's file."
        )
