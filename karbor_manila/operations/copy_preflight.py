# SPDX-License-Identifier: Apache-2.0
"""Whether checkpoints can be copied, found out before any copy exists."""

from collections.abc import Collection
from typing import Any

from karbor_manila.bank.errors import RecordForeign, RecordInvalid
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.left_out import BROKEN, NOT_SUPPORTED, Why
from karbor_manila.manila.errors import CloneUnsupported, SnapshotGone
from karbor_manila.manila.kept import Kept
from karbor_manila.operations import leaving_out
from karbor_manila.operations.copy import read_source
from karbor_manila.operations.errors import NotCopyable, RecordMissing
from karbor_manila.operations.flow import FlowContext

# For a share that its plan names: a copy without it is not what was asked for.
_CURE = (
    "Make a plan of the other shares and copy that: with this checkpoint this plan cannot be "
    "copied as long as the share's type does not allow it."
)


def look(flow: FlowContext, wanted: Collection[tuple[Any, list[str]]]) -> dict[str, dict[str, Why]]:
    """Whether these checkpoints can be copied; writes nothing.

    :param wanted: Karbor's checkpoints, each with the ids of its shares
    :returns: by checkpoint, the shares that its copy leaves out, and why: those that it cannot
        give back itself any more, and those that its plan does not name and of which Manila makes
        no new share. They do not keep the others from being copied.
    :raises KarborManilaError: which share of which checkpoint cannot be copied, and why
    """
    sources: dict[str, list[Kept]] = {}
    holders: dict[tuple[str, str], tuple[Any, str]] = {}
    unusable: dict[str, dict[str, Why]] = {checkpoint.id: {} for checkpoint, _shares in wanted}
    for checkpoint, share_ids in wanted:
        for share_id in share_ids:
            section = checkpoint.get_resource_bank_section(share_id)
            try:
                own = ShareSection(section, flow.clock.sleep)
                known = read_source(own, checkpoint.id, share_id)
            except KarborManilaError as error:
                unusable[checkpoint.id][share_id] = _why_left_out(checkpoint, share_id, error)
                continue
            sources.setdefault(known.driver, []).append(known.kept())
            holders[known.kept().key] = (checkpoint, share_id)
    for name, of_driver in sources.items():
        driver = flow.recorded_driver(name, "record")
        for key, refusal in driver.preflight_copy(of_driver).items():
            checkpoint, share_id = holders[key]
            unusable[checkpoint.id][share_id] = _why_left_out(checkpoint, share_id, refusal)
    return unusable


def _why_left_out(checkpoint: Any, share_id: str, error: Exception) -> Why:
    """Why a copy goes without a share.

    What cannot be restored from the source is no loss to its copy. Of a type that allows no new
    shares it is as when it was protected: no fault in a share of the whole project, and refused
    when the plan names it. What may be copied another time, or by another release, must not be
    missing in the copy.

    :raises NotCopyable: it does not go without
    """
    if isinstance(error, CloneUnsupported):
        if share_id not in leaving_out.named_by(checkpoint):
            return Why(error.why, NOT_SUPPORTED)
        where = f"Share {share_id}, which the plan of checkpoint {checkpoint.id} names,"
        raise NotCopyable(where, f"{error.why}. {_CURE}") from error
    foreign = isinstance(error, RecordForeign)
    lost = (RecordMissing, RecordInvalid, SnapshotGone)
    if foreign or not isinstance(error, lost):
        where = f"Share {share_id} of checkpoint {checkpoint.id}"
        raise NotCopyable(where, str(error)) from error
    return Why(str(error), BROKEN)
