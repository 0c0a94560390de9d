# SPDX-License-Identifier: Apache-2.0
"""Requests about share backups (manila/api/v2/share_backups.py): one method, one HTTP request.

They are experimental in Manila, since microversion 2.80, and want a header that says that this is
known. A view does not tell whose the backup is.
"""

import urllib.parse
from typing import Any, Final

from manilaclient.common import constants

from karbor_manila.manila import paging
from karbor_manila.manila.connection import Connection
from karbor_manila.manila.paging import Listing
from karbor_manila.manila.views import View

_FORM: Final[dict[str, Any]] = {"headers": {constants.EXPERIMENTAL_HTTP_HEADER: "true"}}

_KEY = "share_backup"

# As many at a time as of shares (client.PAGE). Manila counts none of them.
_PAGE = 1000


class BackupRequests(Connection):
    """What Manila can be asked about backups. Errors are those of every request."""

    def backups(self, *, text: str = "", every_project: bool = False) -> Listing:
        """The backups of the session's own project in detail, the newest first.

        :param text: what their description has in it
        :param every_project: those of all projects; only an administrator gets them, and anybody
            else his own
        """
        asked = "list the backups of the project"
        filters = {"description~": text} if text else {}
        if every_project:
            filters["all_tenants"] = "1"

        def ask(offset: int) -> tuple[list[View], None]:
            query = filters | {"limit": str(_PAGE), "offset": str(offset)}
            path = f"/share-backups/detail?{urllib.parse.urlencode(query)}"
            return self._part(asked, self._send(asked, "GET", path, **_FORM)[1], f"{_KEY}s"), None

        return paging.everything(ask, _PAGE, asked)

    def backup(self, backup_id: str) -> View | None:
        """A backup, or None when there is none that this session may see: those of its own project,
        or of every project to an administrator."""
        asked = f"show backup {backup_id}"
        return self._get(f"/share-backups/{backup_id}", _KEY, asked, **_FORM)

    def create_backup(
        self, share_id: str, *, name: str, description: str, backup_type: str = ""
    ) -> View:
        """Ask for a backup. The view has ``request_id``, the id of the request that made it.

        :param backup_type: of the share's backend; empty for Manila's data service
        """
        body: View = {"share_id": share_id, "name": name, "description": description}
        if backup_type:
            body["backup_options"] = {"backup_type": backup_type}
        return self._post("/share-backups", _KEY, body, f"back up share {share_id}", **_FORM)

    def delete_backup(self, backup_id: str) -> bool:
        """Delete a backup. False when there is none; True is an HTTP 202: it has begun."""
        asked = f"delete backup {backup_id}"
        return self._delete(f"/share-backups/{backup_id}", asked, **_FORM)

    def restore_backup(self, backup_id: str, share_id: str | None = None) -> None:
        """Ask for the content of a share to be replaced by that of a backup.

        :param share_id: another share than the one that it is of (microversion 2.91); None for that
        """
        asked = f"restore backup {backup_id}" + (f" into share {share_id}" if share_id else "")
        path, body = f"/share-backups/{backup_id}/action", {"restore": share_id}
        self._send(asked, "POST", path, readable=False, body=body, **_FORM)
