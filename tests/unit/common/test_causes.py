# SPDX-License-Identifier: Apache-2.0
"""Whoever looks for the cause of an error comes to an end."""

import pytest

from karbor_manila.bank import access
from karbor_manila.common import causes
from karbor_manila.service import bank_refusals, refusals


@pytest.fixture
def endless() -> Exception:
    """An error that caused the one that caused it."""
    error, cause = RuntimeError("the first"), RuntimeError("the second")
    error.__cause__, cause.__cause__ = cause, error
    return error


def test_causes_come_with_the_outermost_first() -> None:
    error, cause, context = RuntimeError(), KeyError(), OSError()
    error.__cause__, cause.__context__ = cause, context
    assert list(causes.chain(error)) == [error, cause, context]


def test_an_error_that_is_its_own_cause_comes_once(endless: Exception) -> None:
    assert list(causes.chain(endless)) == [endless, endless.__cause__]


def test_nobody_looks_for_a_cause_without_end(endless: Exception) -> None:
    assert access.was_refused(endless) is False
    assert refusals.origin(endless) is None
    assert bank_refusals.why(endless)
