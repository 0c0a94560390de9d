# SPDX-License-Identifier: Apache-2.0
"""A Manila share driver that keeps real bytes in directories of this machine.

A share is a directory, a snapshot a copy of it (reflinks where the file system has them). Below
``sandbox_export_root``::

    shares/<share instance id>/data         what the export location points to
    snapshots/<snapshot instance id>/data   as it was; nobody is meant to write here
    access/<instance id>.json               the rules that apply to a share or a snapshot
    scratch/                                work in progress, emptied at start

The copy is made file by file, so a snapshot is as consistent as the writers leave the share alone
meanwhile. Sizes are not enforced: only shrinking looks at them. The interface is that of
manila/share/driver.py (ShareDriver); delays and faults for tests are described in knobs.py.
"""

import functools
import pathlib
from collections.abc import Callable, Sequence

from manila import exception
from manila.common import constants
from manila.share import driver
from oslo_config import cfg
from oslo_log import log

from sandbox.manila import access, knobs, tree

LOG = log.getLogger(__name__)

GIB = 1024**3

OPTS = [
    cfg.StrOpt(
        "sandbox_export_root",
        help="Directory that holds shares and snapshots, as an absolute path.",
    ),
    cfg.StrOpt(
        "sandbox_export_host", default="127.0.0.1", help="Host part of the export locations."
    ),
    cfg.IntOpt(
        "sandbox_capacity_gb",
        default=1000000,
        min=1,
        help="Capacity in GiB that the scheduler is told; nothing is reserved on disk.",
    ),
    cfg.StrOpt(
        "sandbox_delays_file", help="JSON file with delays for driver methods; may be absent."
    ),
    cfg.StrOpt(
        "sandbox_faults_file", help="JSON file with faults for driver methods; may be absent."
    ),
]


def turnable(method: Callable) -> Callable:
    """Let the delays and faults files act on a driver method (see knobs.py)."""

    @functools.wraps(method)
    def turned(self, *args, **kwargs):
        ids = _ids([*args, *kwargs.values()])
        try:
            self.knobs.before(method.__name__, ids)
            answer = method(self, *args, **kwargs)
            self.knobs.after(method.__name__, ids)
        except (tree.CopyFailed, knobs.Fault) as error:
            raise exception.ShareBackendException(msg=str(error)) from error
        return answer

    return turned


class DirectoryShareDriver(driver.ShareDriver):
    """Shares as directories, without share servers."""

    def __init__(self, *args, **kwargs):
        super().__init__(False, *args, config_opts=[OPTS], **kwargs)
        self.root = pathlib.Path(self.configuration.sandbox_export_root or "")
        self.shares = self.root / "shares"
        self.snapshots = self.root / "snapshots"
        self.scratch = self.root / "scratch"
        self.rules = access.Rules(self.root / "access")
        self.knobs = knobs.Knobs(
            self.configuration.sandbox_delays_file, self.configuration.sandbox_faults_file
        )

    # Start

    def do_setup(self, context):
        """Make the directories and undo what a killed process left half done."""
        if not self.root.is_absolute():
            raise exception.BadConfigurationException(
                reason=f'sandbox_export_root must be an absolute path, not "{self.root}"'
            )
        for directory in (self.shares, self.snapshots, self.scratch):
            directory.mkdir(parents=True, exist_ok=True)
        self.rules.setup()
        tree.recover(self.shares, self.scratch)

    def get_backend_info(self, context):
        """Answer what export locations depend on; Manila ensures the shares when it changes."""
        return {
            "export_root": str(self.root),
            "export_host": self.configuration.sandbox_export_host,
        }

    @turnable
    def ensure_shares(self, context, shares):
        """Answer fresh export locations, and ``error`` for a share whose files are gone."""
        return {share["id"]: self._ensured(share) for share in shares}

    @turnable
    def ensure_share(self, context, share, share_server=None):
        """Answer the export locations of one share."""
        return self._exports(self._share(share))

    def _ensured(self, share) -> dict:
        if not (self.shares / share["id"]).is_dir():
            LOG.error("The files of share %s are gone.", share["share_id"])
            return {"status": constants.STATUS_ERROR}
        return {
            "export_locations": self._exports(self.shares / share["id"]),
            "reapply_access_rules": True,
        }

    # Shares

    @turnable
    def create_share(self, context, share, share_server=None):
        """Make an empty directory and answer its export locations."""
        tree.create(self.shares / share["id"], self.scratch)
        return self._exports(self.shares / share["id"])

    @turnable
    def create_share_from_snapshot(
        self, context, share, snapshot, share_server=None, parent_share=None
    ):
        """Copy a snapshot to a new share, which may be larger."""
        tree.copy(self._snapshot(snapshot), self.shares / share["id"], self.scratch)
        return {
            "status": constants.STATUS_AVAILABLE,
            "export_locations": self._exports(self.shares / share["id"]),
        }

    @turnable
    def delete_share(self, context, share, share_server=None):
        """Remove a share and its access rules; one that is gone is deleted."""
        tree.remove(self.shares / share["id"], self.scratch)
        self.rules.remove(share["id"])

    @turnable
    def extend_share(self, share, new_size, share_server=None):
        """Accept any larger size: a directory has none of its own."""
        self._share(share)

    @turnable
    def shrink_share(self, share, new_size, share_server=None):
        """Accept a smaller size (GiB) that the files fit in."""
        if tree.used_bytes(self._share(share)) > new_size * GIB:
            raise exception.ShareShrinkingPossibleDataLoss(share_id=share["share_id"])

    # Snapshots

    @turnable
    def create_snapshot(self, context, snapshot, share_server=None):
        """Copy a share; the export locations matter where the type allows to mount snapshots."""
        target = self.snapshots / snapshot["id"]
        tree.copy(self._share_of(snapshot), target, self.scratch)
        return {"export_locations": self._exports(target)}

    @turnable
    def delete_snapshot(self, context, snapshot, share_server=None):
        """Remove a snapshot; one that is gone is deleted."""
        tree.remove(self.snapshots / snapshot["id"], self.scratch)
        self.rules.remove(snapshot["id"])

    @turnable
    def revert_to_snapshot(
        self, context, snapshot, share_access_rules, snapshot_access_rules, share_server=None
    ):
        """Make a share what it was; rules and snapshot stay."""
        tree.replace(self._share_of(snapshot), self._snapshot(snapshot), self.scratch)

    # Access

    @turnable
    def update_access(
        self, context, share, access_rules, add_rules, delete_rules, update_rules, share_server=None
    ):
        """Keep the rules of a share; answer ``error`` for each of a type we do not know."""
        self._share(share)
        refused = self.rules.replace(share["id"], access_rules)
        return {rule: {"state": constants.STATUS_ERROR} for rule in refused}

    @turnable
    def snapshot_update_access(
        self, context, snapshot, access_rules, add_rules, delete_rules, share_server=None
    ):
        """Keep the rules of a snapshot, all of them read-only.

        :raises InvalidSnapshotAccess: a rule is of a type we do not know; Manila has no other
            way to refuse one rule of a snapshot (manila/share/snapshot_access.py)
        """
        self._snapshot(snapshot)
        refused = self.rules.replace(snapshot["id"], access_rules, level=constants.ACCESS_LEVEL_RO)
        if refused:
            raise exception.InvalidSnapshotAccess(
                reason=f"only rules of the types {', '.join(access.TYPES)} are supported"
            )

    # What the scheduler is told

    def _update_share_stats(self, data=None):
        """Report what this driver can do; the base class adds the reserved percentages.

        Without pools of its own the backend is its only pool, and
        manila/scheduler/host_manager.py copies every one of these keys to it.
        """
        capacity = self.configuration.sandbox_capacity_gb
        super()._update_share_stats(
            {
                "vendor_name": "karbor-manila sandbox",
                "storage_protocol": "NFS_CIFS",
                "total_capacity_gb": capacity,
                "free_capacity_gb": capacity,
                "revert_to_snapshot_support": True,
                "mount_snapshot_support": True,
                **(data or {}),
            }
        )

    # Paths

    def _exports(self, container: pathlib.Path) -> list[dict]:
        return [
            {
                "path": f"{self.configuration.sandbox_export_host}:{container / tree.DATA}",
                "is_admin_only": False,
                "metadata": {"preferred": True},
            }
        ]

    def _share(self, share) -> pathlib.Path:
        path = self.shares / share["id"]
        if not path.is_dir():
            raise exception.ShareResourceNotFound(share_id=share["share_id"])
        return path

    def _share_of(self, snapshot) -> pathlib.Path:
        return self._share({"id": snapshot["share_instance_id"], "share_id": snapshot["share_id"]})

    def _snapshot(self, snapshot) -> pathlib.Path:
        path = self.snapshots / snapshot["id"]
        if not path.is_dir():
            raise exception.SnapshotResourceNotFound(name=snapshot["id"])
        return path


def _ids(arguments: Sequence) -> set[str]:
    """Collect the ids of shares, snapshots and their instances among a method's arguments."""
    # What Manila calls share_id of a snapshot is the share's instance
    # (manila/db/sqlalchemy/models.py, ShareSnapshotInstance); the share is one step further. Only
    # dicts are asked for it: a row may be detached from its session and refuse.
    shares = [
        argument["share"]
        for argument in arguments
        if isinstance(argument, dict) and argument.get("share")
    ]
    found = {
        _get(argument, key)
        for argument in [*arguments, *shares]
        for key in ("id", "share_id", "snapshot_id", "share_instance_id")
    }
    return {one for one in found if isinstance(one, str)}


def _get(argument: object, key: str) -> object:
    """Answer a key of a dict or database row; None of the context, a size or a list."""
    try:
        return argument[key]
    except (TypeError, KeyError, AttributeError):
        return None
