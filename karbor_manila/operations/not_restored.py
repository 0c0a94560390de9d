# SPDX-License-Identifier: Apache-2.0
"""What a restore does not give back, or takes away: sentences for its user."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from karbor.common.constants import SHARE_RESOURCE_TYPE

from karbor_manila.bank.record import ShareRecord
from karbor_manila.drivers.base import ProtectOptions
from karbor_manila.manila.views import HIDDEN, Placement, Revertible, Rule
from karbor_manila.operations import reporting
from karbor_manila.operations.newer_snapshots import Newer
from karbor_manila.operations.parameters import RestoreOptions

#: The first version of a record that has access rules, unless they were not to be recorded.
_WITH_ACCESS_RULES = 2

#: Metadata that Manila keeps for itself: hints to its scheduler, which name other shares, and when
#: a share was managed (manila/common/constants.py, AdminOnlyMetadata). A hint to a share that is
#: gone keeps a share from being extended (manila/scheduler/filters/affinity.py).
_MANILAS_OWN = frozenset({"__affinity_same_host", "__affinity_different_host", "__managed_at"})

#: Of a checkpoint whose shares' access rules are not recorded, as its plan or provider says.
NOT_RECORDED = "Access rules are not recorded (record_access_rules): no restore gives them back."

#: Of a revert.
LEFT_ALONE = "Its name, description, metadata and access rules: they stay as they are."


def losses(found: Revertible, blocking: list[Newer], *, another: bool = False) -> Iterator[str]:
    """What a restore into a share that is there takes away, a sentence each.

    :param another: whether that is another share than the protected one
    """
    if another:
        yield f"Everything that share {found.share['id']} holds now."
        return
    yield f"What was written to the share since {found.snapshot.get('created_at')} UTC."
    now, then = int(found.share["size"]), int(found.snapshot["size"])
    if now != then:
        yield f"Its size of {now} GiB: it had {then} GiB then."
    for each in blocking:
        yield f"Checkpoint {each.checkpoint_id} loses this share: {each.description} is removed."


def moved(record: ShareRecord, placement: Placement) -> Iterator[str]:
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

    key = record.encryption_key_ref
    if key and key != placement.encryption_key_ref:
        yield _other("encryption key", key, placement.encryption_key_ref)
    if placement.has_replicas:
        yield (
            "Its replicas: Manila makes a new share with one; add the others to that one "
            "(openstack share replica create)."
        )


def given_back(record: ShareRecord) -> dict[str, str]:
    """The metadata that a new share gets back: not those that Manila keeps for itself."""
    known = record.metadata or {}
    return {name: value for name, value in known.items() if name not in _MANILAS_OWN}


def besides(share_ids: Collection[str]) -> Iterator[str]:
    """What comes back with a group although nobody asked for it, a sentence each."""
    for share_id in sorted(share_ids):
        yield (
            f"Share {share_id} was in the group, too, and comes back in the new one without its "
            f"name and metadata: this checkpoint does not hold it."
        )


def _other(what: str, then: str | None, now: str | None) -> str:
    return (
        f"Its {what} of then ({then or 'none'}): the share has another one now ({now or 'none'}), "
        f"and Manila gives the new share that one."
    )


def not_recorded(options: Mapping[str, ProtectOptions]) -> dict[str, str]:
    """What a checkpoint says of the access rules of its shares that are not recorded: once, when
    that is so of all of them.

    :param options: by share id
    :returns: remarks, by the type of the shares or by their keys
    """
    without = [share for share, asked in options.items() if not asked.record_access_rules]
    if without and len(without) == len(options):
        return {SHARE_RESOURCE_TYPE: NOT_RECORDED}
    return {reporting.key(share): NOT_RECORDED for share in without}


def not_restored(record: ShareRecord, options: RestoreOptions) -> Iterator[str]:
    """What the new share will not have, a sentence each."""
    unknown = "the record does not say; it was made by an older release or by Karbor's own plugin"
    if record.metadata is None:
        yield f"Its metadata: {unknown}."
    elif record.metadata and not options.metadata:
        yield "Its metadata: not asked for (metadata)."
    elif own := sorted((record.metadata or {}).keys() - given_back(record).keys()):
        yield f"Metadata that Manila keeps for itself ({', '.join(own)}): it sets them anew."
    if record.access_rules is None and record.version < _WITH_ACCESS_RULES:
        yield f"Its access rules: {unknown}."
    elif record.access_rules is None:
        yield (
            "Its access rules: they were not recorded (record_access_rules), or Manila did not "
            "show them."
        )
    elif record.access_rules and not options.access_rules:
        yield f"Its access rules ({len(record.access_rules)}): not asked for (access_rules)."
    elif hidden := _hidden(record.access_rules):
        yield hidden
    if record.is_public and not options.is_public:
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
        f"in. Ask the user who locked them to allow the access to the new share."
    )
