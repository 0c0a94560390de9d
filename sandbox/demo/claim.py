# SPDX-License-Identifier: Apache-2.0
"""The demonstration's own folder: made afresh, held while it runs. Standard library only."""

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

from sandbox import errors
from sandbox.demo import signals
from sandbox.stack import Stack

MARK = "demonstration.lock"


class Busy(errors.SandboxError):
    """Another demonstration is under way in the same folder."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"Another demonstration is running in {directory}; let it end first.")


class NotADemonstration(errors.SandboxError):
    """The folder is a sandbox that the demonstration did not make: it is not ours to remove."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"{directory} holds a sandbox that is not the demonstration's. Name another folder, "
            f"or remove it: python3 -m sandbox destroy --state {directory}"
        )


@contextlib.contextmanager
def claimed(stack: Stack, say: Callable[..., None]) -> Iterator[None]:
    """Make the state folder afresh, and hold it for us alone.

    :raises Busy: another demonstration holds it.
    :raises NotADemonstration: it was made by somebody else.
    :raises errors.NotAState: it is not a sandbox's folder at all.
    """
    state = stack.state
    mark = state.root / MARK
    if state.exists():
        if not mark.exists():
            raise NotADemonstration(state.root)
        with locked(mark, state.root), signals.blocked():
            say(f"Removing what the last demonstration left in {state.root}")
            stack.destroy()
    with signals.blocked():
        state.ensure()
        mark.touch()
    with locked(mark, state.root):
        yield


@contextlib.contextmanager
def locked(path: Path, directory: Path) -> Iterator[None]:
    """Hold a lock that no other demonstration may hold.

    :raises Busy: another one holds it.
    """
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(directory) from None
        yield
