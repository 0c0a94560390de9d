# SPDX-License-Identifier: Apache-2.0
"""The end of a karbor-protection: what is under way is finished, or handed over at once.

At a SIGTERM oslo.service stops every service of its launcher, waits for each, and the process
ends; what green threads were at is dropped. Karbor calls no ``cleanup_host`` (karbor/service.py,
Service.stop). So this is one more service of the launcher that runs Karbor's:

1. Karbor's own service takes no requests any more; those it has are answered. It stops only when
   its broker is there (oslo_messaging, AMQPListener.stop), so the rest does not wait for that.
2. What runs by itself (reconciliation, leftovers, periodic hooks) begins nothing more.
3. Operations under way have a limit to finish in.
4. What is left then is handed over: nothing more is done under its claims, their rows lose their
   owner, and the leases say that this process has ended. The other processes settle it at the next
   turn of their reconciliation, and no lease has to run out.

Whatever ends the process earlier (a second SIGTERM, SIGKILL, oslo.service's own alarm) leaves what
any death leaves.
"""

from collections.abc import Callable
from typing import Any

import eventlet
from karbor import service as karbor_service
from oslo_config import cfg
from oslo_log import log as logging
from oslo_service import service as oslo_service

from karbor_manila.common.clock import Clock

LOG = logging.getLogger(__name__)

# Seconds before oslo.service's alarm that are kept for handing over, of which half is enough.
_KEPT = 10.0

#: Seconds in which what has passed its last look at a claim is done with.
_LAST_REQUESTS = 2.0

#: Seconds for which the banks are waited for to take the last lease.
_LAST_LEASE = 5.0

_LOOK_AGAIN = 0.1  # seconds


class Shutdown(oslo_service.ServiceBase):
    """Ends what a runtime has begun, in order.

    :param runtime: :class:`karbor_manila.service.runtime.Runtime`
    :param cleanup: what the manager does at its end
    :param timeout: seconds for what is under way at a SIGTERM
    :param conf: has oslo.service's options once its launcher is there
    :param spawn: starts a green thread
    """

    def __init__(
        self,
        runtime: Any,
        cleanup: Callable[[], None],
        timeout: float,
        *,
        conf: Any = cfg.CONF,
        clock: Clock | None = None,
        spawn: Callable[..., Any] = eventlet.spawn,
    ) -> None:
        self._runtime = runtime
        self._cleanup = cleanup
        self._timeout = timeout
        self._conf = conf
        self._clock = clock or Clock()
        self._spawn = spawn
        self._answered = False
        self._thread: Any = None

    # -- what oslo.service calls ----------------------------------------------------------------

    def start(self) -> None:
        """Hear of a SIGTERM, which a stop alone does not tell from a SIGHUP. At each start the
        handlers are new (oslo_service, ServiceLauncher.handle_signal)."""
        oslo_service.SignalHandler().add_handler("SIGTERM", self.note_term)

    def note_term(self, *_signal: Any) -> None:
        """Begin to end, beside what stops Karbor's service and waits for the answers to requests.
        The alarm of oslo.service is set in the same moment."""
        if self._thread is None:
            self._thread = self._spawn(self.run)

    def stop(self) -> None:
        """Nothing more: at a SIGTERM the end has begun, and after a SIGHUP Karbor's service is
        started again."""

    def wait(self) -> None:
        """All requests are answered: Karbor's service, which comes before, was waited for. Wait for
        the end."""
        if self._thread is not None:
            self._answered = True
            self._thread.wait()

    def reset(self) -> None:
        """At a SIGHUP; nothing changes."""

    # -- how ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Finish, or hand over."""
        try:
            limit = self._limit()
            self._runtime.begin_nothing()
            LOG.info("This process ends; what it works on has %.0f seconds", limit)
            if not self._within(limit, self._is_idle):
                LOG.warning("Still under way, and handed over: %s", _listed(self._claims.held))
            self._hand_over()
            self._cleanup()
        except Exception:  # the process ends in any case, and leaves then what a death leaves
            LOG.exception("What this process works on could not be handed over")

    @property
    def _claims(self) -> Any:
        return self._runtime.claims

    def _is_idle(self) -> bool:
        return self._answered and not self._claims.held

    def _hand_over(self) -> None:
        self._claims.close()
        # Who wakes up finds its claim closed, and leaves it.
        self._within(_LAST_REQUESTS, lambda: not self._claims.held)
        self._runtime.leases.give_up()
        self._claims.leave_all()
        if not self._within(_LAST_LEASE, self._runtime.leases.is_over):
            LOG.warning("Not every bank was told of the end; there the lease has to run out")

    def _within(self, seconds: float, is_so: Callable[[], bool]) -> bool:
        """Whether something came true in so many seconds."""
        deadline = self._clock.now() + seconds
        while not is_so():
            if self._clock.now() >= deadline:
                return False
            self._clock.sleep(_LOOK_AGAIN)
        return True

    def _limit(self) -> float:
        """Seconds, so few that the alarm of oslo.service does not come before the hand-over."""
        alarm = float(getattr(self._conf, "graceful_shutdown_timeout", 0) or 0)
        if not alarm:
            return self._timeout
        return min(self._timeout, max(alarm - _KEPT, alarm / 2))


def install(shutdown: Shutdown) -> bool:
    """Have the launcher that runs this karbor-protection run a shutdown, too.

    :returns: whether there is one: Karbor's command has it (karbor/service.py, serve)
    """
    launcher = getattr(karbor_service, "_launcher", None)
    if launcher is None:
        return False
    launcher.launch_service(shutdown)
    return True


def _listed(ids: Any) -> str:
    return ", ".join(sorted(ids)) or "requests"
