# SPDX-License-Identifier: Apache-2.0
"""Share backups of the driver's own type, and their restores, also into another share.

A backup is a tree below ``backups`` that nothing of its share is needed for. The bytes are copied
by the first call (``create_backup``, ``restore_backup``); the looks that Manila takes afterwards
(``..._continue``) say how far it is, in as many steps as the delays file asks for. What a killed
process was copying stays ``creating`` or ``restoring``, as everything does that a driver was at.
"""

import pathlib

from manila import exception

from sandbox import files
from sandbox.manila import tree
from sandbox.manila.backend.failures import remembered
from sandbox.manila.backend.places import Places
from sandbox.manila.backend.turning import ids_of, turnable

BACKUP_TYPE = "directories"
"""What ``backup_options`` have to name as ``backup_type``."""


class Backups(Places):
    """Copies that survive their shares."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.restore_to_target_support = True
        self.backups = self.root / "backups"
        self.restored = self.root / "restored"
        self.failed: set[str] = set()
        self.looks: dict[frozenset[str], int] = {}

    def directories(self) -> list[pathlib.Path]:
        """Answer what has to be there before the first call."""
        return [*super().directories(), self.backups, self.restored]

    @remembered
    @turnable
    def create_backup(self, context, share_instance, backup, share_server=None):
        """Copy a share.

        :raises BackupException: the type is not ours
        """
        kind = backup["backup_type"]
        if kind != BACKUP_TYPE:
            raise exception.BackupException(reason=f"there is no backup type {kind} here")
        tree.copy(self.share(share_instance), self.backups / backup["id"], self.scratch)

    @turnable
    def create_backup_continue(self, context, share_instance, backup, share_server=None):
        """Answer how far it is, as text; "100" is the end.

        :raises BackupException: it failed
        """
        if backup["id"] in self.failed:
            raise exception.BackupException(reason="it failed when it began")
        whole = (self.backups / backup["id"]).is_dir()
        return self._look("create_backup_continue", whole, share_instance, backup)

    @turnable
    def delete_backup(self, context, backup, share_instance, share_server=None):
        """Remove a backup; one that is gone is deleted."""
        tree.remove(self.backups / backup["id"], self.scratch)
        self.failed.discard(backup["id"])

    @turnable
    def restore_backup(self, context, backup, share_instance, share_server=None):
        """Make a share, that of the backup or another, what the backup holds."""
        source = self.backups / backup["id"]
        if not source.is_dir():
            raise exception.ShareBackupNotFound(backup_id=backup["id"])
        tree.replace(self.share(share_instance), source, self.scratch)
        files.write_json(self._note(backup, share_instance), {})

    @turnable
    def restore_backup_continue(self, context, backup, share_instance, share_server=None):
        """Answer how far it is, as text; "100" is the end."""
        note = self._note(backup, share_instance)
        answer = self._look("restore_backup_continue", note.exists(), backup, share_instance)
        if answer["total_progress"] == "100":
            note.unlink()
        return answer

    def _note(self, backup, share_instance) -> pathlib.Path:
        """Answer where it says that a restore has been done and nobody was told."""
        return self.restored / f"{backup['id']}.{share_instance['id']}"

    def _look(self, method: str, whole: bool, *about) -> dict[str, str]:
        if not whole:
            return {"total_progress": "0"}
        pair = frozenset(one["id"] for one in about)
        looks = self.looks.pop(pair, 0) + 1
        percent = min(100, looks * 100 // self.knobs.steps(method, ids_of(list(about))))
        if percent < 100:
            self.looks[pair] = looks
        return {"total_progress": str(percent)}
