# SPDX-License-Identifier: Apache-2.0
"""The share types and share group types of the sandbox, made or mended at every start."""

from manila import context, db, exception
from manila.share import share_types as manila_types
from manila.share_group import share_group_types as manila_group_types
from oslo_log import log

LOG = log.getLogger(__name__)

TYPES = {
    "sandbox": {
        "driver_handles_share_servers": "False",
        "snapshot_support": "True",
        "create_share_from_snapshot_support": "True",
        "revert_to_snapshot_support": "True",
        "mount_snapshot_support": "True",
    },
    # Shares of this one cannot be restored in place.
    "norevert": {
        "driver_handles_share_servers": "False",
        "snapshot_support": "True",
        "create_share_from_snapshot_support": "True",
    },
    # Shares of this one can be restored in place, and no new ones be made from their snapshots.
    "noclone": {
        "driver_handles_share_servers": "False",
        "snapshot_support": "True",
        "revert_to_snapshot_support": "True",
    },
    # Snapshots of this one's shares can be made and never be given back.
    "snaponly": {"driver_handles_share_servers": "False", "snapshot_support": "True"},
    # As "sandbox": what a share of that one may be migrated to.
    "sandbox-too": {
        "driver_handles_share_servers": "False",
        "snapshot_support": "True",
        "create_share_from_snapshot_support": "True",
        "revert_to_snapshot_support": "True",
        "mount_snapshot_support": "True",
    },
    # Who mounts a share of this one can mount its snapshots, too; they have no rules of their own.
    "inherit": {
        "driver_handles_share_servers": "False",
        "snapshot_support": "True",
        "create_share_from_snapshot_support": "True",
        "mount_snapshot_support": "True",
        "snapshot_inherit_share_access_support": "True",
    },
    # Who makes a share of this one may say under which name it is mounted.
    "named": {
        "driver_handles_share_servers": "False",
        "snapshot_support": "True",
        "create_share_from_snapshot_support": "True",
        "mount_point_name_support": "True",
    },
    # Shares of this one may have a replica on the other backend.
    "replicated": {
        "driver_handles_share_servers": "False",
        "replication_type": "readable",
        "snapshot_support": "True",
        "create_share_from_snapshot_support": "True",
        "revert_to_snapshot_support": "True",
    },
    # Shares of this one are on the other backend, whose groups are not of one moment.
    "mirror": {
        "driver_handles_share_servers": "False",
        "share_backend_name": "mirror",
        "snapshot_support": "True",
        "create_share_from_snapshot_support": "True",
        "revert_to_snapshot_support": "True",
    },
    # Shares of this one need a share network, and get a share server there.
    "servers": {
        "driver_handles_share_servers": "True",
        "snapshot_support": "True",
        "create_share_from_snapshot_support": "True",
        "revert_to_snapshot_support": "True",
    },
    # As "sandbox", for shares that another driver protects.
    "backed": {
        "driver_handles_share_servers": "False",
        "share_backend_name": "directories",
        "snapshot_support": "True",
        "create_share_from_snapshot_support": "True",
        "revert_to_snapshot_support": "True",
    },
    # snapshot_support is left out rather than False: the scheduler would look for a backend that
    # reports False, and ours reports True.
    "nosnap": {"driver_handles_share_servers": "False"},
}
"""Name -> extra specs; all types are public."""


# Made of all share types that exist by then; a kept state keeps the list of its first start.
GROUP_TYPES = {
    "sandbox": {"consistent_snapshot_support": "host"},
    # Any backend will do for these, also one that takes the members one after the other.
    "loose": {},
}
"""Name -> group specs; all types are public."""


def prepare() -> None:
    """Make the types that are missing, and set our specs on the share types that exist."""
    admin = context.get_admin_context()
    for name, specs in TYPES.items():
        try:
            known = manila_types.get_share_type_by_name(admin, name)
        except exception.ShareTypeNotFoundByName:
            manila_types.create(admin, name, extra_specs=specs)
            LOG.info("Made share type %s.", name)
        else:
            db.share_type_extra_specs_update_or_create(admin, known["id"], specs)
    for name, specs in GROUP_TYPES.items():
        try:
            manila_group_types.get_by_name(admin, name)
        except exception.ShareGroupTypeNotFoundByName:
            manila_group_types.create(admin, name, list(TYPES), group_specs=specs)
            LOG.info("Made share group type %s.", name)
