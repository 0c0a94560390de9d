# SPDX-License-Identifier: Apache-2.0
"""Make the sandbox's backend slow or faulty, from two JSON files that tests write.

Nothing of Manila here. Both files are read again at every driver call; an absent one means
nothing. A file maps the name of a driver method (``create_snapshot``, ``delete_share``,
``create_share_from_snapshot``, ``revert_to_snapshot``, ``update_access``...) to one rule or to a
list of rules.

``sandbox_delays_file``: seconds before the method works, added up over the rules that match::

    {"create_snapshot": 10,
     "create_share": [{"seconds": 2.5, "id": "<share id>"}]}

``sandbox_faults_file``: the first rule that matches makes the method fail::

    {"create_snapshot": true,
     "delete_snapshot": {"times": 2},
     "create_share_from_snapshot": [{"id": "<share id>", "side": "after", "message": "no"}]}

- ``id``: only calls about this resource: the id of the share or the snapshot (a clone counts as
  about its snapshot and its parent share as well), or of their instances. Absent: all calls.
- ``times``: fail so often, then work. Counted from the last change of the file, in this process.
- ``side``: ``before`` (default) fails with nothing done; ``after`` fails with the work done, as a
  backend does whose answer is lost.
- ``message``: what the exception says.

What goes on in steps (the methods whose names end in ``_continue``) takes ``steps`` looks to its
end and shows its progress until then; this is 25, 50, 75 and 100 percent::

    {"create_backup_continue": {"steps": 4, "id": "<share backup id>"}}

``refuse`` in the faults file is no method but whom no access rule is for; such a rule ends in
``error``, and the others apply: ``{"refuse": ["10.9.9.9"]}``.

Each fault that was hit appends a line ``{"method": ..., "ids": [...], "time": <unix seconds>}`` to
the faults file's name plus ``.hits``, so that a test can assert that its fault happened. Write the
files with :func:`write`: a file caught half written makes the call fail.
"""

import collections
import contextlib
import json
import os
import pathlib
import threading
import time
from collections.abc import Callable, Collection

from sandbox import files
from sandbox.faults import AFTER, BEFORE


class Fault(Exception):
    """The failure that a faults file asked for."""


class Knobs:
    """The delays and faults of one backend; safe to use from many threads."""

    def __init__(
        self, delays: str | None, faults: str | None, sleep: Callable[[float], None] = time.sleep
    ):
        """Remember the paths; either may be None or absent."""
        self._delays = pathlib.Path(delays) if delays else None
        self._faults = pathlib.Path(faults) if faults else None
        self._sleep = sleep
        self._lock = threading.Lock()
        self._version: tuple | None = None
        self._hits: collections.Counter[tuple[str, int]] = collections.Counter()

    def before(self, method: str, ids: Collection[str]) -> None:
        """Sleep and fail as asked before a method works.

        :param ids: of everything that the call is about
        :raises Fault: a rule of the faults file matched
        """
        seconds = sum(
            float(rule.get("seconds", 0))
            for rule in _rules(self._delays, method, "seconds")
            if _about(rule, ids)
        )
        if seconds:
            self._sleep(seconds)
        self._fail(method, ids, BEFORE)

    def after(self, method: str, ids: Collection[str]) -> None:
        """Fail as asked though a method has worked.

        :raises Fault: a rule of the faults file matched
        """
        self._fail(method, ids, AFTER)

    def steps(self, method: str, ids: Collection[str]) -> int:
        """Answer at which look something is done that goes on in steps."""
        rules = [rule for rule in _rules(self._delays, method, "seconds") if _about(rule, ids)]
        return max([1, *(int(rule.get("steps", 1)) for rule in rules)])

    def refuses(self, access_to: str) -> bool:
        """Answer whether the faults file refuses access rules for somebody."""
        return any(rule["to"] == access_to for rule in _rules(self._faults, "refuse", "to"))

    def _fail(self, method: str, ids: Collection[str], side: str) -> None:
        with self._lock:
            self._forget_counts_of_another_file()
            for index, rule in enumerate(_rules(self._faults, method, "fail")):
                key = (method, index)
                if (
                    rule.get("side", BEFORE) != side
                    or not _about(rule, ids)
                    or self._hits[key] >= rule.get("times", float("inf"))
                ):
                    continue
                self._hits[key] += 1
                self._record({"method": method, "ids": sorted(ids), "time": time.time()})
                raise Fault(rule.get("message", f"{method} fails because a test asked for it"))

    def _record(self, hit: dict) -> None:
        with self._faults.with_name(self._faults.name + ".hits").open("a") as stream:
            stream.write(json.dumps(hit) + "\n")

    def _forget_counts_of_another_file(self) -> None:
        version = None
        with contextlib.suppress(FileNotFoundError):
            if self._faults:
                status = self._faults.stat()
                version = (status.st_ino, status.st_mtime_ns)
        if version != self._version:
            self._version = version
            self._hits.clear()


def write(path: str | os.PathLike, rules: dict) -> None:
    """Write a delays or faults file in one step."""
    files.write_json(pathlib.Path(path), rules)


def _rules(path: pathlib.Path | None, method: str, short: str) -> list[dict]:
    """Answer the rules for a method; a plain number or ``true`` stands for ``{short: it}``."""
    known = files.read_json(path) if path else None
    rules = (known or {}).get(method) or []
    return [
        rule if isinstance(rule, dict) else {short: rule}
        for rule in (rules if isinstance(rules, list) else [rules])
    ]


def _about(rule: dict, ids: Collection[str]) -> bool:
    return "id" not in rule or rule["id"] in ids
