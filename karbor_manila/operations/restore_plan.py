# SPDX-License-Identifier: Apache-2.0
"""What a restore of one share will do, found out without a writing call.

The restore carries out the plan that this makes, and a verification of depth ``plan`` reports it,
so that the two never disagree.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank.errors import BankUnreadable, RecordInvalid
from karbor_manila.bank.record import ShareRecord
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.drivers.base import Target
from karbor_manila.manila.errors import SnapshotGone
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import HIDDEN, NewShare, Placement, Rule, Source
from karbor_manila.operations import (
    as_group,
    into_share,
    managed_again,
    newer_snapshots,
    not_restored,
)
from karbor_manila.operations.errors import PublicShare
from karbor_manila.operations.parameters import RestoreOptions
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)

NEW_SHARE = "new share"
AS_GROUP = "new share, with its group"
IN_PLACE = "in place"
INTO_ANOTHER = "into another share"


@dataclass(frozen=True)
class RestorePlan:
    """What is made, from what, and what is not had back. Sentences are for the user to read.

    ``placement`` is what a new share will have of the protected share as that is now.
    ``removes`` are the ids of newer snapshots that an in-place restore removes. ``into`` is the id
    of the share whose content is replaced, when what is kept is of another one.
    """

    way: str
    driver: str
    kept: Kept
    source: Source
    new: NewShare | None = None
    placement: Placement | None = None
    access_rules: list[Rule] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)
    safety_copy: bool = False
    loses: list[str] = field(default_factory=list)
    not_restored: list[str] = field(default_factory=list)
    into: str | None = None
    as_group: bool = False

    def share(self) -> NewShare:
        """The new share, in the plan of one."""
        if self.new is None:
            raise ValueError(f"a restore {self.way} makes no share")
        return self.new

    def target(self, mark: Mark) -> Target:
        """What the driver is to make under this mark, in the plan of a new share."""
        return Target(mark, self.share(), self.source.share_proto, self.as_group)

    def as_report(self) -> str:
        """The plan as JSON, for Karbor's API."""
        plain = asdict(self)
        del plain["kept"]  # the source is what its user reads of it
        for part in filter(None, (plain["new"], plain["placement"])):
            for name in ("encryption_key_ref", "has_replicas"):  # said where there are some
                if not part.get(name):
                    part.pop(name, None)
        if plain["into"] is None:
            del plain["into"]
        return str(jsonutils.dumps(plain))


def check_by_record(checkpoint: Any, share_id: str, options: RestoreOptions) -> None:
    """What the record alone refuses, so that no share of a restore is begun for nothing.

    :raises InvalidParameter: Manila cannot do what is asked
    """
    if not options.include:
        return
    section = checkpoint.get_resource_bank_section(share_id)
    try:
        record = ShareSection(section, Clock().sleep).record()
    except (RecordInvalid, BankUnreadable) as error:
        LOG.info("Share %s, checkpoint %s is checked later: %s", share_id, checkpoint.id, error)
        return
    if record and options.is_revert:
        into_share.check(record, options)
    elif record:
        as_group.check(record.driver, options)
        new_share(checkpoint.id, record, options)


def plan(job: ShareJob, options: RestoreOptions) -> RestorePlan:
    """What the restore of the job's share would do now.

    :raises KarborManilaError: it cannot be done, and why
    """
    record = job.flow.restores.record(job.share_id)
    if options.is_revert:
        into_share.check(record, options)
    driver = job.flow.recorded_driver(record.driver, "record")
    try:
        driver.check(record.kept(), project_id=record.project_id or job.checkpoint.project_id)
    except SnapshotGone:
        managed_again.remark(job, record)
        raise
    if options.is_revert:
        made = _revert(job, record, options)
    else:
        made = new_share(job.checkpoint.id, record, options)
        job.flow.restores.check_name(job.share_id)
        if options.as_group:
            placement, told = as_group.place(job, driver, made.kept, made.share())
        else:
            placement, told = driver.place(made.kept, made.share()), []
        told += not_restored.moved(record, placement)
        made = replace(
            made,
            new=replace(made.share(), encryption_key_ref=placement.encryption_key_ref),
            placement=placement,
            not_restored=[*made.not_restored, *told],
        )
    _ = job.flow.restores.quota
    return made


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


def new_share(checkpoint_id: str, record: ShareRecord, options: RestoreOptions) -> RestorePlan:
    """The plan of a new share, by the record and the parameters alone: without its placement.

    :raises InvalidParameter: Manila cannot do what is asked
    """
    size = options.size or record.size
    if size < record.size:
        raise InvalidParameter(
            "size", size, f"the share had {record.size} GiB, and a new share cannot have less"
        )
    rules = [rule for rule in record.access_rules or [] if rule["access_to"] != HIDDEN]
    return RestorePlan(
        way=AS_GROUP if options.as_group else NEW_SHARE,
        as_group=options.as_group,
        driver=record.driver,
        kept=record.kept(),
        source=source_of(record),
        new=NewShare(
            name=options.restore_name or record.share_name or f"{checkpoint_id}@{record.share_id}",
            description=options.restore_description or record.share_description,
            size=size,
            metadata=not_restored.given_back(record) if options.metadata else {},
            is_public=options.is_public,
            asked=options.asked,
            encryption_key_ref=record.encryption_key_ref,
        ),
        access_rules=rules if options.access_rules else [],
        not_restored=list(not_restored.not_restored(record, options)),
    )


def _revert(job: ShareJob, record: ShareRecord, options: RestoreOptions) -> RestorePlan:
    found = into_share.inspect(job, record, options)
    blocking = newer_snapshots.identify(job, found.newer)
    newer_snapshots.refuse(job, record.snapshot_id, blocking, removed=options.remove_newer)
    if blocking and found.share.get("is_public"):
        raise PublicShare(record.share_id)
    another = options.share_id != record.share_id
    if not another:
        driver = job.flow.reverter(record.driver)
        driver.preflight_revert(found, safety_copy=options.safety_copy)
    return RestorePlan(
        way=INTO_ANOTHER if another else IN_PLACE,
        driver=record.driver,
        kept=record.kept(),
        source=source_of(record),
        removes=[each.snapshot_id for each in blocking],
        safety_copy=options.safety_copy,
        loses=list(not_restored.losses(found, blocking, another=another)),
        not_restored=[not_restored.LEFT_ALONE],
        into=into_share.other_target(record, options),
    )
