# SPDX-License-Identifier: Apache-2.0
"""Manila or Keystone are away for twenty seconds, with several operations at once."""

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from tests.faults import calls, plants
from tests.faults.case import Case

if TYPE_CHECKING:
    from tests.faults.world import World


OPERATIONS = ("protect", "restore", "verify", "delete")
ASKED = (calls.DROP_SNAPSHOT, calls.MAKE_SNAPSHOT, calls.MAKE_SHARE)
SLOW = ("create_snapshot", "create_share_from_snapshot", "delete_snapshot")


def cases(asked: Collection[str] = ASKED, slow: Collection[str] = SLOW) -> list[Case]:
    """Manila or Keystone are away for twenty seconds, in four operations at once.

    :param asked: the calls that say that the operations are at work
    :param slow: the methods of the backend that hold them up there
    """

    def at_work(world: "World") -> None:
        for call in asked:
            world.await_call(call)

    def keystone_goes(world: "World") -> None:
        at_work(world)
        world.site.stack.kill("keystone")
        time.sleep(20)
        world.site.stack.start_service("keystone")

    def manila_goes(world: "World") -> None:
        at_work(world)
        world.site.proxy.outage(20)

    busy = plants.slow(**dict.fromkeys(slow, 4.0))
    three = ("protect", "restore", "delete")
    return [
        Case(
            name="all: Manila is away for 20 s before they begin",
            operations=OPERATIONS,
            plant=plants.beforehand(lambda world: world.site.proxy.outage(20)),
        ),
        Case(
            name="all: Manila is away for 20 s while they are at work",
            operations=three,
            plant=busy,
            meanwhile=manila_goes,
        ),
        Case(
            name="all: Keystone is away for 20 s before they begin",
            operations=OPERATIONS,
            plant=plants.keystone_away(20),
        ),
        Case(
            name="all: Keystone is away for 20 s while they are at work",
            operations=three,
            plant=busy,
            meanwhile=keystone_goes,
        ),
    ]
