# SPDX-License-Identifier: Apache-2.0
"""Free loopback ports that stay free between a stop and the next start."""

import random
import socket
from collections.abc import Iterable
from pathlib import Path

HOST = "127.0.0.1"
LOWEST = 20000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(port: int) -> bool:
    """Return whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # As servers do: a port whose old connections are in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose(names: Iterable[str], wanted: dict[str, int] | None = None) -> dict[str, int]:
    """Give every name a free port, the wanted one where that is possible.

    Ports come from below the kernel's range for outgoing connections: one from inside that range
    may be taken by any client while the sandbox is stopped.

    :param wanted: ports of an earlier start, by name.
    """
    wanted = wanted or {}
    chosen: dict[str, int] = {}
    for name in names:
        port = wanted.get(name)
        if port is None or port in chosen.values() or not is_free(port):
            port = _free_port(set(chosen.values()) | set(wanted.values()))
        chosen[name] = port
    return chosen


def _free_port(taken: set[int]) -> int:
    candidates = list(range(LOWEST, _first_outgoing_port()))
    random.shuffle(candidates)
    for port in candidates:
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free loopback port between {LOWEST} and {_first_outgoing_port()}")


def _first_outgoing_port() -> int:
    try:
        first = int(_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = 32768
    # A machine that lends out nearly every port leaves no room below; then any port will do.
    return first if first > LOWEST + 1000 else 60000
