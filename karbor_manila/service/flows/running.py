# SPDX-License-Identifier: Apache-2.0
"""What one flow works on, and what is claimed for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from karbor.common import constants

from karbor_manila.operations.final_status import FinalStatus

#: What a checkpoint or record becomes when its flow fails, by the status that it had in the flow.
FAILED: Mapping[str, str] = MappingProxyType(
    {
        constants.CHECKPOINT_STATUS_PROTECTING: constants.CHECKPOINT_STATUS_ERROR,
        constants.CHECKPOINT_STATUS_DELETING: constants.CHECKPOINT_STATUS_ERROR_DELETING,
        constants.CHECKPOINT_STATUS_WAIT_COPYING: constants.CHECKPOINT_STATUS_ERROR,
        constants.CHECKPOINT_STATUS_COPYING: constants.CHECKPOINT_STATUS_ERROR,
        constants.RESTORE_STATUS_IN_PROGRESS: constants.RESTORE_STATUS_FAILURE,
    }
)


@dataclass(frozen=True)
class Running:
    """One flow, from the moment at which it is to be built until it is over.

    :ivar operation: Karbor's name of it
    :ivar checkpoint: the one that is made, used or deleted
    :ivar record: Karbor's restore or verification, if it is one
    :ivar source: the checkpoint that is copied, if it is a copy
    :ivar targets: the ids of what is claimed besides: the shares that are reverted, and access that
        is given or taken back
    :ivar final_status: the status that the flow has written as its result
    :ivar plugins: Karbor's protection plugins that were made for this flow
    :ivar context: Karbor's request context of who asked for it
    """

    operation: str
    checkpoint: Any
    record: Any
    source: Any = None
    targets: tuple[str, ...] = ()
    final_status: FinalStatus | None = None
    plugins: list[Any] = field(default_factory=list)
    context: Any = None

    @property
    def claimed_id(self) -> str:
        """The id of what is claimed for it: a record, or else its checkpoint."""
        return str(self.record.id if self.record is not None else self.checkpoint.id)

    @property
    def source_ids(self) -> tuple[str, ...]:
        """The id of the checkpoint that is copied. It must not be deleted meanwhile."""
        return () if self.source is None else (str(self.source.id),)

    @property
    def besides_ids(self) -> tuple[str, ...]:
        """The ids of what must be held besides for anything to be written: the checkpoint that is
        copied, and access, which the next browse takes over as soon as its owner seems dead. A
        share that is reverted waits until the dead restore is settled, by its own claim."""
        is_verification = self.operation == constants.OPERATION_VERIFY
        return (*self.source_ids, *(self.targets if is_verification else ()))

    @property
    def claimed_ids(self) -> list[str]:
        """The ids of all that is claimed until it is over."""
        return [self.claimed_id, *self.source_ids, *self.targets]
