# SPDX-License-Identifier: Apache-2.0
"""What small pieces cost Karbor each time that a share uses them: ``python -m benchmarks.pieces``.

Green threads as in karbor-protection. Microseconds of CPU a call; of a report, a share.
"""

import eventlet

eventlet.monkey_patch()

import os  # noqa: E402 - after the patch
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import eventlet.tpool  # noqa: E402

from karbor_manila.bank import access, record  # noqa: E402
from karbor_manila.common.lazy import Lazy, Once  # noqa: E402
from karbor_manila.common.retry import retry  # noqa: E402
from karbor_manila.database import columns  # noqa: E402
from karbor_manila.manila.marks import Mark  # noqa: E402
from karbor_manila.operations.writing import Writing  # noqa: E402

_ID = "0f1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
_KEY = "OS::Manila::Share#%036d"


class _Flow:
    def __init__(self) -> None:
        self.once = Once()

    @Lazy
    def value(self) -> str:
        return "made"


def _intent() -> record.Intent:
    view = {
        "id": _ID,
        "size": 1,
        "share_proto": "NFS",
        "share_type": _ID,
        "share_type_name": "default",
        "name": "share",
        "metadata": {"project": "one"},
    }
    return record.Intent(
        operation="protect",
        driver="snapshot",
        project_id="a" * 32,
        mark=Mark(bank=_ID, provider=_ID, checkpoint=_ID, resource=_ID),
        owner=_ID,
        since="2026-11-26T11:00:00+00:00",
        created_id=_ID,
        share=record.describe(view),
    )


def microseconds(call: Callable[[], Any], times: int, rounds: int = 3) -> float:
    """Of CPU a call, the best of some rounds."""
    best = float("inf")
    for _round in range(rounds):
        began = time.process_time()
        for _each in range(times):
            call()
        best = min(best, time.process_time() - began)
    return best / times * 1e6


def reported(shares: int) -> float:
    """Of CPU a share, to report each in a restore of so many, ten at a time; nothing is saved."""

    def report_all() -> None:
        kept: dict[str, Any] = {"id": _ID}
        report = columns.Report(kept)
        for number in range(shares):
            report.note(_KEY % number, "available", '{"restored_from": {"share_id": "x"}}')
            if number % 10 == 9:
                report.fit(kept)

    return microseconds(report_all, 1, 1) / shares


def saves(shares: int) -> int:
    """How many saves of 3 ms, in which no other green thread runs, it takes that so many report at
    the same time, each after a wait for the disk."""
    writing = Writing()
    made: list[int] = []

    def save(values: list[int]) -> None:
        made.append(len(values))
        ends = time.monotonic() + 0.003
        while time.monotonic() < ends:
            pass

    def report(number: int) -> None:
        with tempfile.TemporaryFile() as file:
            eventlet.tpool.execute(os.fsync, file.fileno())
        writing.together("record", number, save)

    pool = eventlet.GreenPool(shares)
    for each in range(shares):
        pool.spawn(report, each)
    pool.waitall()
    return len(made)


def main() -> None:
    """Print a line for each piece."""
    flow, intent = _Flow(), _intent()
    flow.value  # noqa: B018 - made
    whole = record.complete(intent, _ID, "2026-11-26T11:00:01+00:00", access_rules=[])
    pieces: dict[str, tuple[Callable[[], Any], int]] = {
        "retry, at once a success": (lambda: retry(int), 2000),
        "bank_access.ask, the same": (lambda: access.ask(int, "give it"), 2000),
        "read of a Lazy that is made": (lambda: flow.value, 20000),
        "dump_intent": (lambda: record.dump_intent(intent), 50),
        "load_intent": (lambda: record.load_intent(record.dump_intent(intent)), 50),
        "dump_record": (lambda: record.dump_record(whole), 50),
        "load_record": (lambda: record.load_record(record.dump_record(whole)), 50),
    }
    for name, (call, times) in pieces.items():
        sys.stdout.write(f"{name:40} {microseconds(call, times):10.1f} us\n")
    for shares in (10, 100, 1000, 3000):
        sys.stdout.write(f"{f'Report, of {shares}':40} {reported(shares):10.1f} us\n")
    for shares in (1, 100, 1000):
        sys.stdout.write(f"{f'saves of {shares} reports':40} {saves(shares):10}\n")


if __name__ == "__main__":
    main()
