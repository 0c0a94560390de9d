# SPDX-License-Identifier: Apache-2.0
"""What Manila's statuses mean for us (manila/common/constants.py, Manila 23).

A status that is in none of these sets is unknown: neither success nor failure, so whoever waits
goes on until the deadline.
"""

AVAILABLE = "available"
ERROR = "error"
ERROR_DELETING = "error_deleting"

#: A share in one of these becomes available by itself.
SHARE_BUSY = frozenset(
    {
        "creating",
        "creating_from_snapshot",
        "extending",
        "shrinking",
        "reverting",
        "reverting_to_snapshot",
        "migrating",
        "migrating_to",
        "server_migrating",
        "server_migrating_to",
        "replication_change",
        "restoring",
        "backup_creating",
        "backup_restoring",
        "manage_starting",
        "ensuring",
    }
)

#: A share in one of these does not become available without somebody's help.
SHARE_FINAL = frozenset(
    {
        "error",
        "error_deleting",
        "deleting",
        "deleted",
        "deferred_deleting",
        "error_deferred_deleting",
        "manage_error",
        "unmanage_starting",
        "unmanage_error",
        "unmanaged",
        "manage_error_unmanage_starting",
        "extending_error",
        "shrinking_error",
        "shrinking_possible_data_loss_error",
        "reverting_error",
        "backup_restoring_error",
        "awaiting_transfer",
        "inactive",
    }
)

#: A share in one of these leaves Manila because somebody wanted it: there is nothing to mend. All
#: of them are in SHARE_FINAL as well.
SHARE_GOING = frozenset(
    {"deleting", "deleted", "deferred_deleting", "unmanage_starting", "unmanaged"}
)

#: A share that is being reverted; the second with drivers that do it on their own.
SHARE_REVERTING = frozenset({"reverting", "reverting_to_snapshot"})

REVERTING_ERROR = "reverting_error"

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

#: A snapshot in one of these does not become available.
SNAPSHOT_FINAL = frozenset(
    {
        "error",
        "error_deleting",
        "deleting",
        "deleted",
        "deferred_deleting",
        "error_deferred_deleting",
        "manage_error",
        "unmanage_starting",
        "unmanage_error",
    }
)

#: Manila deletes a snapshot from these alone; ``error_deleting`` needs an administrator
#: (manila/share/api.py, delete_snapshot).
SNAPSHOT_DELETABLE = frozenset({AVAILABLE, ERROR})

#: A snapshot in one of these stays until an administrator acts.
SNAPSHOT_STUCK = frozenset({ERROR_DELETING, "error_deferred_deleting", "unmanage_error"})
