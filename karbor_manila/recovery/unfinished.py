# SPDX-License-Identifier: Apache-2.0
"""What a search finds: work that a dead process left."""

import datetime
from dataclasses import dataclass, field

from karbor.common import constants

from karbor_manila.bank.hook_runs import Left

#: Karbor's status of a restore or a verification that runs; one word for both.
IN_PROGRESS = constants.RESTORE_STATUS_IN_PROGRESS


@dataclass(frozen=True)
class Unfinished:
    """Abandoned work on the checkpoint, restore, verification or share ``id``.

    ``since`` is UTC, or None when it is written nowhere when it began. What was never ``claimed``
    may be of Karbor's own code, which creates in Manila before it writes anything down.
    """

    operation: str
    id: str
    checkpoint_id: str
    provider_id: str
    project_id: str
    since: datetime.datetime | None
    claimed: bool = True


@dataclass(frozen=True)
class OpenHooks(Unfinished):
    """Hooks whose posts are to be called; ``id`` is that of their run, ``since`` when it began."""

    left: Left = field(kw_only=True)
