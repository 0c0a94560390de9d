# SPDX-License-Identifier: Apache-2.0
"""The table: every fault, and how what is done under it has to end.

The promise: whatever fails, no snapshot or share of ours is left that no checkpoint accounts for,
no checkpoint is stuck, and the user can read why. What is transient is retried.
"""

from sandbox.karbor.providers import OURS
from tests.faults.case import Case
from tests.faults.cases import (
    backend,
    bank,
    endless,
    of_drivers,
    outages,
    permanent,
    statuses,
    transient,
)

DRIVERS = {subject.driver: subject for subject in (of_drivers.GROUP, of_drivers.BACKUP)}


def table(provider: str = OURS, driver: str = "snapshot") -> dict[str, list[Case]]:
    """The whole table for a provider, by promise.

    :param driver: that keeps the shares of our provider
    """
    if driver in DRIVERS:
        return of_drivers.cases(DRIVERS[driver])
    groups = {
        "transient": transient.cases(provider),
        "permanent": permanent.cases(),
        "backend": backend.cases(),
        "endless": endless.cases(),
        "statuses": statuses.cases(),
        "outages": outages.cases(),
        "bank": bank.cases(),
    }
    if provider == OURS:
        return groups
    # Karbor's own plugin has no verification.
    return {
        group: [case for case in cases if not case.ours_only and case.operations != ("verify",)]
        for group, cases in groups.items()
    }
