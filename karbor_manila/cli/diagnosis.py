# SPDX-License-Identifier: Apache-2.0
"""What a doctor's check is, and how all of a catalogue are done: none ends the others."""

import concurrent.futures
import dataclasses
import enum
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from karbor_manila.cli.deadline import within
from karbor_manila.cli.errors import NotKnown
from karbor_manila.common.errors import KarborManilaError

LOG = logging.getLogger(__name__)

T = TypeVar("T")


class Level(enum.Enum):
    """How well it is."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One line.

    :ivar about: what it is about: a provider, a share type, a host; empty for the cloud
    :ivar seen: what was seen, a sentence
    :ivar todo: what to do; empty when all is good
    """

    level: Level
    about: str
    seen: str
    todo: str = ""


def good(about: str, seen: str) -> Finding:
    """As it should be."""
    return Finding(Level.GOOD, about, seen)


def doubtful(about: str, seen: str, todo: str) -> Finding:
    """It works, or may work, and somebody should look."""
    return Finding(Level.DOUBTFUL, about, seen, todo)


def bad(about: str, seen: str, todo: str) -> Finding:
    """Something fails because of this, or will."""
    return Finding(Level.BAD, about, seen, todo)


@dataclass(frozen=True)
class Check:
    """One thing that a doctor looks at.

    :ivar name: of the line, and of the option --check; it stays
    :ivar looks: what is looked at, for the documents
    :ivar wrong: what is bad, and what doubtful, for the documents
    :ivar todo: what to do when the check itself fails
    :ivar look: gives the findings about what it is called with; may raise anything, and hang
    """

    name: str
    looks: str
    wrong: str
    todo: str
    look: Callable[[Any], Iterable[Finding]]


class Asked:
    """What several checks need to know, asked for once.

    What was asked for and failed is the finding of the check that asked first, and for the others
    nothing that is known. They do not wait for what the first one has been given up for.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Any] = {}
        self._failed: dict[str, str] = {}

    def __call__(self, name: str, ask: Callable[[], T]) -> T:
        """What ``ask`` gave under this name; raises what it raises.

        :param name: for people, as what is not known
        :raises NotKnown: it was asked for before, in vain
        """
        with self._lock:
            if name in self._known:
                known: T = self._known[name]
                return known
            if name in self._failed:
                raise NotKnown(f"{name}: {self._failed[name]}")
            self._failed[name] = "there was no answer when another check asked"
        try:
            value = ask()
        except NotKnown as error:
            self._failed[name] = error.why
            raise
        except Exception as error:
            self._failed[name] = _sentence(error)
            raise
        with self._lock:
            self._known[name] = value
        return value


#: Calls something, and waits no longer than so many seconds for its end.
Wait = Callable[[float, Callable[[], None]], None]


def diagnose(
    checks: Iterable[Check], patient: Any, seconds: float, wait: Wait = within
) -> Iterator[tuple[Check, Finding]]:
    """The findings of all checks, one check after the other.

    :param patient: what each is called with
    :param seconds: how long one may take
    :param wait: raises concurrent.futures.TimeoutError when that is over, as :func:`within`
    """
    for check in checks:
        for finding in _of_one(check, patient, seconds, wait):
            yield check, dataclasses.replace(finding, seen=_shown(finding.seen))


def _of_one(check: Check, patient: Any, seconds: float, wait: Wait) -> list[Finding]:
    found: list[Finding] = []

    def look() -> None:
        for finding in check.look(patient):
            found.append(finding)

    try:
        wait(seconds, look)
    except NotKnown as error:
        return [*found, doubtful("", str(error), "Mend what is bad, and look again.")]
    except concurrent.futures.TimeoutError:
        said = f"There was no answer within {seconds:g} s"
        return [*found, bad("", said, f"{check.todo} --timeout gives it more time.")]
    except Exception as error:  # noqa: BLE001 - a check that fails must not end the others
        LOG.debug("Check %s", check.name, exc_info=True)
        return [*found, bad("", _sentence(error), check.todo)]
    return found or [good("", "There is nothing to look at")]


def _sentence(error: Exception) -> str:
    # Of strangers: their kind says what a bare key or number would not.
    said, kind = str(error), type(error).__name__
    return said if isinstance(error, KarborManilaError) else f"{kind}: {said}" if said else kind


def _shown(text: str) -> str:
    """What was seen, in one line and without what looks like a secret: strangers have said it."""
    from karbor_manila.common.http import without_secrets  # noqa: PLC0415 - loads keystoneauth1

    return " ".join(without_secrets(text).split())
