# SPDX-License-Identifier: Apache-2.0
"""What an audit finds, and what became of it: plain values."""

import enum
from dataclasses import dataclass, field

#: A snapshot that bears our mark and that no checkpoint accounts for.
ORPHAN = "orphan"
#: A share in a checkpoint whose snapshot is gone.
LOST = "lost"


class Action(enum.StrEnum):
    """What :meth:`.Audit.fix` does about a finding; the value is for the operator to read."""

    NONE = ""
    REMOVE = "remove the snapshot"
    REPORT = "say so in the checkpoint"


class Reason(enum.StrEnum):
    """What does not agree; the value is the name of it."""

    UNKNOWN_CHECKPOINT = "unknown checkpoint"
    DELETED_CHECKPOINT = "deleted checkpoint"
    OTHER_PROJECT = "mark of another project"
    OTHER_SHARE = "mark of another share"
    ENDED_RESTORE = "temporary, of an ended restore"
    SECOND_SNAPSHOT = "second snapshot"
    NO_RECORD = "no record"
    GONE = "gone"
    TRANSFERRED = "transferred"


@dataclass(frozen=True)
class Finding:
    """Something that does not agree.

    :ivar driver: the name of the driver that keeps the share in what ``snapshot_id`` names
    :ivar why: the reason as a sentence, for the operator; nothing goes by it
    """

    kind: str
    driver: str
    provider_id: str
    snapshot_id: str
    share_id: str
    checkpoint_id: str
    project_id: str
    reason: Reason
    why: str = field(compare=False)
    action: Action


@dataclass(frozen=True)
class Outcome:
    """What became of a finding.

    :ivar settled: whether nothing is left to do about it
    :ivar text: a sentence for the operator; nothing goes by it
    """

    settled: bool
    text: str

    def __str__(self) -> str:
        return self.text


def left_alone(why: object = "") -> Outcome:
    """Nothing was changed.

    :param why: for the operator; empty when the finding says it
    """
    return Outcome(False, f"left alone: {why}" if why else "left alone")
