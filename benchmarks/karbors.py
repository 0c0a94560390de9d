# SPDX-License-Identifier: Apache-2.0
"""The contenders with Karbor in between: ours, and Karbor's own plugin.

They are asked through Karbor's REST API. How far they are is seen without asking Karbor, whose
processor time is the very thing that is measured: in the checkpoint's index in the bank and in the
table of restores. Karbor's API shows the same records.
"""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.contenders import Answered, Contender
from sandbox.tenant import IN_WORK, Tenant
from sandbox.waiting import Unfinished

DEADLINE = 3600.0
_SHORTEST_LOOK, _LONGEST_LOOK, _PART = 0.05, 0.5, 0.02


class Failed(AssertionError):
    """A work of Karbor's came to another end than it should."""

    def __init__(self, what: str, status: str) -> None:
        self.status = status
        super().__init__(f"{what} ended as {status!r}")


class Provider(Contender):
    """One provider of one of the sandbox's Karbors.

    :param tenant: of the Karbor that has the provider
    :param provider: its id
    :param bank: folder of its bank
    :param database: of that Karbor, an SQLite file
    """

    def __init__(
        self, name: str, karbor: str, tenant: Tenant, provider: str, bank: Path, database: Path
    ) -> None:
        self.name = name
        self.karbor = karbor
        self._tenant = tenant
        self._provider = provider
        self._bank = bank
        self._database = database

    def prepare(self, shares: list[Any]) -> Any:
        """See Contender. Returns a plan that names each share."""
        return self._tenant.plan_of_shares(shares, provider=self._provider)

    def protect(self, prepared: Any, answered: Answered) -> Any:
        """See Contender. Returns the checkpoint's id."""
        begun = self._tenant.karbor.checkpoints.create(self._provider, prepared.id)
        answered()
        self._await("the protection", lambda: self._checkpoint(begun.id), "available", set(IN_WORK))
        return begun.id

    def restore(self, held: Any, answered: Answered) -> None:
        """See Contender."""
        begun = self._tenant.karbor.restores.create(self._provider, held, None, {}, None)
        answered()
        self._await("the restore", lambda: self._restore(begun.id), "success", {"in_progress"})

    def delete(self, held: Any, answered: Answered) -> None:
        """See Contender."""
        self._tenant.karbor.checkpoints.delete(self._provider, held)
        answered()
        self._await(
            "the deletion", lambda: self._checkpoint(held), "deleted", {"available", *IN_WORK}
        )

    def tidy(self, prepared: Any) -> None:
        """See Contender."""
        self._tenant.karbor.plans.delete(prepared.id)

    def _checkpoint(self, checkpoint: str) -> str | None:
        (path,) = self._bank.glob(f"*/checkpoints/{checkpoint}/index.json")
        try:
            status: str = json.loads(path.read_bytes())["status"]
        except (ValueError, KeyError):
            return None  # Karbor's own bank writes in place: this is half of it
        return status

    def _restore(self, restore: str) -> str | None:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT status FROM restores WHERE id = ?", (restore,))
            return next(row, (None,))[0]

    @staticmethod
    def _await(what: str, look: Callable[[], str | None], wanted: str, before: set[str]) -> None:
        """Wait; what is seen late is at most two hundredths late."""
        begun = time.monotonic()
        while (status := look()) != wanted:
            if status not in {None, *before}:
                raise Failed(what, str(status))
            passed = time.monotonic() - begun
            if passed > DEADLINE:
                raise Unfinished(what, DEADLINE, status)
            time.sleep(min(max(_SHORTEST_LOOK, passed * _PART), _LONGEST_LOOK))
