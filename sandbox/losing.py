# SPDX-License-Identifier: Apache-2.0
"""Karbor's database is gone, and Karbor makes itself a new one with the same providers."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sandbox.karbor import config
from sandbox.stack import Stack


@contextlib.contextmanager
def database_lost(stack: Stack) -> Iterator[None]:
    """While this is held, Karbor runs on a database that knows nothing; then on the old one again,
    for whoever uses the sandbox next."""
    folder = stack.state.directory("karbor")
    away = folder / "lost"
    _swap(stack, folder, away)
    try:
        yield
    finally:
        _swap(stack, away, folder)


def _swap(stack: Stack, source: Path, target: Path) -> None:
    """Karbor's files of a database go from one folder into the other, in place of what is there."""
    stack.stop_service("karbor")
    target.mkdir(exist_ok=True)
    for path in target.glob(f"{config.DATABASE}*"):
        path.unlink()
    for path in source.glob(f"{config.DATABASE}*"):
        path.rename(target / path.name)
    stack.start_service("karbor")
