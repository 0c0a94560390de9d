# SPDX-License-Identifier: Apache-2.0
"""The provider's option of how long a deletion waits."""

from oslo_config import cfg

DELETION_OPTS: list[cfg.Opt] = [
    cfg.IntOpt(
        "delete_grace",
        default=0,
        min=0,
        max=31536000,
        help="Seconds for which a deletion waits: a DELETE, of a user or of retention, makes the "
        "checkpoint one that cannot be used any more (pending-delete), and the reconciliation "
        "carries it out when the time is over. Until then 'karbor-manila undelete' has it back, "
        "and 'karbor-manila purge' ends it at once. Its snapshots need their space as long; "
        "Karbor's quota of checkpoints does not count it. With 0 nothing waits. A change is for "
        "what is deleted afterwards.",
    ),
]
