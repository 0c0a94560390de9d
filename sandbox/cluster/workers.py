# SPDX-License-Identifier: Apache-2.0
"""What can be done to one worker of a cluster: the part of ``sandbox.stack.Stack`` about them."""

import signal
from typing import Any

from sandbox import errors, process
from sandbox.cluster.layout import KARBOR, worker
from sandbox.state import State

PAUSE_SECONDS = 15
GONE_SECONDS = 15
TERM_SECONDS = 90
"""Longer than oslo.service's graceful_shutdown_timeout, after which a worker ends by itself."""


class Workers:
    """Kill, pause, resume, stop and restart a karbor-protection by its number, from 1."""

    state: State

    def kill_worker(self, number: int) -> None:
        """End a worker by SIGKILL; returns when it is gone."""
        self.kill(self._worker(number), signal.SIGKILL)

    def pause_worker(self, number: int) -> None:
        """Stop a worker where it is; returns when none of its threads runs any more."""
        name = self._worker(number)
        self.kill(name, signal.SIGSTOP)
        found = process.Process.load(self.state.pid(name))
        if found:
            found.wait_stopped(PAUSE_SECONDS)

    def resume_worker(self, number: int) -> None:
        """Have a paused worker go on."""
        self.kill(self._worker(number), signal.SIGCONT)

    def stop_worker(self, number: int, seconds: float = TERM_SECONDS) -> bool:
        """End a worker by SIGTERM, as an operator does; returns when it is gone.

        :param seconds: after which it is killed.
        :returns: whether it ended by itself (or did not run).
        """
        return self.stop_service(self._worker(number), seconds)

    def start_worker(self, number: int) -> None:
        """Start a worker that does not run; returns when it takes work."""
        self.start_service(self._worker(number))

    def restart_worker(self, number: int, **changes: Any) -> None:
        """Stop a worker by SIGTERM and start it again, with changed settings if any are given."""
        self.stop_worker(number)
        self.restart(self._worker(number), **changes)

    def workers(self) -> list[int]:
        """Return the numbers of the workers that this sandbox has, running or not."""
        settings = self.state.settings()
        return list(range(1, settings.workers + 1)) if settings.is_cluster else []

    def _worker(self, number: int) -> str:
        known = self.workers()
        if number not in known:
            raise errors.NoSuchWorker(number, len(known))
        return worker(number)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to one service and, for SIGKILL, wait until it is gone."""
        members = map(self.state.pid, self._members(name))
        hit = [found for found in map(process.Process.load, members) if found]
        hit = [found for found in hit if found.send(number)]
        for found in hit if number == signal.SIGKILL else ():
            found.wait(GONE_SECONDS)

    def _members(self, name: str) -> tuple[str, ...]:
        """The services of a name: in a cluster ``karbor`` is all that Karbor consists of."""
        settings = self.state.settings()
        if name == "karbor" and settings.is_cluster:
            return tuple(each for each in settings.always() if each in KARBOR)
        return (name,)

    def restart(self, name: str, **changes: Any) -> None:
        """End one service and start it again."""
        raise NotImplementedError

    def start_service(self, name: str) -> None:
        """Start one service."""
        raise NotImplementedError

    def stop_service(self, name: str, seconds: float) -> bool:
        """End one service."""
        raise NotImplementedError
