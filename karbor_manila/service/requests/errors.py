# SPDX-License-Identifier: Apache-2.0
"""Why a checkpoint is not removed, held or released although somebody asks for it."""

from dataclasses import dataclass

from karbor_manila.common.deferral import Deferral
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.holds import Hold


@dataclass(eq=False)
class CheckpointHeld(KarborManilaError):
    """A DELETE of a checkpoint that somebody holds."""

    checkpoint_id: str
    hold: Hold

    def _sentence(self) -> str:
        return (
            f"Checkpoint {self.checkpoint_id} is {self.hold.told()}. Nothing was deleted. Who "
            f"needs it no more ends the hold first, with 'karbor-manila release "
            f"{self.checkpoint_id}'."
        )


@dataclass(eq=False)
class HeldByAnother(KarborManilaError):
    """A hold on a checkpoint that another user holds already."""

    checkpoint_id: str
    hold: Hold

    def _sentence(self) -> str:
        return (
            f"Checkpoint {self.checkpoint_id} is {self.hold.told()}. Nothing was changed: a second "
            f"hold would take the place of that one. End it first, with 'karbor-manila release "
            f"{self.checkpoint_id}'."
        )


@dataclass(eq=False)
class HeldByAdministrator(KarborManilaError):
    """A release of a checkpoint that is held by somebody who is not of its project."""

    checkpoint_id: str
    hold: Hold

    def _sentence(self) -> str:
        return (
            f"Checkpoint {self.checkpoint_id} is {self.hold.told()}. It was held from outside of "
            f"its project, so an administrator ends it. Nothing was changed."
        )


@dataclass(eq=False)
class DeletionWaits(KarborManilaError):
    """A checkpoint that was deleted, and whose deletion is not carried out yet.

    ``waits`` is None when it is not known when that is due.
    """

    checkpoint_id: str
    waits: Deferral | None

    def _sentence(self) -> str:
        due = f"{self.waits.due:%Y-%m-%d %H:%M:%S} UTC" if self.waits else "a time that is unknown"
        return (
            f"Checkpoint {self.checkpoint_id} was deleted already and goes at {due}. Nothing was "
            f"changed. To have it back, use 'karbor-manila undelete {self.checkpoint_id}'; to "
            f"have it gone at once, 'karbor-manila purge {self.checkpoint_id}'."
        )


@dataclass(eq=False)
class QuotaFull(KarborManilaError):
    """A checkpoint that cannot be had back: there is no room for it in the quota."""

    checkpoint_id: str
    project_id: str

    def _sentence(self) -> str:
        return (
            f"Checkpoint {self.checkpoint_id} is not counted since it was deleted, and project "
            f"{self.project_id} has as many others as it may have. Nothing was changed. Delete "
            f"another one first, or have an administrator raise the quota of checkpoints."
        )
