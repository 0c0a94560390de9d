# SPDX-License-Identifier: Apache-2.0
"""Where a backend keeps what: its directories, what is found in them, and the export locations."""

import pathlib

from manila import exception
from manila.common import constants
from manila.share import driver
from oslo_log import log

from sandbox.manila import access, knobs, tree
from sandbox.manila.backend.options import OPTS
from sandbox.manila.backend.turning import turnable

LOG = log.getLogger(__name__)


class Places(driver.ShareDriver):
    """The directories below ``sandbox_export_root``, and the start of a backend on them."""

    handles_servers = False

    def __init__(self, *args, **kwargs):
        super().__init__(self.handles_servers, *args, config_opts=[OPTS], **kwargs)
        self.root = pathlib.Path(self.configuration.sandbox_export_root or "")
        self.shares = self.root / "shares"
        self.snapshots = self.root / "snapshots"
        self.scratch = self.root / "scratch"
        self.freezes = self.root / "frozen"
        self.rules = access.Rules(self.root / "access")
        self.knobs = knobs.Knobs(
            self.configuration.sandbox_delays_file, self.configuration.sandbox_faults_file
        )

    def do_setup(self, context):
        """Make the directories and undo what a killed process left half done."""
        if not self.root.is_absolute():
            raise exception.BadConfigurationException(
                reason=f'sandbox_export_root must be an absolute path, not "{self.root}"'
            )
        for directory in self.directories():
            directory.mkdir(parents=True, exist_ok=True)
        self.rules.setup()
        tree.recover(self.shares, self.scratch)

    def directories(self) -> list[pathlib.Path]:
        """Answer what has to be there before the first call; each ability adds its own."""
        return [self.shares, self.snapshots, self.scratch, self.freezes]

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
        self.share(share)
        return self.exports_of(share, share_server)

    def _ensured(self, share) -> dict:
        if not (self.shares / share["id"]).is_dir():
            LOG.error("The files of share %s are gone.", share["share_id"])
            return {"status": constants.STATUS_ERROR}
        return {
            "export_locations": self.exports_of(share, share.get("share_server")),
            "reapply_access_rules": True,
        }

    def exports(self, container: pathlib.Path, server=None) -> list[dict]:
        """Answer the export locations of a tree.

        :param server: the share server that exports it, for a backend that has some
        """
        host = self.configuration.sandbox_export_host
        return [
            {
                "path": f"{host}:{container / tree.DATA}",
                "is_admin_only": False,
                "metadata": {"preferred": True},
            }
        ]

    def exports_of(self, share, server=None) -> list[dict]:
        """Answer the export locations of a share; backend/names.py has another for named ones."""
        return self.exports(self.shares / share["id"], server)

    def share(self, share) -> pathlib.Path:
        """Answer the tree of a share instance.

        :raises ShareResourceNotFound: it is not there
        """
        path = self.shares / share["id"]
        if not path.is_dir():
            raise exception.ShareResourceNotFound(share_id=share["share_id"])
        return path

    def share_of(self, snapshot) -> pathlib.Path:
        """Answer the tree of the share instance that a snapshot is of."""
        return self.share({"id": snapshot["share_instance_id"], "share_id": snapshot["share_id"]})

    def snapshot(self, snapshot) -> pathlib.Path:
        """Answer the tree of a snapshot instance.

        :raises SnapshotResourceNotFound: it is not there
        """
        path = self.snapshots / snapshot["id"]
        if not path.is_dir():
            raise exception.SnapshotResourceNotFound(name=snapshot["id"])
        return path
