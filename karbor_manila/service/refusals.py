# SPDX-License-Identifier: Apache-2.0
"""Requests over Karbor's RPC that come to nothing: refused with an HTTP 400 that says why.

What crosses the RPC must be an exception of Karbor's: of any other its API knows no more than a
name, and makes a 500 without a word of it (karbor/rpc.py, ALLOWED_EXMODS).
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import oslo_messaging as messaging
from karbor import exception as karbor_exception

from karbor_manila.common import causes
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.database.retries import ERRORS

P = ParamSpec("P")
R = TypeVar("R")

#: Makes Karbor's exception of a sentence.
Refusal = Callable[[str], karbor_exception.KarborException]


def invalid_input(sentence: str) -> karbor_exception.KarborException:
    """Karbor's exception for a request that cannot be done (HTTP 400)."""
    return karbor_exception.InvalidInput(reason=sentence)


def answering(
    *expected: type[Exception], refusal: Refusal = invalid_input
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A method of the manager that is called over RPC.

    :param expected: exceptions of Karbor's that say how a request ended, beside InvalidInput
    :param refusal: makes of an error of ours, or of the database, what Karbor's API expects
    """

    def outer(method: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(method)
        def inner(*args: P.args, **kwargs: P.kwargs) -> R:
            with explained(refusal):
                return method(*args, **kwargs)

        wanted = (*expected, karbor_exception.InvalidInput)
        wrapped: Callable[P, R] = messaging.expected_exceptions(*wanted)(inner)
        return wrapped

    return outer


@contextlib.contextmanager
def explained(refusal: Refusal = invalid_input) -> Iterator[None]:
    """What we raise, and what a database raises, becomes a refusal with the sentence."""
    try:
        yield
    except (KarborManilaError, *ERRORS) as error:
        raise refusal(str(of_ours(error))) from error


def of_ours(error: Exception) -> Exception:
    """The error itself; of a database's error, which may hold a statement with its values, the one
    that a user may read."""
    if isinstance(error, ERRORS):
        return DatabaseUnreadable("what this needs", type(error).__name__)
    return error


def origin(refusal: BaseException) -> BaseException | None:
    """The error of ours for which something was refused: Karbor's manager raises its own in its
    place, and names none."""
    return next(
        (link for link in causes.chain(refusal) if isinstance(link, KarborManilaError)), None
    )


def sentence(error: BaseException) -> str:
    """What a user may read of an error that may be anybody's."""
    if isinstance(error, karbor_exception.KarborException):
        return str(error.msg)
    if isinstance(error, KarborManilaError):
        return str(error)
    return f"An unexpected error ({type(error).__name__}); Karbor's log has it."
