# SPDX-License-Identifier: Apache-2.0
"""Free loopback ports that stay free between a stop and the next start.

Sandboxes that start at the same moment must not look for ports in the same place: who starts
several gives each a range of its own, as ``KARBOR_MANILA_PORTS=20000-23999``.
"""

import os
import random
import socket
from collections.abc import Iterable
from pathlib import Path

HOST = "127.0.0.1"
LOWEST = 20000
RANGE_VARIABLE = "KARBOR_MANILA_PORTS"
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


def share_of(number: int, count: int) -> str:
    """Return a range of ports for one of so many that start sandboxes: 0, 1 and so on."""
    whole = _range()
    size = len(whole) // count
    first = whole.start + number * size
    return f"{first}-{first + size - 1}"


def _range() -> range:
    """Ours alone, if we were given one, else all that may be used."""
    given = os.environ.get(RANGE_VARIABLE)
    if given:
        first, _, last = given.partition("-")
        return range(int(first), int(last) + 1)
    return range(LOWEST, _first_outgoing_port())


def _free_port(taken: set[int]) -> int:
    candidates = _range()
    for port in random.sample(candidates, len(candidates)):
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free loopback port from {candidates.start} to {candidates.stop - 1}")


def _first_outgoing_port() -> int:
    try:
        first = int(_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = 32768
    # A machine that lends out nearly every port leaves no room below; then any port will do.
    return first if first > LOWEST + 1000 else 60000
