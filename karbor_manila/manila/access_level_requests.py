# SPDX-License-Identifier: Apache-2.0
"""Requests that change access rules of shares in place (manila/api/v2/share_accesses.py)."""

import urllib.parse

from karbor_manila.manila.connection import Connection
from karbor_manila.manila.errors import ManilaRefused


class AccessLevelRequests(Connection):
    """Each method is one HTTP request. False when there is no such rule, or key."""

    def set_access_level(self, rule_id: str, level: str) -> bool:
        """Give a rule another level, ``rw`` or ``ro`` (microversion 2.88).

        True has begun: the rule is ``queued_to_update``, ``updating``, then ``active`` or
        ``error``. Of a rule that has the level already nothing changes. It takes any state, and a
        rule that is being denied would stay (manila/share/api.py, update_access_to_instance).
        """
        asked = f"give access rule {rule_id} the level {level}"
        return self._change("PUT", rule_id, "", asked, {"update_access": {"access_level": level}})

    def set_access_metadata(self, rule_id: str, key: str, value: str) -> bool:
        """Set one key of a rule's metadata; the others stay (2.45)."""
        asked = f"set metadata of access rule {rule_id}"
        return self._change("PUT", rule_id, "/metadata", asked, {"metadata": {key: value}})

    def delete_access_metadata(self, rule_id: str, key: str) -> bool:
        """Remove one key of a rule's metadata (2.45)."""
        asked = f"remove metadata of access rule {rule_id}"
        below = f"/metadata/{urllib.parse.quote(key, safe='')}"
        return self._change("DELETE", rule_id, below, asked)

    def _change(
        self, method: str, rule_id: str, below: str, asked: str, body: object = None
    ) -> bool:
        form = {"body": body} if body else {}
        try:
            self._send(
                asked, method, f"/share-access-rules/{rule_id}{below}", readable=False, **form
            )
        except ManilaRefused as refused:
            if refused.status == 404:
                self._confirm()
                return False
            raise
        return True
