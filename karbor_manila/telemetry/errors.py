# SPDX-License-Identifier: Apache-2.0
"""What listeners raise: it is counted and logged, and nobody's operation fails by it."""

from dataclasses import KW_ONLY, dataclass

from karbor_manila.common.errors import KarborManilaError, RefusedError, TransientError


@dataclass(eq=False)
class NotSent(KarborManilaError):
    """An event did not reach those who are to get it."""

    event_type: str
    why: str

    def _sentence(self) -> str:
        return f"The event {self.event_type} could not be sent: {self.why.rstrip('.')}."


@dataclass(eq=False)
class ZaqarTransient(TransientError):
    """Zaqar, or Keystone before it, did not answer, or not well; later it may.

    ``retry_after`` is in seconds, ``status`` that of HTTP, 0 when there was none.
    """

    asked: str
    cause: str
    retry_after: float = 0.0
    _: KW_ONLY
    status: int = 0

    def gave_up(self, seconds: float) -> KarborManilaError:
        """The error after retries for so many seconds."""
        return ZaqarUnavailable(self.asked, self.cause, seconds)

    def _sentence(self) -> str:
        return f"Zaqar could not be asked to {self.asked}: {self.cause.rstrip('.')}."


@dataclass(eq=False)
class ZaqarUnavailable(KarborManilaError):
    """Zaqar did not answer well in all the time that the options allow for it, in seconds."""

    asked: str
    cause: str
    seconds: float

    def _sentence(self) -> str:
        return (
            f"Zaqar could not be asked to {self.asked} for {self.seconds:.0f} seconds: "
            f"{self.cause.rstrip('.')}. These events are lost to its readers; the work that they "
            f"tell of is not touched by that. Look whether Zaqar and its message store run."
        )


@dataclass(eq=False)
class ZaqarRefused(RefusedError):
    """Zaqar or Keystone said no. ``status`` is that of HTTP, 0 when there was none."""

    asked: str
    answer: str
    status: int = 0

    def _sentence(self) -> str:
        said = f"HTTP {self.status}, {self.answer}" if self.status else self.answer
        return (
            f"Zaqar did not {self.asked}: {said.rstrip('.')}. These events are lost to its "
            f"readers. Check the options zaqar_* of karbor.conf, Zaqar's entry in Keystone's "
            f"catalog, and what its policy allows the user."
        )


@dataclass(eq=False)
class QueueNameUnusable(KarborManilaError):
    """What the option zaqar_queue comes to for a project is no name of a queue."""

    queue: str

    def _sentence(self) -> str:
        return (
            f"zaqar_queue comes to {self.queue!r}, and a queue of Zaqar has a name of at most 64 "
            f"letters, digits, underscores and dashes. The events of that project are not posted; "
            f"choose a name without {{project_id}}."
        )
