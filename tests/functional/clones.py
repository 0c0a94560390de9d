# SPDX-License-Identifier: Apache-2.0
"""The shares that copied checkpoints have for themselves, as their project sees them."""

from typing import Any

from sandbox.tenant import Tenant


def clones_of(tenant: Tenant, *copied: Any) -> list[Any]:
    """Those of these checkpoints; other tests may have left theirs."""
    ids = {checkpoint.id for checkpoint in copied}
    return [
        share
        for share in tenant.shares()
        if share.metadata.get("karbor_manila_purpose") == "copy"
        and share.metadata.get("karbor_manila_checkpoint") in ids
    ]
