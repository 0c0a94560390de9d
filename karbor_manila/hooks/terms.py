# SPDX-License-Identifier: Apache-2.0
"""What a run of hooks stands on: the provider's options, its time, and where its state is kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from karbor_manila.common.clock import Clock
from karbor_manila.hooks import deadline
from karbor_manila.hooks.base import PROTECT, Hook

T = TypeVar("T")

#: Where what is quiet is the living share: it may not stand still for too long. An application that
#: was stopped for a revert must not write before that is over, however long it takes.
FREEZES = frozenset({PROTECT})

#: The name of a hook that has begun and is not through, and what its post gets.
Begun = tuple[str, Mapping[str, Any] | None]


@dataclass(eq=False)
class Entered:
    """A hook whose pre has begun, or that has a post alone.

    :ivar is_running: whether its pre has not ended yet
    :ivar is_through: whether its post has done what it is for
    """

    hook: Hook
    data: Mapping[str, Any] | None = None
    pre_error: str = ""
    is_running: bool = False
    is_through: bool = False


class Keeper(Protocol):
    """Where what has begun and is not through is kept, so that it outlives the process."""

    def keep(self, begun: Callable[[], Sequence[Begun]]) -> None:
        """Have these, in the place of those before; nothing is kept when there are none.

        :param begun: asked when it is written, and not by two at the same time
        :raises ClaimLost: this process may not act any more
        :raises KarborManilaError: the bank does not take it
        """

    def confirm(self) -> None:
        """Raises ClaimLost when this process may not act any more, by the word of the database."""

    def release(self, begun: Sequence[Begun]) -> None:
        """Have these so that the reconciliation may call their posts at once, although this process
        goes on with other work; logs what fails: they are called when that has ended, too."""

    def hand_over(self, begun: Sequence[Begun]) -> None:
        """As :meth:`keep`, by one who has lost his claim, for whoever has taken over; logs what
        fails."""


@dataclass(frozen=True)
class Terms:
    """How the hooks of a provider are run. Times are in seconds."""

    pre: bool
    post: bool
    suppress_pre: bool
    suppress_post: bool
    timeout: float
    freeze_timeout: float

    @classmethod
    def of(cls, settings: Any) -> "Terms":
        """As its options say (:mod:`.options`)."""
        return cls(
            pre=settings.enable_pre_hooks,
            post=settings.enable_post_hooks,
            suppress_pre=settings.suppress_pre_hooks_errors,
            suppress_post=settings.suppress_post_hooks_errors,
            timeout=settings.hook_timeout,
            freeze_timeout=settings.hook_freeze_timeout,
        )


@dataclass(frozen=True)
class Time:
    """How time passes, and how something is done beside; tests have their own."""

    clock: Clock
    spawn: deadline.Spawn = deadline.spawn
    after: deadline.After = deadline.after

    def call(
        self, work: Callable[[], T], timeout: float, late: deadline.Late[T] | None = None
    ) -> T:
        """Call something of a hook, within its time (:func:`.deadline.call`)."""
        return deadline.call(work, timeout, clock=self.clock, spawn=self.spawn, late=late)
