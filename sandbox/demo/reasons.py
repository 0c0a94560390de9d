# SPDX-License-Identifier: Apache-2.0
"""Turns what went wrong into a sentence for a person. Runs in the karbor venv."""

import re
from collections.abc import Mapping, Sequence

from keystoneauth1 import exceptions as keystone_exceptions

from sandbox.waiting import Unfinished

LONGEST = 600


class DemoFailed(AssertionError):
    """Something is not as the demonstration promises."""


class ServiceGone(DemoFailed):
    """Services of the sandbox have ended while they were needed."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        many = len(names) > 1
        super().__init__(
            f"The sandbox's service{'s' if many else ''} {' and '.join(names)} "
            f"{'have' if many else 'has'} ended"
        )


def sentence(error: BaseException, services: Mapping[str, int | None]) -> str:
    """Say what went wrong, and which services are no longer there.

    :param services: the pid of each service of the sandbox, None for one that does not run.
    """
    gone = [name for name, pid in services.items() if pid is None]
    said = _said(error)
    text = said if said.endswith((".", "!")) else f"{said}."
    if gone and not isinstance(error, ServiceGone):
        text += f" {ServiceGone(gone)}."
    return text


def _said(error: BaseException) -> str:
    if isinstance(error, keystone_exceptions.ConnectTimeout):
        return f"There was no answer in time{_from(error)}"
    if isinstance(error, keystone_exceptions.ConnectionError):
        return f"Nobody answers{_from(error)}"
    text = " ".join(str(error).split())
    if isinstance(error, Unfinished):
        # What follows is the whole of what was last seen: it is in the log.
        text = text.partition("; last seen")[0]
    elif not isinstance(error, AssertionError):
        # The clients' own errors often say little more than what they are.
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."


def _from(error: BaseException) -> str:
    found = re.search(r"https?://[^/\s'\"]+", str(error))
    return f" at {found.group()}" if found else ""
