# SPDX-License-Identifier: Apache-2.0
"""What keeps a share from being backed up, said before: Manila's rules, the options, the quota."""

import functools
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from oslo_config import cfg

from karbor_manila.common.errors import InvalidParameter
from karbor_manila.common.float_opt import FloatOpt
from karbor_manila.drivers.base import Driver
from karbor_manila.drivers.values import Preflight, ProtectOptions
from karbor_manila.manila import lookup, quota, statuses
from karbor_manila.manila.backups import Backups
from karbor_manila.manila.client import Manila
from karbor_manila.manila.errors import BackupsUnsupported, NoSafetyCopy, ShareNotProtectable
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import View

OPTIONS: Final[Collection[cfg.Opt]] = (
    cfg.StrOpt(
        "backup_type",
        default="",
        max_length=32,
        help="The way in which the backend of the shares makes backups itself, by the name that "
        "its vendor gives it (backup_options of Manila's API). Empty: Manila's data service copies "
        "the files. A share with available backups of another type is refused, by Manila too.",
    ),
    cfg.ListOpt(
        "data_service_protocols",
        default=["NFS"],
        help="With an empty backup_type: the protocols of shares that Manila's data service backs "
        "up. Set it to what data_manager_backup_supported_share_protocols says in manila.conf, "
        "which no tenant can ask for; a share of another protocol is refused before anything is "
        "made.",
    ),
    FloatOpt(
        "backup_timeout",
        default=86400.0,
        min=1.0,
        max=31536000.0,
        help="Seconds that one backup may take. protect_timeout does not count for backups: they "
        "copy every file.",
    ),
    FloatOpt(
        "progress_timeout",
        default=1800.0,
        min=1.0,
        max=31536000.0,
        help="Seconds in which the progress of a backup, or of a restore from one, has to change. "
        "A backup that failed may stay in status creating in Manila for ever. Raise it where a "
        "backend tells no progress before the end.",
    ),
)

_MOST_NAMED = 3

#: Of every share that is backed up (manila/share/api.py, delete).
STAYS: Final = (
    "As long as it has backups Manila does not delete the share: delete the checkpoints that hold "
    "it first."
)

#: Below 2.91.
ONLY_IN_PLACE: Final = (
    "It can only be restored in place (share_id): this Manila restores no backup into another "
    "share, so that it can be neither restored into a new share nor drilled nor copied."
)


def require(manila: Manila, asked: str, *, others: bool) -> None:
    """Make sure that this Manila has what is asked of backups.

    :param asked: what, as the begin of a sentence
    :param others: whether that is a restore into another share than the backup's
    :raises BackupsUnsupported: it is too old
    """
    features = manila.features
    if features.backups_into_other_shares if others else features.backups:
        return
    raise BackupsUnsupported(
        asked,
        "2.91" if others else "2.80",
        features.microversion,
        "Restore it in place: give share_id, the id of the protected share."
        if others
        else "Upgrade Manila, or choose another driver for this share type in the provider's file.",
        endpoint=manila.endpoint,
    )


def unsupported(share: View) -> ShareNotProtectable | None:
    """What Manila has against backups of a share, by its view (manila/share/api.py,
    create_share_backup)."""
    if not share.get("has_replicas"):
        return None
    return ShareNotProtectable(
        str(share["id"]),
        "it has replicas, and Manila backs up no share that has them",
        "Remove its replicas, leave it out of the plan, or protect its type with another driver.",
    )


def check_description(text: str | None, mark: Mark) -> None:
    """Whether a description fits beside the mark. Raises InvalidParameter."""
    room = mark.room()
    if text and len(text) > room:
        raise InvalidParameter(
            "description",
            text,
            f"backups have no metadata, so that the checkpoint's mark stands in the description "
            f"too, and leaves {room} characters",
        )


def look(
    driver: Driver,
    client: FlowClient,
    backups: Backups,
    shares: Collection[View],
    options: Mapping[str, ProtectOptions],
    marks: Mapping[str, Mark],
) -> Preflight:
    """See :meth:`.base.Driver.preflight`."""
    try:
        require(client.manila, "A backup", others=False)
    except BackupsUnsupported as error:
        return Preflight({str(share["id"]): error for share in shares})
    refused: dict[str, Exception] = {}
    for share in shares:
        share_id = str(share["id"])
        try:
            driver.check_options(options[share_id], marks[share_id])
        except InvalidParameter as error:
            refused[share_id] = error
        if objection := driver.objection(share) or _of_its_task(share):
            refused[share_id] = objection
    refused |= _of_the_way(driver, [each for each in shares if each["id"] not in refused])
    left = {str(each["id"]) for each in shares} - refused.keys()
    refused |= dict(_of_snapshots(client, left))
    if driver.environment.options.backup_type:
        refused |= dict(_of_other_types(driver, backups, left - refused.keys()))
    wanted = {str(each["id"]): int(each["size"]) for each in shares if each["id"] not in refused}
    if wanted:
        quota.check_backups(client.retry(client.manila.limits), wanted.values())
    others = client.manila.features.backups_into_other_shares
    said = STAYS if others else f"{STAYS} {ONLY_IN_PLACE}"
    return Preflight(refused, dict.fromkeys(wanted, said))


def safety_copy(driver: Driver, client: FlowClient, share: View) -> None:
    """Whether the present content of a share can be backed up and restored into a new share.

    :raises NoSafetyCopy, BackupsUnsupported, QuotaTooSmall: it cannot
    """
    asked = "A copy of the present content (safety_copy)"
    require(client.manila, asked, others=True)
    share_id = str(share["id"])
    why = unsupported(share) or _of_the_way(driver, [share]).get(share_id)
    why = why or dict(_of_snapshots(client, [share_id])).get(share_id)
    if why:
        raise NoSafetyCopy(share_id, f"no backup of its present content can be made: {why.why}")
    limits, size = client.retry(client.manila.limits), int(share["size"])
    quota.check_shares(limits, [size])
    quota.check_backups(limits, [size])


def _of_its_task(share: View) -> ShareNotProtectable | None:
    if share.get("task_state") not in statuses.TASK_BUSY:
        return None
    return ShareNotProtectable(
        str(share["id"]),
        f"a task is under way on it ({share['task_state']})",
        "Protect it again when that has ended.",
    )


def _of_the_way(driver: Driver, shares: Collection[View]) -> dict[str, ShareNotProtectable]:
    """Those of a protocol that Manila's data service does not mount."""
    own: Any = driver.environment.options
    if own.backup_type:
        return {}
    taken = {protocol.upper() for protocol in own.data_service_protocols}
    return {
        str(share["id"]): ShareNotProtectable(
            str(share["id"]),
            f"it is of protocol {share.get('share_proto')}, and Manila's data service backs up "
            f"{' and '.join(sorted(taken)) or 'none'} alone",
            "Leave it out of the plan, protect its type with another driver, or ask the operator "
            "for a backup_type (or more data_service_protocols) in the provider's file.",
        )
        for share in shares
        if str(share.get("share_proto")).upper() not in taken
    }


def _of_snapshots(
    client: FlowClient, share_ids: Collection[str]
) -> Iterator[tuple[str, ShareNotProtectable]]:
    """Those that have snapshots, of any status, as far as the session sees them."""
    manila = client.manila
    found: list[View] = []
    if len(share_ids) <= lookup.FEW:
        for share_id in share_ids:
            ask = functools.partial(manila.snapshots, share_id=share_id)
            found += client.retry(ask)
    else:
        found = client.retry(manila.snapshots)
    for share_id in share_ids:
        ids = [str(view["id"]) for view in found if view["share_id"] == share_id]
        if ids:
            more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
            yield (
                share_id,
                ShareNotProtectable(
                    share_id,
                    f"it has snapshots ({', '.join(ids[:_MOST_NAMED])}{more}), and Manila backs "
                    f"up no share that has them",
                    "Remove them (those of checkpoints go with their checkpoints), or protect its "
                    "type with another driver.",
                ),
            )


def _of_other_types(
    driver: Driver, backups: Backups, share_ids: Collection[str]
) -> Iterator[tuple[str, ShareNotProtectable]]:
    """Those that have available backups of another type, which Manila shows since 2.85. Backups of
    its data service do not count (manila/share/api.py, create_share_backup)."""
    wanted = driver.environment.options.backup_type
    if not share_ids or not driver.environment.manila.features.backup_types:
        return
    for view in backups.of_shares(share_ids):
        kind = view.get("backup_type")
        if kind and kind != wanted and view["status"] == statuses.AVAILABLE:
            yield (
                str(view["share_id"]),
                ShareNotProtectable(
                    str(view["share_id"]),
                    f"it has backup {view['id']} of type {kind!r}, and Manila makes none of type "
                    f"{wanted!r} beside it",
                    "Remove its backups of the other type, or leave it out of the plan.",
                ),
            )
