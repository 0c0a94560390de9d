# SPDX-License-Identifier: Apache-2.0
"""What is in Manila and unaccounted for. The books are the bank's files, read as they stand."""

import json
from pathlib import Path
from typing import Any


class Books:
    """The pages of one checkpoint's shares in a file-system bank.

    :param bank: the bank's folder
    """

    def __init__(self, bank: Path, checkpoint_id: str) -> None:
        self._root = bank / "karbor" / "checkpoints" / checkpoint_id

    def name(self, snapshot: Any) -> bool:
        """Whether a snapshot is named by the record or the intent of its share.

        An intent without an id names what bears its mark.
        """
        record = self._page(snapshot.share_id, "metadata")
        intent = self._page(snapshot.share_id, "intent")
        if snapshot.id in (record.get("snapshot_id"), intent.get("created_id")):
            return True
        marked = set((snapshot.metadata or {}).values())
        return bool(intent) and intent["created_id"] is None and self._root.name in marked

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
