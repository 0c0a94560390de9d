# SPDX-License-Identifier: Apache-2.0
"""The one way to a bank: one retry policy, and one judgement of what is absent or unreadable.

Karbor's banks translate some errors of their clients and let the others through: of botocore only
``ClientError`` (an answer of the server), of swiftclient only ``ClientException``; a broken
connection, a timeout or a name that cannot be resolved comes as whatever the client raises
(karbor/services/protection/bank_plugins). So any error out of a bank is one that a retry may end.
"""

import enum
import errno
import itertools
import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from karbor import exception as karbor_exception

from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common import causes
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.retry import retry

T = TypeVar("T")

#: How often a bank is asked, within some seconds.
ATTEMPTS = 5

# No room, no quota, read-only, not permitted.
_REFUSALS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})


class Outcome(enum.Enum):
    """What asking for an object shows. That it cannot be read is none of them: it is raised."""

    VALUE = "value"
    ABSENT = "absent"
    DAMAGED = "damaged"  # it is there, and what is in it is no value


@dataclass(frozen=True)
class Stored:
    """What stands under a key. ``value`` counts with :attr:`Outcome.VALUE` alone."""

    outcome: Outcome
    value: Any = None

    @property
    def is_absent(self) -> bool:
        """Whether there certainly is no such object."""
        return self.outcome is Outcome.ABSENT


def pause(seconds: float) -> None:
    """Let seconds pass between two attempts. Tests put their own in its place."""
    time.sleep(seconds)


def ask(
    attempt: Callable[[], T],
    what: str,
    *,
    sleep: Callable[[float], None] | None = None,
    attempts: int = ATTEMPTS,
) -> T:
    """What a bank gives or takes.

    :param attempt: reads or writes; may be repeated although it has done its work
    :param what: what is asked for, after "the bank failed to"
    :param sleep: how to let seconds pass between two attempts; by default :func:`pause`
    :raises BankUnreadable: the last attempt failed, too. Errors of ours go through at once: they
        say what was read, or a deeper place has asked often enough.
    """
    try:
        return retry(
            attempt,
            attempts=attempts,
            transient=_is_transient,
            first=0.1,
            longest=2.0,
            sleep=sleep or pause,
            level=logging.INFO,  # who asks says what it means
        )
    except KarborManilaError:
        raise
    except Exception as error:  # nothing is swallowed: raised as ours, with its cause
        raise BankUnreadable(what, sentence(error)) from error


def commit(checkpoint: Any, *, sleep: Callable[[float], None] | None = None) -> None:
    """Write a checkpoint's index into its bank.

    :raises BankUnreadable: the bank does not take it
    """
    ask(checkpoint.commit, f"take checkpoint {checkpoint.id}", sleep=sleep)


def remove(bank: Any, key: str, what: str) -> None:
    """Have no such object, whether there was one or not.

    :param what: as of :func:`ask`
    :raises BankUnreadable: it may still be there
    """

    def attempt() -> None:
        try:
            bank.delete_object(key)
        except Exception as error:  # whatever a bank raises; only an absence is swallowed
            # Our banks in object stores know; their lists may lag behind.
            if getattr(error, "may_be_absent", True) is False:
                raise
            if key in bank.list_objects(key.rpartition("/")[0] + "/"):
                raise

    ask(attempt, what)


def lists_lag(of: Any) -> bool:
    """Whether a list of this bank, or of a section of one, may lack what is there: what it does not
    show is asked for by its name then. Asking is silent there; Karbor's own banks write a log with
    a traceback of what is not there.
    """
    plugin = getattr(getattr(of, "bank", of), "_plugin", None)
    return bool(getattr(plugin, "lists_lag", False))


def look(get: Callable[[], Any], is_listed: Callable[[], bool]) -> Stored:
    """One look at an object: its value, absent, or damaged.

    Karbor's banks raise the same error for what is absent and for what cannot be read just now, and
    taking the second for the first would lose a snapshot. The status of the server's answer tells
    them apart, and a list where there is none. The object is asked for first, because the list of
    an object store may lag behind.

    :param get: asks for the object
    :param is_listed: whether a list of the bank names it
    :raises Exception: whatever the bank's client raises, when the object cannot be read; for
        :func:`ask`, around this, to repeat
    """
    before = sys.exception()
    try:
        value = get()
    except Exception as error:
        if _is_damage(error):
            return Stored(Outcome.DAMAGED)
        if not _may_be_absence(error, before) or is_listed():
            raise
        return Stored(Outcome.ABSENT)
    # None is what Karbor's banks give of an object that is there and empty.
    return Stored(Outcome.DAMAGED) if value is None else Stored(Outcome.VALUE, value)


def _is_damage(error: Exception) -> bool:
    """Whether a ``get_object`` failed for what is in the object: it was given, and is no value.

    Any other ValueError says nothing of that: a certificate that is not accepted is one, too.
    """
    if isinstance(error, karbor_exception.KarborException):
        return isinstance(error, ValueError)  # damage.ObjectDamaged
    return isinstance(error, (json.JSONDecodeError, UnicodeDecodeError))


def _may_be_absence(error: Exception, before: BaseException | None) -> bool:
    """Whether a ``get_object`` may have failed because there is no such object.

    Karbor's banks raise one error for that and for any answer of the server, and its checkpoints
    one more of it (karbor/services/protection/checkpoint.py, reload_meta_data); the client's own,
    which caused it, has the status. What a client raises itself, such as a broken connection, says
    nothing of absence.

    :param before: what was being handled already when it was asked for, and is of something else
    """
    missing = (karbor_exception.BankGetObjectFailed, karbor_exception.CheckpointNotFound)
    if not isinstance(error, missing):
        return False
    cause: Any
    for cause in itertools.takewhile(lambda each: each is not before, causes.chain(error)):
        told = getattr(cause, "may_be_absent", None)  # of our banks in object stores
        if told is not None:
            return bool(told)
        answer = getattr(cause, "response", None)  # of botocore
        metadata = answer.get("ResponseMetadata", {}) if isinstance(answer, dict) else {}
        status = metadata.get("HTTPStatusCode") or getattr(cause, "http_status", None)
        if status:
            return bool(status == 404)
    return True


def was_refused(error: BaseException) -> bool:
    """Whether a write certainly did not come about: the operating system took none of it.

    After any other error of a bank, such as a reply that was lost, it is not known: it may even
    come about later.
    """
    return any(
        isinstance(link, OSError) and link.errno in _REFUSALS for link in causes.chain(error)
    )


def sentence(error: Exception) -> str:
    """What a tenant may read of an error of a bank. A client's may hold addresses and headers, so
    only its kind is named; the log has the rest, by the error's cause."""
    if isinstance(error, karbor_exception.KarborException):
        return str(error.msg)
    if type(error).__module__ == "builtins" and isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"an error of its client ({type(error).__name__})"


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, KarborManilaError)
