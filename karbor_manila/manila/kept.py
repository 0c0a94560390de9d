# SPDX-License-Identifier: Apache-2.0
"""What keeps a share in Manila: a plain value, as a driver gives it and a record stores it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from karbor_manila.manila.marks import Mark


@dataclass(frozen=True)
class Kept:
    """What keeps a share.

    ``driver`` is the name of the driver that made it and ``id`` its id there (of the ``snapshot``
    driver: the snapshot's). ``share_id`` is the share in Manila that it belongs to; in a copied
    checkpoint that is the clone. ``data`` is the driver's own, of JSON's types: a record stores it
    whole, and the driver gets it back.

    What cannot be known from the id alone is left out: ``size`` in GiB (None),
    ``status`` in Manila's words (empty), ``created_at`` as Manila writes it, UTC (None), and the
    ``mark`` that it bears (None), by which short lists find it.
    """

    driver: str
    id: str
    share_id: str
    size: int | None = None
    status: str = ""
    created_at: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    mark: Mark | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[str, str]:
        """Which share in which thing this is: one may keep several shares."""
        return self.id, self.share_id
