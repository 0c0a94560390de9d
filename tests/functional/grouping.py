# SPDX-License-Identifier: Apache-2.0
"""Share groups for tests on the sandbox, and what no user can do to one."""

import contextlib
import sqlite3
from typing import Any

from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait


def make_group(tenant: Tenant, kind: str = "sandbox") -> Any:
    """An available share group for shares of every type that its backend has."""
    manila = tenant.manila
    group_type = manila.share_group_types.find(name=kind)
    inside = ["sandbox", "sandbox-too", "norevert", "noclone", "snaponly"]
    types = [each.id for each in manila.share_types.list() if each.name in inside]
    made = manila.share_groups.create(name="g", share_group_type=group_type.id, share_types=types)
    return wait(
        "the group",
        lambda: manila.share_groups.get(made.id),
        lambda seen: seen.status == "available",
        120,
    )


def give_group(stack: Stack, group_id: str, project_id: str) -> None:
    """Make a share group, its shares and its snapshots another project's, in Manila's database:
    Manila transfers no share in a group (manila/transfer/api.py)."""
    path = stack.state.directory("manila") / "manila.db"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, database:
        for table, column in (
            ("share_groups", "id"),
            ("share_group_snapshots", "share_group_id"),
            ("shares", "share_group_id"),
        ):
            database.execute(
                f"UPDATE {table} SET project_id = ? WHERE {column} = ?", (project_id, group_id)
            )
