# SPDX-License-Identifier: Apache-2.0
"""How banks are opened: by a service, or by a command that takes them as they are."""

import contextlib
import contextvars
from collections.abc import Iterator

_as_found = contextvars.ContextVar("_as_found", default=False)


@contextlib.contextmanager
def as_found() -> Iterator[None]:
    """Banks that are opened meanwhile make no container: to an operator's command one that is
    missing is not mounted, or its service was never started."""
    token = _as_found.set(True)
    try:
        yield
    finally:
        _as_found.reset(token)


def is_as_found() -> bool:
    """Whether a bank that is opened now is taken as it is."""
    return _as_found.get()
