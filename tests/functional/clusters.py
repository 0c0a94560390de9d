# SPDX-License-Identifier: Apache-2.0
"""A sandbox with several workers for the tests of one file, and who reads from its broker."""

import configparser
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg

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


class Reader:
    """A consumer of notifications on the broker of a cluster, in a process that is not Karbor's.

    :ivar read: what came, as (priority, publisher, type, payload), in the order of its coming.
    """

    def __init__(self, stack: Stack, topic: str) -> None:
        self.read: list[tuple[str, str, str, Any]] = []
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[])
        transport = oslo_messaging.get_notification_transport(conf, url=broker_of(stack))
        self._server = oslo_messaging.get_notification_listener(
            transport, [oslo_messaging.Target(topic=topic)], [self], executor="threading"
        )

    def __enter__(self) -> "Reader":
        """Begin to read."""
        self._server.start()
        return self

    def __exit__(self, *args: object) -> None:
        """Read no more."""
        self._server.stop()
        self._server.wait()

    def info(self, _context: Any, by: str, kind: str, payload: Any, _about: Any) -> None:
        """What has this priority."""
        self.read.append(("info", by, kind, payload))

    def error(self, _context: Any, by: str, kind: str, payload: Any, _about: Any) -> None:
        """As above."""
        self.read.append(("error", by, kind, payload))


def broker_of(stack: Stack) -> str:
    """oslo.messaging's URL of the broker of a cluster."""
    return _option(stack, "DEFAULT", "transport_url")


def _option(stack: Stack, section: str, name: str) -> str:
    read = configparser.RawConfigParser(default_section="", strict=False)
    read.read(stack.state.directory("karbor") / "karbor.conf")
    return read[section][name].replace("$$", "$")
