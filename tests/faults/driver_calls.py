# SPDX-License-Identifier: Apache-2.0
"""What the drivers ask Manila that keep shares by groups and by backups; see :mod:`.calls`."""

from tests.faults.calls import (
    DROP_SHARE,
    DROP_SNAPSHOT,
    LIMITS,
    MAKE_SHARE,
    MAKE_SNAPSHOT,
    MESSAGES,
    PLACES,
    RULES,
    SHARE,
    SHARES,
    SNAPSHOT,
    SNAPSHOTS,
    Calls,
)

GROUP = "GET /v2/share-groups/{id}"
GROUPS = "GET /v2/share-groups/detail"
MAKE_GROUP = "POST /v2/share-groups"
DROP_GROUP = "DELETE /v2/share-groups/{id}"
GROUP_SNAPSHOT = "GET /v2/share-group-snapshots/{id}"
GROUP_SNAPSHOTS = "GET /v2/share-group-snapshots/detail"
MAKE_GROUP_SNAPSHOT = "POST /v2/share-group-snapshots"
DROP_GROUP_SNAPSHOT = "DELETE /v2/share-group-snapshots/{id}"
SET_METADATA = "POST /v2/shares/{id}/metadata"
BACKUP = "GET /v2/share-backups/{id}"
BACKUPS = "GET /v2/share-backups/detail"
MAKE_BACKUP = "POST /v2/share-backups"
DROP_BACKUP = "DELETE /v2/share-backups/{id}"
RESTORE_BACKUP = "POST /v2/share-backups/{id}/action"
SERVICES = "GET /v2/services"  # whether the session is an administrator's

# Manila has no message about a group, or about a backup, that failed.
_NO_REASON = ("is in status 'error'",)

_PROTECT_GROUP = {
    SHARE,
    GROUP,
    SHARES,
    LIMITS,
    GROUP_SNAPSHOTS,
    MAKE_GROUP_SNAPSHOT,
    RULES,
    GROUP_SNAPSHOT,
}
_MAKE_GROUP = {
    GROUP_SNAPSHOT,
    GROUP,
    SHARE,
    LIMITS,
    SHARES,
    GROUPS,
    MAKE_GROUP,
    SET_METADATA,
    SNAPSHOTS,
    DROP_SHARE,
    DROP_GROUP,
}
_GROUP = (
    Calls("protect", frozenset(_PROTECT_GROUP)),
    Calls(
        "restore",
        frozenset(_MAKE_GROUP | {MAKE_SNAPSHOT, SNAPSHOT, MAKE_SHARE, PLACES, DROP_SNAPSHOT}),
    ),
    Calls("verify", frozenset({GROUP_SNAPSHOT, GROUP})),
    Calls("delete", frozenset({GROUP_SNAPSHOTS, GROUP_SNAPSHOT, GROUPS, DROP_GROUP_SNAPSHOT})),
    Calls(
        "protect",
        frozenset(_PROTECT_GROUP | {MESSAGES, GROUPS, DROP_GROUP_SNAPSHOT}),
        undone="create_share_group_snapshot",
        says=_NO_REASON,
        by_undoing=((MESSAGES, 1), (GROUP_SNAPSHOTS, 2), (GROUPS, 1), (DROP_GROUP_SNAPSHOT, 1)),
    ),
    Calls(
        "restore",
        frozenset(_MAKE_GROUP | {MESSAGES}),
        undone="create_share_group_from_share_group_snapshot",
        says=_NO_REASON,
        by_undoing=((MESSAGES, 1), (GROUPS, 3), (DROP_SHARE, 1), (DROP_GROUP, 1)),
    ),
)

_PROTECT_BACKUP = {SHARE, SNAPSHOTS, BACKUPS, LIMITS, MAKE_BACKUP, RULES, BACKUP}
_MAKE_SHARE = {BACKUP, SERVICES, SHARE, LIMITS, SHARES, MAKE_SHARE}
_BACKUP = (
    Calls("protect", frozenset(_PROTECT_BACKUP)),
    Calls("restore", frozenset(_MAKE_SHARE | {RESTORE_BACKUP, PLACES})),
    Calls("verify", frozenset({BACKUP})),
    Calls("delete", frozenset({SERVICES, BACKUPS, BACKUP, DROP_BACKUP})),
    Calls(
        "protect",
        frozenset(_PROTECT_BACKUP | {MESSAGES, SERVICES, DROP_BACKUP}),
        undone="create_backup",
        says=_NO_REASON,
        by_undoing=((MESSAGES, 1), (BACKUPS, 3), (SERVICES, 1), (DROP_BACKUP, 1)),
    ),
    Calls(
        "restore",
        frozenset(_MAKE_SHARE | {MESSAGES, DROP_SHARE}),
        undone="create_share",
        by_undoing=((MESSAGES, 1), (SHARES, 2), (DROP_SHARE, 1)),
    ),
)

#: By driver.
CALLS: dict[str, tuple[Calls, ...]] = {"group": _GROUP, "backup": _BACKUP}
