# SPDX-License-Identifier: Apache-2.0
"""What came of drills, in a bank: kept after the temporary share is gone, and the checkpoint, too.

The keys say of which share, checkpoint and verification a result is, and when it was, so that one
list finds them; the value is a text with its signature (:mod:`karbor_manila.common.sealing`).
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from karbor_manila.bank import access as bank_access
from karbor_manila.common.ids import is_id

# Not below identity.PREFIX, which is listed often.
_PREFIX = "/karbor-manila-drills/"
_MOMENT = "%Y%m%dT%H%M%SZ"

#: So many results of a share are kept: the newest.
MOST = 100


@dataclass(frozen=True)
class Place:
    """Of what a result is. ``at`` is UTC, to the second."""

    provider_id: str
    project_id: str
    share_id: str
    at: datetime.datetime
    checkpoint_id: str
    verification_id: str

    @property
    def key(self) -> str:
        """Where it stands in the bank."""
        at = self.at.astimezone(datetime.UTC).strftime(_MOMENT)
        below = f"{self.provider_id}/{self.project_id}/{self.share_id}"
        return f"{_PREFIX}{below}/{at}@{self.checkpoint_id}@{self.verification_id}"


def put(bank: Any, place: Place, sealed: dict[str, str]) -> None:
    """Keep a result. Raises BankUnreadable."""
    bank_access.ask(lambda: bank.update_object(place.key, sealed), "take the result of a drill")


def forget_oldest(bank: Any, of: Place) -> None:
    """Keep no more than the newest :data:`MOST` results of a share. Raises BankUnreadable."""
    kept = list(places(bank, of.provider_id, of.project_id, of.share_id))
    for place in kept[: max(0, len(kept) - MOST)]:
        bank_access.remove(bank, place.key, "forget the result of a drill")


def places(
    bank: Any, provider_id: str, project_id: str = "", share_id: str = ""
) -> Iterator[Place]:
    """The results of a provider, of a project or of a share, the oldest of each share first.

    :param share_id: only with a project
    :raises BankUnreadable: the bank cannot be listed
    """
    prefix = "/".join(filter(None, (_PREFIX + provider_id, project_id, share_id))) + "/"
    for key in sorted(bank_access.ask(lambda: bank.list_objects(prefix), "list drills")):
        place = _parsed(key)
        if place:
            yield place


def get(bank: Any, place: Place) -> dict[str, Any]:
    """What is kept of a drill; empty when it is damaged, or gone.

    :raises BankUnreadable: the bank does not give it
    """
    found = bank_access.ask(
        lambda: bank_access.look(
            lambda: bank.get_object(place.key),
            lambda: place.key in bank.list_objects(place.key.rpartition("/")[0] + "/"),
        ),
        "give the result of a drill",
    )
    return found.value if isinstance(found.value, dict) else {}


def _parsed(key: str) -> Place | None:
    """The place of a key; None when it is none of ours."""
    parts = key.removeprefix(_PREFIX).split("/")
    words = parts[-1].split("@")
    if len(parts) != 4 or len(words) != 3 or not (is_id(words[1]) and is_id(words[2])):
        return None
    try:
        at = datetime.datetime.strptime(words[0], _MOMENT).replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
    provider_id, project_id, share_id, _name = parts
    return Place(provider_id, project_id, share_id, at, words[1], words[2])
