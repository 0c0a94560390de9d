# SPDX-License-Identifier: Apache-2.0
"""What a real backend does by stopping all writes for an instant, for writers who play along.

Nothing of Manila here. Directories cannot stop a writer, so a copy of one is made while others
write. Who wants to see what a backend with consistent snapshots promises writes inside
:func:`writing`, and no snapshot of these shares begins before it is through::

    with freezing.writing(exports / "frozen", [first_instance, second_instance]):
        ...  # one write to each: a group snapshot has both or neither

A snapshot freezes its share, a consistent snapshot of a group all of its members at once.
"""

import contextlib
import fcntl
import pathlib
from collections.abc import Iterable, Iterator


def frozen(directory: pathlib.Path, instances: Iterable[str]) -> contextlib.AbstractContextManager:
    """Wait for the writers of these share instances, and let none begin meanwhile."""
    return _locked(directory, instances, fcntl.LOCK_EX)


def writing(directory: pathlib.Path, instances: Iterable[str]) -> contextlib.AbstractContextManager:
    """Wait for the snapshots of these share instances, and let none begin meanwhile."""
    return _locked(directory, instances, fcntl.LOCK_SH)


@contextlib.contextmanager
def _locked(directory: pathlib.Path, instances: Iterable[str], kind: int) -> Iterator[None]:
    with contextlib.ExitStack() as held:
        for instance in sorted(set(instances)):  # all in one order: none waits for another's
            stream = held.enter_context((directory / instance).open("a"))
            fcntl.flock(stream, kind)
        yield
