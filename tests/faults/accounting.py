# SPDX-License-Identifier: Apache-2.0
"""What is in Manila and unaccounted for. The books are the bank's files, read as they stand."""

import json
from pathlib import Path
from typing import Any

from tests.crash.ways import Kept


class Books:
    """The pages of one checkpoint's shares in a file-system bank.

    :param bank: the bank's folder
    """

    def __init__(self, bank: Path, checkpoint_id: str) -> None:
        self._root = bank / "karbor" / "checkpoints" / checkpoint_id

    def name(self, kept: Kept) -> bool:
        """Whether what keeps shares is named by the record or the intent of one of them.

        An intent without an id names what bears its mark.
        """
        return any(self._names(share_id, kept) for share_id in kept.shares)

    def _names(self, share_id: str, kept: Kept) -> bool:
        record, intent = self._page(share_id, "metadata"), self._page(share_id, "intent")
        if kept.id in (record.get("snapshot_id"), intent.get("created_id")):
            return True
        marked = {*(kept.view.get("metadata") or {}).values()}
        checkpoint = self._root.name
        described = checkpoint.replace("-", "") in str(kept.view.get("description"))
        known = described or checkpoint in marked
        return bool(intent) and intent["created_id"] is None and known

    def pages(self, share_id: str) -> list[str]:
        """The names of the pages that say that something is kept of a share.

        Those below ``restores`` are of shares that a restore made, which the owner was told of.
        """
        folder = self._root / "resource-data" / share_id
        return [key for key in ("metadata", "intent") if (folder / key).exists()]

    def _page(self, share_id: str, key: str) -> dict[str, Any]:
        path = self._root / "resource-data" / share_id / key
        if not path.exists():
            return {}
        page: dict[str, Any] = json.loads(path.read_text())
        return page
