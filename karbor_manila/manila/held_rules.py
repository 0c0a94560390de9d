# SPDX-License-Identifier: Apache-2.0
"""The access rules of shares as one sees them who keeps some of them read-only."""

import datetime
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

from karbor_manila.manila import access_holds, statuses
from karbor_manila.manila.errors import ManilaRefused
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.ownership import SHARE
from karbor_manila.manila.views import View

RW: Final = "rw"
RO: Final = "ro"


class HeldRules:
    """What a holder asks of Manila. Transient errors are retried.

    :param client: the flow's client
    :param holder: for whom rules are read-only: the id of a checkpoint
    :param project_id: whose the shares are; another project's are left alone
    :param until: UTC; when others may take the holder for dead
    """

    def __init__(
        self, client: FlowClient, holder: str, project_id: str, until: datetime.datetime
    ) -> None:
        self.holder = holder
        self._client = client
        self._project_id = project_id
        self._until = until

    def rules(self, share: str) -> list[View] | None:
        """The rules of a share now; None of one that is gone, or another project's."""
        try:
            found: list[View] = self._retry(self._client.manila.access_rules, share)
        except ManilaRefused:
            # Manila calls it a bad request when the share is gone (share_accesses.py, _index).
            if not self.is_there(share):
                return None
            raise
        return found

    def is_there(self, share: str) -> bool:
        """Whether it is a share of the project."""
        return self._client.ownership.show(SHARE, share, self._project_id) is not None

    def busy(self, share: str) -> str:
        """The status of a share of the project in transition; empty when it is in none."""
        found = self._client.ownership.show(SHARE, share, self._project_id)
        status = str(found["status"]) if found else ""
        return status if status in statuses.SHARE_BUSY else ""

    def now(self) -> float:
        """Seconds, of the flow's clock."""
        return self._client.clock.now()

    def mark(self, rule: View, word: str) -> None:
        """Say of a rule what it is to this holder."""
        value = access_holds.value_of(word, self._until)
        manila = self._client.manila
        self._retry(manila.set_access_metadata, rule["id"], self._key, value)

    def unmark(self, rule: View) -> None:
        """It is nothing any more to this holder, and to those who have left it to him. His own mark
        goes last: as long as it is there, this is repeated."""
        for key in [*access_holds.left(metadata_of(rule)), self._key]:
            self._retry(self._client.manila.delete_access_metadata, rule["id"], key)

    def give(self, rule: View, level: str) -> bool:
        """Ask for a level; whether there is such a rule."""
        return bool(self._retry(self._client.manila.set_access_level, rule["id"], level))

    def says(self, rule: View) -> str:
        """What this holder's mark says."""
        return access_holds.word_of(metadata_of(rule), self.holder)

    def is_others(self, rule: View) -> bool:
        """Whether anybody else has made it read-only and not put it back."""
        return access_holds.is_held(metadata_of(rule), but_by=self.holder)

    def others_say(self, rule: View) -> set[str]:
        """What the marks of others say."""
        now = self._client.clock.utcnow()
        return access_holds.others_say(metadata_of(rule), self.holder, now)

    @property
    def _key(self) -> str:
        return access_holds.key_of(self.holder)

    def _retry(self, ask: Callable[..., Any], *given: Any) -> Any:
        return self._client.retry(functools.partial(ask, *given))


def metadata_of(rule: View) -> Mapping[str, str]:
    """A rule's metadata."""
    found: Mapping[str, str] = rule.get("metadata") or {}
    return found


def named(rule: View) -> str:
    """A rule, for people."""
    return f"{rule['access_type']} {rule['access_to']}"
