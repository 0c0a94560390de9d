# SPDX-License-Identifier: Apache-2.0
"""Backups by Manila's data service: what a tenant gets who names no backup type.

Manila's own driver for it mounts NFS exports, for which this machine has no client. This one is
called by the same service at the same moments (manila/data/manager.py) and copies directories; no
access rule is made for the service meanwhile, as nothing is mounted. Its options stand in the
section DEFAULT, and the delays and faults files know its methods as ``data_backup``,
``data_restore`` and ``data_delete``.
"""

import pathlib

from manila import db, exception
from manila.data import backup_driver
from oslo_config import cfg

from sandbox.manila import knobs, tree
from sandbox.manila.backend.failures import remembered
from sandbox.manila.backend.turning import turnable_as

OPTS = [
    cfg.StrOpt("sandbox_backup_root", help="Directory for the data service's backups."),
    cfg.StrOpt("sandbox_delays_file", help="JSON file with delays; may be absent."),
    cfg.StrOpt("sandbox_faults_file", help="JSON file with faults; may be absent."),
]

CONF = cfg.CONF
CONF.register_opts(OPTS)


class DirectoryBackupDriver(backup_driver.BackupDriver):
    """Copies the directory of a share's export location."""

    def __init__(self):
        super().__init__()
        self.use_data_manager = False
        self.restore_to_target_support = True
        self.failed: set[str] = set()
        self.root = pathlib.Path(CONF.sandbox_backup_root)
        self.scratch = self.root / "scratch"
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.knobs = knobs.Knobs(CONF.sandbox_delays_file, CONF.sandbox_faults_file)
        tree.recover(self.root, self.scratch)

    @remembered
    @turnable_as("data_backup")
    def backup(self, context, backup, share):
        """Copy a share; the service takes the return for the end."""
        tree.copy(self._tree(context, share), self.root / backup["id"], self.scratch)

    @turnable_as("data_restore")
    def restore(self, context, backup, share):
        """Make a share what the backup holds; the service takes the return for the end."""
        source = self.root / backup["id"]
        if not source.is_dir():
            raise exception.ShareBackupNotFound(backup_id=backup["id"])
        target = self._tree(context, share)
        # The scratch directory of the share's own backend: what is renamed stays on its disk.
        tree.replace(target, source, target.parents[1] / "scratch")

    @turnable_as("data_delete")
    def delete(self, context, backup):
        """Remove a backup; one that is gone is deleted."""
        tree.remove(self.root / backup["id"], self.scratch)
        self.failed.discard(backup["id"])

    def get_backup_progress(self, context, backup, share):
        """Answer percent as text, never "100": the end is the return of :meth:`backup`.

        :raises BackupException: it failed
        """
        if backup["id"] in self.failed:
            raise exception.BackupException(reason="it failed")
        begun = tree.begun_bytes(self.root / backup["id"], self.scratch)
        return self._percent(begun, tree.used_bytes(self._tree(context, share)))

    def get_restore_progress(self, context, backup, share):
        """Answer percent as text, never "100": the end is the return of :meth:`restore`."""
        target = self._tree(context, share)
        begun = tree.begun_bytes(target, target.parents[1] / "scratch")
        return self._percent(begun, tree.used_bytes(self.root / backup["id"]))

    @staticmethod
    def _percent(begun: int, whole: int) -> str:
        return str(min(99, begun * 100 // max(1, whole)))

    @staticmethod
    def _tree(context, share) -> pathlib.Path:
        instance = db.share_instance_get(context, share["instance"]["id"])
        _, _, path = instance["export_locations"][0]["path"].partition(":")
        found = pathlib.Path(path).parent
        if not found.is_dir():
            raise exception.ShareResourceNotFound(share_id=share["id"])
        return found
