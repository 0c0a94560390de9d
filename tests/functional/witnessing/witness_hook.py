# SPDX-License-Identifier: Apache-2.0
"""A hook for the functional tests: it writes into a file, and into the share, what it sees.

``hook_drivers`` names it as ``witness_hook:WitnessHook``; this folder is in Karbor's path then.
"""

import json
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from oslo_config import cfg

from karbor_manila.hooks.base import Call, Hook, Outcome


class WitnessHook(Hook):
    """Keeps a file ``quiet`` in the share from its pre to its post."""

    options: ClassVar[Collection[cfg.Opt]] = (
        cfg.StrOpt("witness_file", help="What it saw, a JSON object a line."),
    )
    needs_post: ClassVar[bool] = True

    def pre(self, *, call: Call) -> Mapping[str, Any]:
        """The share's name says what goes wrong."""
        (share,) = call.shares
        self._saw(call, "pre")
        if share["name"] == "broken":
            raise RuntimeError("not now")
        if share["name"] == "late":
            time.sleep(14)  # its time is 10
        for folder in self._folders(call):
            (folder / "quiet").write_text(call.checkpoint_id)
        return {"quiet_since": call.environment.clock.now()}

    def post(
        self, *, call: Call, data: Mapping[str, Any] | None, outcome: Outcome
    ) -> Mapping[str, Any] | None:
        """The share is as before, whether or not it was quiet."""
        for folder in self._folders(call):
            (folder / "quiet").unlink(missing_ok=True)
        self._saw(call, "post", status=outcome.status, error=outcome.error, quiet=bool(data))
        if "annotations" not in outcome.result:
            return None
        return {"annotations": {"seen_by": self.name}}

    def _saw(self, call: Call, phase: str, **more: Any) -> None:
        (share,) = call.shares
        manila = call.environment.client.manila
        snapshots = [view["status"] for view in manila.snapshots(share_id=share["id"])]
        told = {"share": share["id"], "point": call.point, "phase": phase, "snapshots": snapshots}
        with Path(self.options_here.witness_file).open("a") as stream:
            stream.write(json.dumps(told | more) + "\n")

    @staticmethod
    def _folders(call: Call) -> list[Path]:
        """Exports of the sandbox are directories of this machine; what is deleted has none."""
        places = [
            place
            for share in call.shares
            for place in call.environment.shares.export_locations(share["id"])
        ]
        return [Path(place.partition(":")[2]) for place in places]
