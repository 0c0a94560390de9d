# SPDX-License-Identifier: Apache-2.0
"""Which drivers are tried for which share type, in what order: what the provider's file says.

A driver, or several with ``|`` between them, the preferred one first: ``group|snapshot``. A comma
and a colon are the separators of ``share_type_drivers`` itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from karbor_manila.drivers.errors import DriverOrderInvalid

_SEPARATOR = "|"

#: Names of drivers, the preferred one first; never empty.
Order = tuple[str, ...]


@dataclass(frozen=True)
class Orders:
    """What ``default_driver`` and ``share_type_drivers`` say.

    :ivar by_type: by the name or the id of a share type, as it is written there
    :ivar default: of every other type
    """

    by_type: Mapping[str, Order]
    default: Order

    @classmethod
    def of(cls, by_type: Mapping[str, str], default: str) -> "Orders":
        """:param by_type, default: the values of the two options

        :raises DriverOrderInvalid: one has an empty part, or names a driver twice
        """
        return cls(
            {key: _parse(_of_type(key, text), text) for key, text in by_type.items()},
            _parse(_of_default(default), default),
        )

    def of_share(self, share: Mapping[str, Any]) -> Order:
        """The drivers to try for a share (a view): by the id of its type, by its name, or those of
        every other type. An id is of one type for ever, a name may be given to another one."""
        for named in (share.get("share_type"), share.get("share_type_name")):
            if named and named in self.by_type:
                return self.by_type[named]
        return self.default

    def every(self) -> list[str]:
        """All drivers that are named, those for every other type first."""
        return list(dict.fromkeys(name for _option, name in self.named()))

    def named(self) -> Iterator[tuple[str, str]]:
        """All drivers that are named, each after what names it in the provider's file, such as
        ``default_driver = group|snapshot``."""
        for name in self.default:
            yield _of_default(text(self.default)), name
        for key, order in self.by_type.items():
            for name in order:
                yield _of_type(key, text(order)), name


def text(order: Order) -> str:
    """An order as the options have it."""
    return _SEPARATOR.join(order)


def _parse(option: str, value: str) -> Order:
    names = tuple(part.strip() for part in value.split(_SEPARATOR))
    if not all(names):
        raise DriverOrderInvalid(option, "the name of a driver is missing")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DriverOrderInvalid(option, f"it names {', '.join(map(repr, twice))} more than once")
    return names


def _of_default(value: str) -> str:
    return f"default_driver = {value}"


def _of_type(key: str, value: str) -> str:
    return f"share_type_drivers = {key}:{value}"
