# SPDX-License-Identifier: Apache-2.0
"""Why a checkpoint is not removed, held or released although somebody asks for it."""

from dataclasses import dataclass

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
