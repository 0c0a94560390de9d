# SPDX-License-Identifier: Apache-2.0
"""A command sets up logging for its whole process; the tests share theirs."""

import logging
from collections.abc import Iterator

import pytest

from karbor_manila.cli import app


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """All loggers that :meth:`karbor_manila.cli.app.KarborManila.configure_logging` changes."""
    loggers = [logging.getLogger(name) for name in (None, "keystoneauth", app._NOISY_BANK)]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
