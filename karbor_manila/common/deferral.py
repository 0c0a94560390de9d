# SPDX-License-Identifier: Apache-2.0
"""A deletion that waits (``delete_grace``): the checkpoint cannot be used, and can be had back.

It stands in the checkpoint's ``extra_info``, so in the bank. This module imports nothing of Karbor:
the commands read with it what the service has written.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: The status of such a checkpoint. It is none of Karbor's own, whose API shows any.
PENDING = "pending-delete"

#: In the ``extra_info`` of a checkpoint.
KEY = "deletion"


@dataclass(frozen=True)
class Deferral:
    """``asked`` and ``due`` are UTC; ``by`` is the id of a user, ``was`` the status before.

    :ivar counted: whether the quota of checkpoints counts one less since then
    """

    asked: str
    due: datetime.datetime
    by: str
    was: str
    counted: bool = True

    def dump(self) -> dict[str, Any]:
        """As it stands in the checkpoint: JSON."""
        due = self.due.isoformat(timespec="seconds")
        told = {"asked": self.asked, "due": due, "by": self.by, "was": self.was}
        return told if self.counted else told | {"counted": False}


def of(extra_info: Mapping[str, Any]) -> Deferral | None:
    """The deletion that waits; None when there is none, or it cannot be understood.

    :param extra_info: the checkpoint's, decoded
    """
    known = extra_info.get(KEY)
    if not isinstance(known, Mapping):
        return None
    try:
        due = datetime.datetime.fromisoformat(str(known.get("due")))
    except ValueError:
        return None
    due = due if due.tzinfo else due.replace(tzinfo=datetime.UTC)
    asked, by, was = (str(known.get(name) or "") for name in ("asked", "by", "was"))
    return Deferral(asked, due, by, was, known.get("counted") is not False)
