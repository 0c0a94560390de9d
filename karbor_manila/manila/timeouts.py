# SPDX-License-Identifier: Apache-2.0
"""How long the work of one flow at Manila may take."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Timeouts:
    """Seconds, each; the provider's options say them (opts.py, PROVIDER_OPTS).

    ``request`` is for one answer, ``outage`` for the retries of one request, ``settle`` for an
    in-doubt request. ``protect``, ``restore`` and ``delete`` are for what the user waits for,
    ``undo`` for a roll back. ``poll_min`` and ``poll_max`` bound the interval between two looks.
    """

    request: float = 60.0
    outage: float = 120.0
    protect: float = 3600.0
    restore: float = 86400.0
    delete: float = 3600.0
    undo: float = 120.0
    settle: float = 15.0
    poll_min: float = 0.1
    poll_max: float = 15.0

    @classmethod
    def of(cls, settings: Any) -> "Timeouts":
        """Those of a provider.

        :param settings: its options (opts.PROVIDER_OPTS)
        """
        return cls(
            request=settings.request_timeout,
            outage=settings.outage_timeout,
            protect=settings.protect_timeout,
            restore=settings.restore_timeout,
            delete=settings.delete_timeout,
            undo=settings.undo_timeout,
            settle=settings.request_settle_time,
            poll_min=settings.poll_interval_min,
            poll_max=settings.poll_interval_max,
        )
