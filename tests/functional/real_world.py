# SPDX-License-Identifier: Apache-2.0
"""The real Manila as the stage of the contract suite."""

import datetime
from typing import Any

from karbor_manila.drivers.base import Driver, Environment
from karbor_manila.drivers.catalogue import default_options
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.drivers.testing import World
from karbor_manila.manila.client import Manila, Where
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.shares import Shares
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.retyping import retype

View = dict[str, Any]


class RealWorld(World):
    driver_class: type[Driver] = SnapshotDriver

    def __init__(self, stack: Stack, tenant: Tenant) -> None:
        self._stack = stack
        self._tenant = tenant
        self._admin = Tenant(tenant.info, "admin")
        self.project_id = tenant.project_id
        self.other_project_id = self._admin.project_id

    def environment(self, expected: int = 1) -> Environment:
        manila = Manila(self._tenant.session, Where(interfaces=("internal",)))
        return self._environment(manila, expected)

    def environment_of_overseer(self, works_for: str) -> Environment:
        manila = Manila(self._admin.session, Where(interfaces=("internal",)), project_id=works_for)
        return self._environment(manila)

    def environment_of_stranger(self, works_for: str) -> Environment:
        session = Tenant(self._tenant.info, "beta").session
        elsewhere = works_for if works_for == self.project_id else None
        return self._environment(
            Manila(session, Where(interfaces=("internal",)), project_id=elsewhere)
        )

    def _environment(self, manila: Manila, expected: int = 1) -> Environment:
        client = FlowClient(manila, expected=expected)
        return Environment(client, Shares(client), default_options(self.driver_class))

    def transfer(self, share_id: str) -> None:
        asked = {"transfer": {"share_id": share_id, "name": "for the administrator"}}
        _, body = self._tenant.manila.client.post("/share-transfers", body=asked)
        transfer = body["transfer"]
        accepted = {"accept": {"auth_key": transfer["auth_key"], "clear_access_rules": False}}
        path = f"/share-transfers/{transfer['id']}/accept"
        self._admin.manila.client.post(path, body=accepted)

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    def make_share(self, **fields: Any) -> View:
        ways = ("create_share_from_snapshot_support", "revert_to_snapshot_support")
        clone, back = (fields.pop(way, True) for way in ways)
        mounts = fields.pop("mount_snapshot_support", True)
        inherits = fields.pop("snapshot_inherit_share_access_support", False)
        if fields.pop("snapshot_support", True) is False:
            fields["share_type"] = "nosnap"
        elif inherits or not mounts:
            fields["share_type"] = "inherit" if inherits else "norevert"
        elif not (clone and back):
            kinds = {(True, False): "norevert", (False, True): "noclone"}
            fields["share_type"] = kinds.get((clone, back), "snaponly")
        return dict(self._tenant.make_share("contract", **fields).to_dict())

    def retype(self, share_id: str) -> str:
        retype(self._stack, share_id, "sandbox-too")
        return "sandbox-too"

    def remove(self, kept_id: str) -> None:
        self._tenant.manila.share_snapshots.delete(kept_id)
        wait(
            "its end",
            self._tenant.snapshots,
            lambda left: kept_id not in {s.id for s in left},
            120,
        )

    def refused_rule(self) -> dict[str, Any]:
        return {
            # Manila takes the type, and the sandbox's backend does not know it.
            "access_type": "cephx",
            "access_to": "roof",
            "access_level": "rw",
            "metadata": {},
        }

    def write(self, share_id: str, text: str) -> None:
        (self._admin.folder(share_id) / "file").write_text(text)

    def read(self, share_id: str) -> str:
        return (self._admin.folder(share_id) / "file").read_text()
