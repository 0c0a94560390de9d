# SPDX-License-Identifier: Apache-2.0
"""Puts a file where an application looks before it writes, as long as its share is protected."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from oslo_config import cfg

from karbor_manila.hooks.base import PROTECT, Call, Hook, Outcome
from karbor_manila.hooks.errors import HookSkip


class LockfileHook(Hook):
    """For shares whose owner has set the key ``lockfile`` in their metadata.

    There is a file for each checkpoint, so that of two checkpoints of one share neither takes away
    the file of the other.
    """

    options: ClassVar[Collection[cfg.Opt]] = (
        cfg.StrOpt("lockfile_folder", default="", help="Where the files are, an absolute path."),
    )
    needs_post: ClassVar[bool] = True

    @property
    def points(self) -> frozenset[str]:
        return frozenset({PROTECT})

    def check(self) -> None:
        """Whatever is wrong with the options ends the start of karbor-protection, not a backup."""
        if not Path(self.options_here.lockfile_folder).is_absolute():
            raise cfg.Error("lockfile_folder must be an absolute path")

    def applies(self, *, call: Call) -> bool:
        return "lockfile" in call.shares[0].get("metadata", {})

    def pre(self, *, call: Call) -> Mapping[str, Any] | None:
        share_id = call.shares[0]["id"]
        folder = Path(self.options_here.lockfile_folder)
        if (folder / f"{share_id}.busy").exists():
            raise HookSkip("its application is busy.")
        lock = folder / f"{share_id}.{call.checkpoint_id}.lock"
        # In the bank before there is a file: should this process die, its post is called with it.
        call.remember({"lock": str(lock)})
        lock.touch()
        return None

    def post(
        self, *, call: Call, data: Mapping[str, Any] | None, outcome: Outcome
    ) -> Mapping[str, Any] | None:
        """May be called twice, and for a pre that came no further than its first line."""
        if data is None:
            return None
        Path(data["lock"]).unlink(missing_ok=True)
        return {"annotations": {"lockfile": Path(data["lock"]).name}}
