# SPDX-License-Identifier: Apache-2.0
"""What is left of a share in a checkpoint that is deleted."""

from dataclasses import dataclass

from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import Mark


@dataclass(frozen=True)
class Left:
    """What is left to remove, by which drivers: an id, a mark, both or neither; of a copy
    (``is_copy``) the share that was made for it as well."""

    drivers: tuple[str, ...]
    kept: Kept | None
    mark: Mark | None
    is_copy: bool = False
    clone_id: str | None = None
    #: The driver that made that share, when what it made besides may be left.
    restored_by: str | None = None
    #: Whose it is; by default the checkpoint's.
    project_id: str | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether nothing was ever begun, so that Manila need not be asked."""
        return not (self.kept or self.clone_id or self.mark)
