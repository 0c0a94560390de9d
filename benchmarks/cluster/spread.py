# SPDX-License-Identifier: Apache-2.0
"""Which worker has which plan: seen from outside, in what each writes into the bank."""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: So many plans of one worker that have not ended, while another has none, are too many.
TOO_MANY = 10
_EVERY = 0.25  # seconds


class Spread:
    """A thread that looks into the bank, for the length of a ``with``.

    :param bank: the folder of the file-system bank
    :param workers: the names of the workers by their pids
    """

    def __init__(self, bank: Path, workers: Mapping[int, str]) -> None:
        self._root = bank / "karbor"
        self._workers = workers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spread", daemon=True)
        self._before = set(self._checkpoints())
        self._owners: dict[str, str] = {}
        #: Seconds in which a worker had nothing to do while another had ten plans or more.
        self.idle = 0.0

    def __enter__(self) -> "Spread":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def plans(self, *, ended: bool = True) -> dict[str, int]:
        """How many plans each worker has taken, by its name.

        :param ended: count those that have ended, too
        """
        found: Counter[str] = Counter()
        for path in set(self._checkpoints()) - self._before:
            index = _read(path)
            if isinstance(index, dict) and (ended or index.get("status") == "protecting"):
                found[self._worker(str(index.get("owner_id")))] += 1
        return {worker: found[worker] for worker in self._workers.values()}

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            now = self.plans(ended=False).values()
            if min(now) == 0 and max(now) >= TOO_MANY:
                self.idle += _EVERY

    def _checkpoints(self) -> list[Path]:
        return list((self._root / "checkpoints").glob("*/index.json"))

    def _worker(self, owner: str) -> str:
        """Whose lease it is: that has the pid."""
        if owner not in self._owners:
            lease = _read(self._root / "karbor-manila" / "leases" / owner) or {}
            self._owners[owner] = self._workers.get(lease.get("pid"), "")
        return self._owners[owner]


def _read(path: Path) -> Any:
    """What stands in a file of the bank; None while it is not there or not whole."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
