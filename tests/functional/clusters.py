# SPDX-License-Identifier: Apache-2.0
"""A sandbox with several workers for the tests of one file."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import errors
from sandbox.cluster import processes
from sandbox.stack import Stack


@contextlib.contextmanager
def cluster(folder: Path, **settings: Any) -> Iterator[Stack]:
    """A cluster from nothing, of three workers unless the settings have another number.

    :param folder: for its state.
    :param settings: fields of ``sandbox.state.Settings``.
    """
    try:
        processes.check(settings.get("clock_offsets", {}))
    except errors.ProgramMissing as missing:
        # CI installs it.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))
    stack = Stack(
        folder / "state",
        say=lambda line: print(line, file=sys.stderr),  # noqa: T201 - progress of a long start
        layout="cluster",
        **settings,
    )
    try:
        stack.start()
        yield stack
    finally:
        stack.destroy()
