# SPDX-License-Identifier: Apache-2.0
"""Snapshots that a test makes itself, through Manila's API."""

from typing import Any

from sandbox.tenant import Tenant, wait


def snapshot_of(tenant: Tenant, share: Any) -> Any:
    """A snapshot of a share, available."""
    made = tenant.manila.share_snapshots.create(share.id, name="moment")
    return wait(
        "the snapshot",
        lambda: tenant.manila.share_snapshots.get(made.id),
        lambda seen: seen.status == "available",
        40,
    )
