# SPDX-License-Identifier: Apache-2.0
"""How long a poller waits from one look to the next."""

import random

from karbor_manila.common.errors import TransientError

# A look is due after this share of the time already waited, so that what took a minute is seen to
# be ready within seconds and what takes an hour is not asked for a thousand times.
_GROWTH = 0.15

# The same after a look that ended a wait: where one was ready, others will be soon.
_GROWTH_AFTER_NEWS = 0.05

# A look is due after so many times what looks take, so that Manila works for us and not for them.
_REST = 8.0

# Seconds after the last of many was asked for: not all of them are ready at once.
_SOON = 1.0

# Seconds that a look takes for each thing that is looked at, before looks have shown it: a low
# guess, because what they take counts then.
_PRESUMED = 0.0005

# While the flow's other shares are still being asked for, nothing is ready anyway: look rarely.
_WHILE_ASKING = 5.0


class Pace:
    """The intervals between the looks of one poller, in seconds.

    :param expected: how many things will be looked at together
    :param shortest, longest: bounds of an interval
    """

    def __init__(self, expected: int, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._took = (_PRESUMED * expected,) * 2

    def note(self, seconds: float) -> None:
        """A look has taken so long."""
        self._took = (self._took[1], seconds)

    @property
    def soon(self) -> float:
        """To a look at what may just have become ready."""
        return min(max(self._shortest, min(self._rest, _SOON)), self._longest)

    @property
    def while_asking(self) -> float:
        """To a look at what was just asked for, while others still are."""
        return min(max(self._shortest, _WHILE_ASKING), self._longest)

    def interval(
        self, waited: float, *, asking: bool, news: bool, trouble: TransientError | None
    ) -> float:
        """From a look to the next one.

        :param waited: seconds since the last was asked for
        :param asking: whether others still are
        :param news: whether the look has ended a wait
        :param trouble: why it failed
        """
        interval = max(
            self._shortest,
            _WHILE_ASKING if asking else 0.0,
            waited * (_GROWTH_AFTER_NEWS if news else _GROWTH),
            self._rest,
        ) * random.uniform(0.9, 1.1)  # noqa: S311
        if trouble:
            interval = max(interval, 1.0, trouble.retry_after)
        return min(interval, self._longest)

    @property
    def _rest(self) -> float:
        return min(self._took) * _REST  # a single slow look says little
