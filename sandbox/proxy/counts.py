# SPDX-License-Identifier: Apache-2.0
"""Counts requests by what they are about. Standard library only."""

import re
from collections import Counter

_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
# A UUID with or without dashes, or a plain number, as one whole segment of a path; or a UUID that
# ends one, as in the key of a mark.
_ID = re.compile(
    rf"(?:(?<=/)(?:{_UUID}|[0-9a-f]{{32}}|\d+)|(?<=-){_UUID})(?=/|$)",
    re.IGNORECASE,
)


def template(path: str) -> str:
    """Return a path with its ids replaced: ``/v2/shares/{id}``; a query must be off already."""
    return _ID.sub("{id}", path)


class Counts:
    """Requests per method and route template, as ``GET /v2/shares/{id}``, and their order."""

    def __init__(self) -> None:
        self._order: list[str] = []

    def add(self, method: str, path: str) -> None:
        """Count one request that has arrived, whatever becomes of it."""
        self._order.append(f"{method} {template(path)}")

    def as_dict(self) -> dict[str, int]:
        """Return all counts so far."""
        return dict(sorted(Counter(self._order).items()))

    def in_order(self) -> list[str]:
        """Return every request so far, the oldest first."""
        return list(self._order)

    def clear(self) -> None:
        """Start again from nothing."""
        self._order.clear()
