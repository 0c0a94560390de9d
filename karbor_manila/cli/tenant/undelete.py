# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila undelete`` and ``purge``: a deletion that waits (``delete_grace``)."""

from karbor_manila.cli.tenant.of_checkpoint import OfCheckpoint


class Undelete(OfCheckpoint):
    """Have a checkpoint back that was deleted, as long as it is pending-delete.

    It can be used again as before, and counts in the quota of checkpoints again. Exit code 1: it
    could not be done: it is gone already, or the quota is full.
    """

    depth = "undelete"


class Purge(OfCheckpoint):
    """Delete at once a checkpoint that is pending-delete: nothing of it can be had back.

    The deletion begins; karbor-manila show tells how it ends. Exit code 1: it could not begin.
    """

    depth = "purge"
