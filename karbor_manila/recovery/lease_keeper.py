# SPDX-License-Identifier: Apache-2.0
"""Keeps the lease of this process in one bank: a real thread that neither a busy processor nor
another bank holds up.

It also knows how old the lease is. Others take over the work of this process when the lease has not
changed for ``timeout`` seconds; with one that is nearly as old nothing may be created, deleted,
reverted or committed any more (self-fencing).
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from oslo_log import log as logging

from karbor_manila.bank import identity
from karbor_manila.common import native
from karbor_manila.recovery import lease

LOG = logging.getLogger(__name__)

#: The part of the timeout at which this process stops to act; the rest is for what is on its way.
_SAFE = 0.75


class Keeper:
    """The lease of one process in one bank.

    :param bank: a bank of the thread's own, see :func:`private`: Karbor's is shared by green
        threads
    :param owner: the owner id under which the process is known
    :param interval: seconds between two renewals
    :param timeout: seconds without a change after which others call this process dead
    :param is_ours: says, by the bank alone, whether it is the right bank; into another one no lease
        is written. It runs in the keeper's thread
    :param elapsed: gives seconds that pass while this process is suspended, too
    """

    def __init__(
        self,
        bank: Any,
        owner: str,
        *,
        interval: float,
        timeout: float,
        is_ours: Callable[[Any], bool] = lambda _bank: True,
        elapsed: Callable[[], float] = native.elapsed,
    ) -> None:
        self._bank = bank
        self._key = lease.key_of(owner)
        self._interval = interval
        self._limit = timeout * _SAFE
        self._is_ours = is_ours
        self._elapsed = elapsed
        self._renewed: float | None = None
        self._count = 0
        self._stop = native.threading.Event()
        self._is_ending = False
        self._thread: Any = None
        #: How often the lease had run out before it was renewed: what this process had claimed
        #: before may be another process's since.
        self.lapses = 0
        #: Why the last renewal failed; None when it did not.
        self.trouble: Exception | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether no other process can have taken this one for dead since the last renewal."""
        renewed = self._renewed
        return renewed is not None and self._elapsed() - renewed < self._limit

    @property
    def age(self) -> float | None:
        """Seconds since the last renewal was begun; None before the first one."""
        renewed = self._renewed
        return None if renewed is None else self._elapsed() - renewed

    def elapsed(self) -> float:
        """Seconds on the clock by which the lease is measured."""
        return self._elapsed()

    def renew(self) -> None:
        """Write the lease once. A bank that does not take it is asked again at the next turn."""
        began = self._elapsed()
        if not self._write():
            return
        # From the beginning of one write to the end of the next the others may have seen no change.
        if self._renewed is not None and self._elapsed() - self._renewed >= self._limit:
            self.lapses += 1
        self._renewed = began

    def _write(self, *, ended: bool = False) -> bool:
        """Write the lease. Returns whether the bank has taken it."""
        try:
            if not self._is_ours(self._bank):
                raise RuntimeError("it is not the bank that this process knows")
            mine = lease.of_this_process(self._count + 1, ended=ended)
            self._bank.update_object(self._key, asdict(mine))
        except Exception as error:  # noqa: BLE001 - banks let through what their clients raise
            self.trouble = error
            return False
        self._count += 1
        self.trouble = None
        return True

    def start(self) -> None:
        """Renew in a thread from now on, until :meth:`stop` or the end of the process."""
        self._thread = native.threading.Thread(
            target=self._run, name=f"lease {self._key}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Renew no more. A thread that hangs in a bank is not waited for."""
        self._stop.set()

    def give_up(self) -> None:
        """Renew no more, and write into the lease that this process has ended: others take over at
        once. Nothing is waited for, see :attr:`is_over`."""
        self._is_ending = True
        self._stop.set()

    @property
    def is_over(self) -> bool:
        """Whether nothing more is written."""
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.renew()
            self._stop.wait(self._interval)
        if self._is_ending:
            self._write(ended=True)


def of_provider(provider: Any, *, interval: float, timeout: float) -> Keeper:
    """The keeper of this process's lease in the bank of Karbor's provider; it does not run yet. It
    writes none until the bank is confirmed."""
    owner = str(provider.bank.get_owner_id())

    def is_ours(bank: Any) -> bool:
        identity.check(bank, provider.id)
        return True

    return Keeper(private(provider), owner, interval=interval, timeout=timeout, is_ours=is_ours)


def private(provider: Any) -> Any:
    """Another opening of a provider's bank, for the keeper alone.

    Bank plugins hold connections and locks that two real threads must not share. They are made as
    Karbor makes them (karbor/utils.py, load_plugin): with the configuration of the provider.
    """
    plugin = provider.bank._plugin
    return type(provider.bank)(type(plugin)(plugin._config))
