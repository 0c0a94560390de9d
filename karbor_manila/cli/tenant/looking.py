# SPDX-License-Identifier: Apache-2.0
"""Looks at Karbor from time to time, and keeps what the last look has brought for all who ask.

What was seen stays when the next look fails: it gets old, and says how old it is.
"""

import datetime
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from karbor_manila.cli.views.face import Face
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import KarborManilaError

LOG = logging.getLogger(__name__)

GOOD, PARTIAL, FAILED = "good", "partial", "failed"
RESULTS = (GOOD, PARTIAL, FAILED)


@dataclass(frozen=True)
class Looked:
    """What is known.

    :ivar face: the views of the last look that brought any; None before the first
    :ivar audited_at: when the audit was written that is in them, UTC; None without one
    :ivar result: of the last look; empty before the first
    :ivar seconds: how long that took
    :ivar counts: how many looks ended how
    """

    face: Face | None = None
    audited_at: datetime.datetime | None = None
    result: str = ""
    seconds: float | None = None
    counts: Mapping[str, int] = field(default_factory=Counter)

    @property
    def is_good(self) -> bool:
        """Whether the last look brought all that there is."""
        return self.result == GOOD


@dataclass(frozen=True)
class Seen:
    """What one look brings.

    :ivar audited_at: as above
    :ivar missing: what it could not bring, a sentence each
    """

    face: Face
    audited_at: datetime.datetime | None = None
    missing: tuple[str, ...] = ()


class Looking:
    """Keeps what is known. One thread looks, any number read :attr:`known`."""

    def __init__(self, look: Callable[[], Seen], clock: Clock) -> None:
        self._look = look
        self._clock = clock
        #: What the last look has brought, as a whole: it is replaced, and never changed.
        self.known = Looked()

    def look(self) -> Exception | None:
        """Look once; what goes wrong is logged.

        :returns: why it failed, if it did
        """
        began = self._clock.now()
        failure: Exception | None = None
        known, result = self.known, FAILED
        try:
            seen = self._look()
        except KarborManilaError as error:
            LOG.error("%s", error)
            failure = error
        except Exception as error:  # a service goes on, and the next look may be a good one
            LOG.exception("A look at Karbor failed")
            failure = error
        else:
            for sentence in seen.missing:
                LOG.warning("%s", sentence)
            known = replace(known, face=seen.face, audited_at=seen.audited_at)
            result = PARTIAL if seen.missing else GOOD
        self.known = replace(
            known,
            result=result,
            seconds=max(0.0, self._clock.now() - began),
            counts=Counter(known.counts) + Counter([result]),
        )
        return failure

    def run(self, interval: float, stopped: Callable[[float], bool]) -> None:
        """Look for ever.

        :param interval: seconds from the end of one look to the beginning of the next
        :param stopped: waits so many seconds, and tells whether it is over
        """
        while True:
            self.look()
            if stopped(interval):
                return
