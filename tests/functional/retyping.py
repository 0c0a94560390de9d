# SPDX-License-Identifier: Apache-2.0
"""What a migration does to a share, done in Manila's database: the sandbox has one backend and
nowhere to migrate to."""

import contextlib
import sqlite3

from sandbox.stack import Stack


def retype(stack: Stack, share_id: str, name: str) -> None:
    """Give a share the type of this name, and what that type lets become of snapshots.

    As manila/share/manager.py does at the end of a migration (_migration_complete_instance,
    _update_migrated_share_model): the type stands with the instance, capabilities with the share.
    """
    capabilities = (
        "snapshot_support",
        "create_share_from_snapshot_support",
        "revert_to_snapshot_support",
        "mount_snapshot_support",
    )
    path = stack.state.directory("manila") / "manila.db"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, database:
        (type_id,) = database.execute(
            "SELECT id FROM share_types WHERE name = ? AND deleted = 'False'", (name,)
        ).fetchone()
        specs = dict(
            database.execute(
                "SELECT spec_key, spec_value FROM share_type_extra_specs WHERE share_type_id = ? "
                "AND deleted = 0",
                (type_id,),
            )
        )
        database.execute(
            "UPDATE share_instances SET share_type_id = ? WHERE share_id = ?", (type_id, share_id)
        )
        for capability in capabilities:
            database.execute(
                f"UPDATE shares SET {capability} = ? WHERE id = ?",
                (specs.get(capability) == "True", share_id),
            )
