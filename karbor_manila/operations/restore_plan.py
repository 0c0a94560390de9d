# SPDX-License-Identifier: Apache-2.0
"""What a restore of one share will do, found out without a writing call.

The restore carries out the plan that this makes, and a verification of depth ``plan`` tells it, so
that the two never disagree.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank.errors import BankUnreadable, RecordInvalid
from karbor_manila.bank.record import ShareRecord
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import InvalidParameter, NotSupported
from karbor_manila.manila.views import HIDDEN, NewShare, Placement, Revertible, Rule, Source
from karbor_manila.operations import newer_snapshots, parameters
from karbor_manila.operations.errors import PublicShare, RecordMissing, SnapshotOfClone
from karbor_manila.operations.share_operation import ShareJob
from karbor_manila.schemas import RESTORE_SCHEMA

LOG = logging.getLogger(__name__)

NEW_SHARE = "new share"
IN_PLACE = "in place"

#: Of a restore in place.
LEFT_ALONE = "Its name, description, metadata and access rules: they stay as they are."

# What Manila gives a new share by itself, and is told of only when the user asked for it.
_ASKED = ("share_type", "share_network_id")

# Parameters of a new share that mean nothing for one that is there, and the other way round.
_OF_A_NEW_SHARE = ("restore_name", "restore_description", "size", "share_type", "share_network_id")
_NOT_IN_PLACE = ("is_public", "access_rules", "keep_failed")
_OF_IN_PLACE = ("remove_newer", "safety_copy")


@dataclass(frozen=True)
class RestorePlan:
    """What is made, from what, and what is not had back. Sentences are for the user to read.

    ``placement`` is what a new share will have of the protected share as that is now.
    ``removes`` are the ids of newer snapshots that an in-place restore removes.
    """

    way: str
    driver: str
    source: Source
    new: NewShare | None = None
    placement: Placement | None = None
    access_rules: list[Rule] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)
    safety_copy: bool = False
    loses: list[str] = field(default_factory=list)
    not_restored: list[str] = field(default_factory=list)

    def share(self) -> NewShare:
        """The new share, in the plan of one."""
        if self.new is None:
            raise ValueError(f"a restore {self.way} makes no share")
        return self.new

    def told(self) -> str:
        """The plan as JSON, for Karbor's API."""
        return str(jsonutils.dumps(asdict(self)))


def check(share_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a restore of one share, whatever Manila says; before a restore begins.

    :param share_id: the share that the checkpoint holds
    :param given: of a restore, or of a verification, which has them all and ``depth``
    :raises InvalidParameter: one of them cannot be used, or not with the others
    :raises NotSupported: ``share_id`` is another share
    """
    own = {name: value for name, value in given.items() if name != "depth"}
    wanted = parameters.resolve(RESTORE_SCHEMA, own)
    target = wanted["share_id"]
    if target and target != share_id:
        raise NotSupported(
            f"Restoring share {share_id} into the existing share {target} (share_id)",
            "A snapshot can be restored into a new share, when share_id is left out, or in place, "
            "when share_id is the protected share itself. Nothing was changed.",
        )
    foreign = [name for name in (_OF_A_NEW_SHARE if target else _OF_IN_PLACE) if wanted[name]]
    foreign += [
        name for name in ("is_public", "access_rules", "keep_failed") if target and wanted[name]
    ]
    for name in foreign:
        when = "a new share is made" if target else "the share is restored in place (share_id)"
        raise InvalidParameter(name, wanted[name], f"it can only be given when {when}")
    return wanted


def check_by_record(checkpoint: Any, share_id: str, wanted: dict[str, Any]) -> None:
    """What the record alone refuses, so that no share of a restore is begun for nothing.

    :param wanted: what :func:`check` gave
    :raises InvalidParameter: Manila cannot do what is asked
    """
    if not wanted["include"]:
        return
    section = checkpoint.get_resource_bank_section(share_id)
    try:
        record = ShareSection(section, Clock().sleep).record()
    except (RecordInvalid, BankUnreadable) as error:
        LOG.info("Share %s, checkpoint %s is checked later: %s", share_id, checkpoint.id, error)
        return
    if record and wanted["share_id"]:
        _check_snapshot_of(record)
    elif record:
        new_share(checkpoint.id, record, wanted)


def asked(wanted: Mapping[str, Any]) -> dict[str, str]:
    """What the user asked for of what Manila gives a new share by itself."""
    return {name: str(wanted[name]) for name in _ASKED if wanted[name]}


def plan(job: ShareJob, wanted: dict[str, Any]) -> RestorePlan:
    """What the restore of the job's share would do now.

    :param wanted: what :func:`check` gave
    :raises KarborManilaError: it cannot be done, and why
    """
    record = job.section.record()
    if record is None:
        raise RecordMissing(job.checkpoint.id, job.share_id)
    if wanted["share_id"]:
        _check_snapshot_of(record)
    driver = job.recorded_driver(record.driver, "record")
    driver.verify(
        record.snapshot_id,
        record.snapshot_of,
        size=record.size,
        project_id=record.project_id or job.checkpoint.project_id,
    )
    if wanted["share_id"]:
        made = _in_place(job, record, wanted)
    else:
        made = new_share(job.checkpoint.id, record, wanted)
        placement = driver.preflight_clone(made.source, made.share())
        moved = list(_moved(record, placement))
        made = replace(made, placement=placement, not_restored=[*made.not_restored, *moved])
    job.flow.once("quota of a restore", lambda: _preflight(job, record))
    return made


def _preflight(job: ShareJob, record: ShareRecord) -> None:
    sizes = _sizes(job)
    if sizes:
        job.driver(record.driver).preflight_restore(sizes)


def _check_snapshot_of(record: ShareRecord) -> None:
    if record.clone_id:
        raise SnapshotOfClone(record.share_id, record.clone_id)


def source_of(record: ShareRecord) -> Source:
    """What a restore starts from."""
    return Source(
        snapshot_id=record.snapshot_id,
        share_id=record.snapshot_of,
        size=record.size,
        share_proto=record.share_proto,
        share_type=record.share_type,
        share_network_id=record.share_network_id,
        availability_zone=record.availability_zone,
    )


def new_share(checkpoint_id: str, record: ShareRecord, wanted: dict[str, Any]) -> RestorePlan:
    """The plan of a new share, by the record and the parameters alone: without its placement.

    :raises InvalidParameter: Manila cannot do what is asked
    """
    size = wanted["size"] or record.size
    if size < record.size:
        raise InvalidParameter(
            "size", size, f"the share had {record.size} GiB, and a new share cannot have less"
        )
    rules = [rule for rule in record.access_rules or [] if rule["access_to"] != HIDDEN]
    return RestorePlan(
        way=NEW_SHARE,
        driver=record.driver,
        source=source_of(record),
        new=NewShare(
            name=wanted["restore_name"]
            or record.share_name
            or f"{checkpoint_id}@{record.share_id}",
            description=wanted["restore_description"] or record.share_description,
            size=size,
            metadata=(record.metadata or {}) if wanted["metadata"] else {},
            is_public=wanted["is_public"],
            asked=asked(wanted),
        ),
        access_rules=rules if wanted["access_rules"] else [],
        not_restored=list(_not_restored(record, wanted)),
    )


def _in_place(job: ShareJob, record: ShareRecord, wanted: dict[str, Any]) -> RestorePlan:
    driver = job.driver(record.driver)
    found = driver.inspect_revert(record.snapshot_id, record.share_id, job.context.project_id)
    blocking = newer_snapshots.identify(job, found.newer)
    newer_snapshots.refuse(job, record.snapshot_id, blocking, removed=wanted["remove_newer"])
    if blocking and found.share.get("is_public"):
        raise PublicShare(record.share_id)
    driver.preflight_revert(found, safety_copy=wanted["safety_copy"])
    return RestorePlan(
        way=IN_PLACE,
        driver=record.driver,
        source=source_of(record),
        removes=[each.snapshot_id for each in blocking],
        safety_copy=wanted["safety_copy"],
        loses=list(_losses(found, blocking)),
        not_restored=[LEFT_ALONE],
    )


def _losses(found: Revertible, blocking: list[newer_snapshots.Newer]) -> Any:
    """What is there now and will not be, a sentence each."""
    yield f"What was written to the share since {found.snapshot.get('created_at')} UTC."
    now, then = int(found.share["size"]), int(found.snapshot["size"])
    if now != then:
        yield f"Its size of {now} GiB: it had {then} GiB then."
    for each in blocking:
        yield f"Checkpoint {each.checkpoint_id} loses this share: {each.told} is removed."


def _moved(record: ShareRecord, placement: Placement) -> Iterator[str]:
    """What a new share has otherwise than the share had then, a sentence each: a migration may
    have changed the share, and Manila goes by what that is now."""
    types = {record.share_type, record.share_type_name}
    if record.share_type and not types & {placement.share_type, placement.share_type_name}:
        now = placement.share_type_name or placement.share_type
        yield _other("share type", record.share_type_name or record.share_type, now)
    if record.version and record.share_network_id != placement.share_network_id:
        yield _other("share network", record.share_network_id, placement.share_network_id)
    zone = placement.availability_zone
    if record.availability_zone and zone and record.availability_zone != zone:
        yield _other("availability zone", record.availability_zone, zone)


def _other(what: str, then: str | None, now: str | None) -> str:
    return (
        f"Its {what} of then ({then or 'none'}): the share has another one now ({now or 'none'}), "
        f"and Manila gives the new share that one."
    )


def _sizes(job: ShareJob) -> list[int]:
    """The sizes of all new shares of the flow, safety copies too, as far as the records and the
    parameters tell.

    What is wrong with another share is told by that share's own plan, and hinders no other.
    """
    sizes = []
    for share_id in job.flow.resource_ids:
        given = parameters.merge(job.request.parameters, constants.SHARE_RESOURCE_TYPE, share_id)
        try:
            wanted = check(share_id, given)
            makes = wanted["safety_copy"] or not wanted["share_id"]
            record = job.section_of(share_id).record() if wanted["include"] and makes else None
        except (
            InvalidParameter,
            NotSupported,
            RecordInvalid,
            BankUnreadable,
        ) as error:
            LOG.info(
                "Share %s, checkpoint %s does not count for the quota: %s",
                share_id,
                job.checkpoint.id,
                error,
            )
            continue
        if record:
            sizes.append(wanted["size"] or record.size)
    return sizes


def _not_restored(record: ShareRecord, wanted: dict[str, Any]) -> Iterator[str]:
    """What the new share will not have, a sentence each."""
    unknown = "the record does not say; it was made by an older release or by Karbor's own plugin"
    if record.metadata is None:
        yield f"Its metadata: {unknown}."
    elif record.metadata and not wanted["metadata"]:
        yield "Its metadata: not asked for (metadata)."
    if record.access_rules is None:
        yield f"Its access rules: {unknown}, or Manila did not tell."
    elif record.access_rules and not wanted["access_rules"]:
        yield f"Its access rules ({len(record.access_rules)}): not asked for (access_rules)."
    elif hidden := _hidden(record.access_rules):
        yield hidden
    if record.is_public and not wanted["is_public"]:
        yield "That it was public: not asked for (is_public)."
    if record.share_group_id:
        yield f"Its place in share group {record.share_group_id}: Manila cannot do that."


def _hidden(rules: Collection[Rule]) -> str:
    """A sentence on the rules of which Manila did not tell whom they let in; empty if there are
    none."""
    kinds = Counter(
        f"{rule['access_type']} {rule['access_level']}"
        for rule in rules
        if rule["access_to"] == HIDDEN
    )
    if not kinds:
        return ""
    listed = ", ".join(f"{number} of {kind}" for kind, number in sorted(kinds.items()))
    return (
        f"Its access rules with locked visibility ({listed}): Manila did not tell whom they let "
        f"in. Ask whoever locked them to allow the access to the new share."
    )
