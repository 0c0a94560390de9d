# SPDX-License-Identifier: Apache-2.0
"""Access to a snapshot: how it is asked for, and what is open."""

import json
from typing import Any

from karbor_manila.bank import browses
from tests.fakes.manila import FakeManila
from tests.fakes.snapshot_access import MOUNTABLE
from tests.unit.karbor_stage import SHARE, Service
from tests.unit.recovery.reconciliation.stage import pages

HOST, OTHER = "10.0.0.7", "10.0.0.8"
HOUR = 3600


def checkpoint_of(service: Service) -> Any:
    service.manager.reconciliation._clock = service.cloud.clock
    return service.protect(service.plan(service.share(**MOUNTABLE)))


def asked(**given: Any) -> Any:
    return {SHARE: {name: str(value) for name, value in ({"depth": "browse"} | given).items()}}


def browse(service: Service, checkpoint: Any, **given: Any) -> Any:
    """The verification, as the database has it."""
    record = service.verify(checkpoint.id, asked(**given))
    return service.saved(record)


def told(record: Any) -> Any:
    (reason,) = record.resources_reason.values()
    return json.loads(reason)


def born_again(service: Service) -> Service:
    new = service.die()
    new.manager.reconciliation._grace = 0.0
    new.manager.reconciliation._clock = new.cloud.clock
    return new


def opened(service: Service) -> list[str]:
    """To whom access is given in Manila now."""
    service.cloud.clock.sleep(1)
    rules = [
        rule
        for snapshot in service.cloud.snapshots
        for rule in FakeManila(
            service.cloud, service.project_id, administrator=True
        ).snapshot_access_rules(snapshot)
        or []
    ]
    return sorted(rule["access_to"] for rule in rules)


def left(service: Service, checkpoint: Any) -> tuple[list[str], int]:
    """The keys of the intents, and how many keys say what is due."""
    share = checkpoint.protection_plan["resources"][0]["id"]
    keys = [key for key in pages(service, checkpoint, share) if key.startswith("browses/")]
    return keys, len(browses.entries(service.provider.bank, service.provider.id))
