# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of our own on loopback: its programs, configuration and environment, and how to see
that it serves. Standard library only.

The server's script is run past Debian's wrapper, which would become the user rabbitmq. epmd is a
process of ours as well: RabbitMQ would start one by itself, that outlives it.
"""

import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from sandbox import errors, files, ports

PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"
EPMD = "epmd"
INSTALL = "apt-get install -y --no-install-recommends rabbitmq-server"
USER = "karbor"
_HELLO = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"


def program() -> str:
    """The path of the server's script.

    :raises errors.ProgramMissing: with the command that installs it.
    """
    if not os.access(PROGRAM, os.X_OK) or shutil.which(EPMD) is None:
        raise errors.ProgramMissing("rabbitmq-server", INSTALL)
    return PROGRAM


def epmd_command(port: int) -> list[str]:
    """The command line of epmd, in the foreground."""
    return [shutil.which(EPMD) or EPMD, "-port", str(port), "-address", ports.HOST]


def write(directory: Path, *, port: int, password: str) -> Path:
    """Write rabbitmq.conf below a directory and return its path.

    :param port: of AMQP, on 127.0.0.1.
    :param password: of ``USER``, who is made at the first start.
    """
    lines = [
        f"listeners.tcp.1 = {ports.HOST}:{port}",
        f"default_user = {USER}",
        f"default_pass = {password}",
        # It would refuse all messages on a machine that has less free; here they are few.
        "disk_free_limit.absolute = 50MB",
    ]
    files.write(directory / "enabled_plugins", "[].\n")
    return files.write(directory / "rabbitmq.conf", "\n".join(lines) + "\n")


def environment(directory: Path, *, distribution: int, epmd: int) -> dict[str, str]:
    """What the server's script reads, for the configuration of ``write``.

    :param distribution: the port on which Erlang's processes reach it.
    :param epmd: the port of epmd.
    """
    return {
        # Its cookie is there, and nothing of the machine's own installation is read.
        "HOME": str(directory),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": str(directory / "pid"),
        "RABBITMQ_NODENAME": "sandbox@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
        "ERL_EPMD_ADDRESS": ports.HOST,
        "ERL_EPMD_PORT": str(epmd),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
        ),
        # The script becomes the server then: one process, which a signal reaches.
        "RUNNING_UNDER_SYSTEMD": "true",
    }


def url(port: int, password: str) -> str:
    """oslo.messaging's URL of the broker."""
    return f"rabbit://{USER}:{password}@{ports.HOST}:{port}/"


@dataclass(frozen=True)
class Serves:
    """Whether RabbitMQ speaks AMQP on a port, as a sign for ``process.wait_ready``."""

    port: int

    def exists(self) -> bool:
        """Return whether it answers a client's first word with the first of its own."""
        return _answer(self.port, _HELLO)[:1] == _METHOD_FRAME


@dataclass(frozen=True)
class Listens:
    """Whether somebody takes connections on a port, as a sign for ``process.wait_ready``."""

    port: int

    def exists(self) -> bool:
        """Return whether a connection is taken."""
        try:
            socket.create_connection((ports.HOST, self.port), 1).close()
        except OSError:
            return False
        return True


def _answer(port: int, word: bytes) -> bytes:
    try:
        with socket.create_connection((ports.HOST, port), 1) as connection:
            connection.settimeout(1)
            connection.sendall(word)
            return connection.recv(8)
    except OSError:
        return b""
