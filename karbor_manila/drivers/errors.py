# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a driver itself, or with what the configuration says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila.errors import ShareNotProtectable


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


@dataclass(eq=False)
class DriverOrderInvalid(KarborManilaError):
    """An option that names drivers in an order of preference, and cannot be read as one.

    ``option`` is what stands there (``default_driver = group||snapshot``).
    """

    option: str
    why: str

    def _sentence(self) -> str:
        return (
            f"{self.option}: {self.why}. It takes one driver, or several with | between them, the "
            f"preferred one first, such as group|snapshot."
        )


@dataclass(eq=False)
class NoDriverCan(ShareNotProtectable):
    """A share that none of the drivers for its type can protect, each for another reason.

    ``objections`` are phrases without a full stop, by the names of the drivers, the preferred one
    first.
    """

    why: str = field(init=False)
    advice: str = field(
        init=False, default="Mend what one of them objects to, or take the share out of the plan."
    )
    objections: Mapping[str, str]

    def __post_init__(self) -> None:
        said = "; ".join(f"{name!r}: {why}" for name, why in self.objections.items())
        self.why = f"none of the drivers for its share type can keep it ({said})"
