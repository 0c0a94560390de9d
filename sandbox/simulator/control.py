# SPDX-License-Identifier: Apache-2.0
"""Client of ``/simulator``, for tests and benchmarks. Standard library only."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

TIMEOUT = 60
# The environment may name a proxy for the outer world; this one is on loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Simulator:
    """Speaks to a simulator at a URL such as ``http://127.0.0.1:21005``."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def seed(self, project_id: str, count: int = 1, **fields: Any) -> list[str]:
        """Make available shares at once; their ids.

        :param fields: of each share; ``snapshots`` is how many of those each has
        """
        wanted = {"project_id": project_id, "count": count, **fields}
        made: list[str] = self._call("POST", "/seed", wanted)["share_ids"]
        return made

    def share(self, share_id: str) -> dict[str, Any]:
        """``project_id``, ``status`` and ``text`` of a share."""
        found: dict[str, Any] = self._call("GET", f"/shares/{share_id}")
        return found

    def update(self, share_id: str, **fields: str) -> None:
        """Set ``text``, ``status``, ``share_type`` or ``project_id`` of a share."""
        self._call("PATCH", f"/shares/{share_id}", fields)

    def remove_snapshot(self, snapshot_id: str) -> None:
        """The snapshot is gone."""
        self._call("DELETE", f"/snapshots/{snapshot_id}")

    def clear(self) -> None:
        """Everything is gone."""
        self._call("DELETE", "/objects")

    def change(self, profile: Mapping[str, Any]) -> None:
        """Another profile from now on."""
        self._call("PUT", "/profile", profile)

    def state(self) -> dict[str, Any]:
        """How many things there are by status, what is under way, which faults were met."""
        found: dict[str, Any] = self._call("GET", "/state")
        return found

    def counts(self) -> dict[str, int]:
        """Requests per method and route template, as ``GET /v2/shares/{id}``."""
        found: dict[str, int] = self._call("GET", "/counts")
        return found

    def clear_counts(self) -> None:
        """Start counting from nothing."""
        self._call("DELETE", "/counts")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/simulator{path}",
            data,
            {"Content-Type": "application/json"},
            method=method,
        )
        with _OPENER.open(request, timeout=TIMEOUT) as reply:
            text = reply.read()
        return json.loads(text) if text else None
