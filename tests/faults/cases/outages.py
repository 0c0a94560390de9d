# SPDX-License-Identifier: Apache-2.0
"""Manila or Keystone are away for twenty seconds, with several operations at once."""

import time
from typing import TYPE_CHECKING

from tests.faults import calls, plants
from tests.faults.case import Case

if TYPE_CHECKING:
    from tests.faults.world import World


OPERATIONS = ("protect", "restore", "verify", "delete")


def keystone_goes(world: "World") -> None:
    """Once all operations are at work, Keystone is away for twenty seconds."""
    world.await_call(calls.DROP_SNAPSHOT)
    world.await_call(calls.MAKE_SNAPSHOT)
    world.await_call(calls.MAKE_SHARE)
    world.site.stack.kill("keystone")
    time.sleep(20)
    world.site.stack.start_service("keystone")


def manila_goes(world: "World") -> None:
    """Once all operations are at work, Manila is away for twenty seconds."""
    world.await_call(calls.DROP_SNAPSHOT)
    world.await_call(calls.MAKE_SNAPSHOT)
    world.await_call(calls.MAKE_SHARE)
    world.site.proxy.outage(20)


BUSY = plants.slow(create_snapshot=4, create_share_from_snapshot=4, delete_snapshot=4)


def cases() -> list[Case]:
    """Manila or Keystone are away for twenty seconds, in four operations at once."""
    at_work = ("protect", "restore", "delete")
    return [
        Case(
            name="all: Manila is away for 20 s before they begin",
            operations=OPERATIONS,
            plant=plants.beforehand(lambda world: world.site.proxy.outage(20)),
        ),
        Case(
            name="all: Manila is away for 20 s while they are at work",
            operations=at_work,
            plant=BUSY,
            meanwhile=manila_goes,
        ),
        Case(
            name="all: Keystone is away for 20 s before they begin",
            operations=OPERATIONS,
            plant=plants.keystone_away(20),
        ),
        Case(
            name="all: Keystone is away for 20 s while they are at work",
            operations=at_work,
            plant=BUSY,
            meanwhile=keystone_goes,
        ),
    ]
