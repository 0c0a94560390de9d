# SPDX-License-Identifier: Apache-2.0
"""Manila's statuses and what they mean for us: the one table (manila/common/constants.py, 23).

A status of a share or snapshot that is in none of these sets is unknown: neither success nor
failure, so a wait goes on until the deadline.
"""

AVAILABLE = "available"
CREATING = "creating"
CREATING_FROM_SNAPSHOT = "creating_from_snapshot"
DELETED = "deleted"
DELETING = "deleting"
DEFERRED_DELETING = "deferred_deleting"
ERROR = "error"
ERROR_DELETING = "error_deleting"
ERROR_DEFERRED_DELETING = "error_deferred_deleting"
INACTIVE = "inactive"
MANAGE_ERROR = "manage_error"
REVERTING = "reverting"
REVERTING_TO_SNAPSHOT = "reverting_to_snapshot"
REVERTING_ERROR = "reverting_error"
BACKUP_CREATING = "backup_creating"
BACKUP_RESTORING = "backup_restoring"
BACKUP_RESTORING_ERROR = "backup_restoring_error"
RESTORING = "restoring"
UNMANAGE_ERROR = "unmanage_error"
UNMANAGE_STARTING = "unmanage_starting"
UNMANAGED = "unmanaged"

#: What is in one of these was deleted with ``is_deferred_deletion_enabled``: its users do not see
#: it any more (HTTP 404), it counts for no quota, and Manila removes it by itself, again and
#: again if that fails. Administrators still see it (manila/share/api.py, get and delete_snapshot;
#: manila/share/manager.py, do_deferred_share_deletion).
DEFERRED = frozenset({DEFERRED_DELETING, ERROR_DEFERRED_DELETING})

# -- shares -----------------------------------------------------------------------------------

#: A share that is being made; the second with drivers that go on after they have answered.
SHARE_CREATING = frozenset({CREATING, CREATING_FROM_SNAPSHOT})

#: A share that is being put back; the second with drivers that do it on their own, the third from
#: a backup.
SHARE_REVERTING = frozenset({REVERTING, REVERTING_TO_SNAPSHOT, BACKUP_RESTORING})

#: A share whose content may be in between: an administrator has to look at it.
SHARE_REVERT_FAILED = frozenset({REVERTING_ERROR, BACKUP_RESTORING_ERROR})

#: A share in one of these becomes available by itself.
SHARE_BUSY = (
    SHARE_CREATING
    | SHARE_REVERTING
    | {
        "extending",
        "shrinking",
        "migrating",
        "migrating_to",
        "server_migrating",
        "server_migrating_to",
        "replication_change",
        "restoring",
        BACKUP_CREATING,
        "manage_starting",
        "ensuring",
    }
)

#: A share in one of these leaves Manila because a user wanted it: there is nothing to mend.
SHARE_GOING = frozenset({DELETING, DELETED, DEFERRED_DELETING, UNMANAGE_STARTING, UNMANAGED})

#: A share in one of these does not become available without an administrator.
SHARE_FINAL = SHARE_GOING | {
    ERROR,
    ERROR_DELETING,
    ERROR_DEFERRED_DELETING,
    MANAGE_ERROR,
    UNMANAGE_ERROR,
    "manage_error_unmanage_starting",
    "extending_error",
    "shrinking_error",
    "shrinking_possible_data_loss_error",
    REVERTING_ERROR,
    BACKUP_RESTORING_ERROR,
    "awaiting_transfer",
    INACTIVE,
}

#: What becomes of a share in another status than these is not known here.
SHARE_KNOWN = {AVAILABLE} | SHARE_BUSY | SHARE_FINAL

#: Manila deletes a share from these alone (manila/share/api.py, delete_instance).
SHARE_DELETABLE = frozenset({AVAILABLE, ERROR, INACTIVE})

#: A share in one of these stays until an administrator acts.
SHARE_STUCK = frozenset({ERROR_DELETING, BACKUP_RESTORING_ERROR})

#: With a task in one of these states Manila reverts no share (BUSY_TASK_STATES).
TASK_BUSY = frozenset(
    {
        "migration_starting",
        "migration_in_progress",
        "migration_completing",
        "migration_driver_starting",
        "migration_driver_in_progress",
        "migration_driver_phase1_done",
        "data_copying_starting",
        "data_copying_in_progress",
        "data_copying_completing",
        "data_copying_completed",
    }
)

# -- snapshots --------------------------------------------------------------------------------

#: A snapshot whose deletion was asked for, whatever became of that.
SNAPSHOT_DELETING = frozenset(
    {DELETING, DELETED, DEFERRED_DELETING, ERROR_DELETING, ERROR_DEFERRED_DELETING}
)

#: A snapshot in one of these does not become available.
SNAPSHOT_FINAL = SNAPSHOT_DELETING | {ERROR, MANAGE_ERROR, UNMANAGE_STARTING, UNMANAGE_ERROR}

#: Manila deletes a snapshot from these alone; ``error_deleting`` needs an administrator
#: (manila/share/api.py, delete_snapshot).
SNAPSHOT_DELETABLE = frozenset({AVAILABLE, ERROR})

#: A snapshot in one of these stays until an administrator acts.
SNAPSHOT_STUCK = frozenset({ERROR_DELETING, UNMANAGE_ERROR})

# -- backups ----------------------------------------------------------------------------------

#: A backup in one of these holds what it held: ``restoring`` is what Manila says of the backup that
#: a share is being put back to.
BACKUP_WHOLE = frozenset({AVAILABLE, RESTORING})

#: A backup in one of these does not become available.
BACKUP_FINAL = frozenset({ERROR, DELETING, DELETED, ERROR_DELETING})

#: Manila deletes a backup from these alone (manila/share/api.py, delete_share_backup).
BACKUP_DELETABLE = frozenset({AVAILABLE, ERROR})

#: A backup in one of these stays until an administrator acts.
BACKUP_STUCK = frozenset({ERROR_DELETING})

# -- share groups and their snapshots ---------------------------------------------------------

#: A share group in one of these does not become available without an administrator
#: (manila/share/manager.py, create_share_group, delete_share_group).
GROUP_FINAL = frozenset({ERROR, DELETING, DELETED, ERROR_DELETING})

#: Manila deletes a share group from these alone, when nothing is in it
#: (manila/share_group/api.py, delete).
GROUP_DELETABLE = frozenset({AVAILABLE, ERROR})

#: A share group in one of these stays until an administrator acts.
GROUP_STUCK = frozenset({ERROR_DELETING})

#: A group snapshot in one of these does not become available.
GROUP_SNAPSHOT_FINAL = frozenset({ERROR, DELETING, DELETED, ERROR_DELETING})

#: Manila deletes a group snapshot from these alone; it is in ``error`` again when that has failed
#: (manila/share/manager.py, delete_share_group_snapshot).
GROUP_SNAPSHOT_DELETABLE = frozenset({AVAILABLE, ERROR})

#: A group snapshot in one of these stays until an administrator acts.
GROUP_SNAPSHOT_STUCK = frozenset({ERROR_DELETING})

# -- access rules -----------------------------------------------------------------------------

#: An access rule in this state is in force.
RULE_ACTIVE = "active"

#: An access rule in one of these changes no more.
RULE_FINAL = frozenset({RULE_ACTIVE, ERROR})

#: An access rule that its owner is removing.
RULE_GOING = frozenset({"queued_to_deny", "denying", "deleted"})

#: An access rule that is on its way out, or never came into force.
RULE_NOT_GRANTED = RULE_GOING | {ERROR}
