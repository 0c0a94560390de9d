# SPDX-License-Identifier: Apache-2.0
"""A tenant of the sandbox: what a user does with Manila and Karbor, for tests, demo and benchmarks.

It uses the public clients alone (python-karborclient, python-manilaclient), never karbor_manila.
Manila is spoken to directly, so the proxy counts and disturbs what Karbor asks and nothing else."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from karborclient import client as karborclient
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3
from manilaclient import client as manilaclient
from manilaclient import exceptions as manila_errors

from sandbox.errors import Refused
from sandbox.info import StackInfo
from sandbox.waiting import Unfinished, wait

__all__ = ["IN_WORK", "PROJECT", "SHARE", "Refused", "Tenant", "Unfinished", "wait"]

SHARE = "OS::Manila::Share"
PROJECT = "OS::Keystone::Project"

IN_WORK = ("protecting", "deleting", "wait_copying", "copying")
#: What our manager deletes; Karbor's own refuses the last one (services/protection/manager.py).
DELETABLE = ("available", "error", "error-deleting")


class Tenant:
    """One user in one project of a started sandbox.

    :param info: where everything is
    :param user: ``alpha``, ``beta`` or ``admin``
    :param karbor: whose API is asked: ``karbor``, or ``karbor2`` for the second one
    """

    def __init__(self, info: StackInfo, user: str, karbor: str = "karbor") -> None:
        self.info = info
        credentials = info.users[user]
        self.project_id = credentials.project_id
        self.project_name = credentials.project
        self.session = keystone_session.Session(
            auth=v3.Password(
                auth_url=credentials.auth_url,
                username=credentials.username,
                password=credentials.password,
                project_name=credentials.project,
                user_domain_id=credentials.domain,
                project_domain_id=credentials.domain,
            )
        )
        self.karbor_url = info.karbor_endpoint(user, karbor)
        self.karbor = karborclient.Client(
            "1",
            session=self.session,
            service_type="data-protect",
            endpoint_type="publicURL",
            endpoint_override=self.karbor_url,
        )
        self.manila = manilaclient.Client(
            info.manila_microversion,
            session=self.session,
            service_catalog_url=info.manila_url,
        )
        self.provider = info.providers["karbor-manila"]

    # -- Manila -------------------------------------------------------------------------------

    def make_share(self, name: str = "share", size: int = 1, **fields: Any) -> Any:
        """A new share, available."""
        share = self.manila.shares.create("NFS", size, name=name, **fields)
        return self.wait_share(share.id)

    def wait_share(self, share_id: str, status: str = "available", seconds: float = 120) -> Any:
        """The share, as soon as it has the status."""
        return wait(
            f"share {share_id} becoming {status}",
            lambda: self.manila.shares.get(share_id),
            lambda share: share.status == status,
            seconds,
        )

    def folder(self, share_id: str) -> Path:
        """The directory that holds the files of a share: its export location."""
        locations = self.manila.share_export_locations.list(share_id)
        return Path(locations[0].path.partition(":")[2])

    def snapshots(self, share_id: str | None = None) -> list[Any]:
        """The project's snapshots, or those of one share."""
        return [
            snapshot
            for snapshot in self.manila.share_snapshots.list()
            if share_id in (None, snapshot.share_id)
        ]

    def shares(self) -> list[Any]:
        """The project's own shares."""
        return [share for share in self.manila.shares.list() if share.project_id == self.project_id]

    def clean(self) -> None:
        """Remove every snapshot, backup, replica, share and share group of the project, and wait
        until they are gone. The user's own locks go first."""
        manila = self.manila
        for lock in listed(manila.resource_locks):
            if lock.user_id == self.session.get_user_id():
                manila.resource_locks.delete(lock.id)
        kept = (manila.share_snapshots, manila.share_group_snapshots, manila.share_backups)
        for what in kept:
            self._remove(what, what.delete)
        self._remove_replicas()
        self._remove(
            manila.shares,
            lambda share: manila.shares.delete(
                share.id, share_group_id=getattr(share, "share_group_id", None)
            ),
        )
        self._remove(manila.share_groups, manila.share_groups.delete)

    def _remove_replicas(self) -> None:
        """Manila deletes no share that has more than its active replica (409)."""
        replicas = self.manila.share_replicas

        def others() -> list[Any]:
            return [
                replica
                for share in self.shares()
                if getattr(share, "has_replicas", False)
                for replica in replicas.list(share=share.id)
                if replica.replica_state != "active"
            ]

        for replica in others():
            replicas.delete(replica.id)
        wait("the end of the replicas", others, lambda left: not left, 120)

    def _remove(self, of: Any, delete: Callable[[Any], object]) -> None:
        def own() -> list[Any]:
            mine = self.project_id
            return [each for each in listed(of) if getattr(each, "project_id", mine) == mine]

        for each in own():
            if each.status in ("available", "error"):
                delete(each)
        wait(f"the end of all of {type(of).__name__}", own, lambda left: not left, 120)

    # -- Karbor -------------------------------------------------------------------------------

    def plan_of_shares(
        self,
        shares: list[Any],
        parameters: dict[str, Any] | None = None,
        provider: str | None = None,
    ) -> Any:
        """A plan that names these shares."""
        resources = [
            {"type": SHARE, "id": share.id, "name": share.name or "unnamed"} for share in shares
        ]
        return self.karbor.plans.create(
            "shares", provider or self.provider, resources, parameters or {}
        )

    def plan_of_project(
        self, parameters: dict[str, Any] | None = None, provider: str | None = None
    ) -> Any:
        """A plan on the whole project."""
        resources = [{"type": PROJECT, "id": self.project_id, "name": self.project_name}]
        return self.karbor.plans.create(
            "project", provider or self.provider, resources, parameters or {}
        )

    def protect(self, plan: Any, status: str = "available", seconds: float = 120) -> Any:
        """A checkpoint of the plan, as soon as it has left ``protecting``."""
        begun = self.karbor.checkpoints.create(plan.provider_id, plan.id)
        return self.wait_checkpoint(plan.provider_id, begun.id, status, seconds)

    def checkpoint(self, provider: str, checkpoint_id: str) -> Any:
        """A checkpoint as it is now."""
        return self.karbor.checkpoints.get(provider, checkpoint_id)

    def wait_checkpoint(
        self, provider: str, checkpoint_id: str, status: str = "available", seconds: float = 120
    ) -> Any:
        """The checkpoint, once it is in ``status``; any other end raises AssertionError."""
        checkpoint = wait(
            f"checkpoint {checkpoint_id}",
            lambda: self.checkpoint(provider, checkpoint_id),
            lambda seen: seen.status not in IN_WORK,
            seconds,
        )
        if checkpoint.status != status:
            raise AssertionError(
                f"checkpoint {checkpoint_id} is {checkpoint.status}: {checkpoint.extra_info}"
            )
        return checkpoint

    def delete_checkpoints(self) -> None:
        """Delete every checkpoint of the project, whichever provider made it, and wait for each to
        come to an end, be it a good one. Those whose deletion failed go, too, which needs our
        manager."""
        left = [
            (provider.id, checkpoint.id)
            for provider in self.karbor.providers.list()
            for checkpoint in self.karbor.checkpoints.list(provider.id)
            if checkpoint.status in DELETABLE
        ]
        for provider, checkpoint in left:
            self.karbor.checkpoints.delete(provider, checkpoint)
        for provider, checkpoint in left:
            wait(
                f"checkpoint {checkpoint}",
                functools.partial(self.checkpoint, provider, checkpoint),
                lambda seen: seen.status not in IN_WORK,
                120,
            )

    def copy(self, plan: Any, parameters: dict[str, Any] | None = None) -> dict[str, str]:
        """Begin the copies of a plan's checkpoints: the ids of the copies by those of the sources.

        python-karborclient 2.1.0 has no call for it.
        """
        reply = self.session.post(
            f"{self.karbor_url}/providers/{plan.provider_id}/checkpoints/action",
            json={"copy": {"plan_id": plan.id, "parameters": parameters or {}}},
            raise_exc=False,  # keystoneauth does not tell what Karbor's API says
        )
        if reply.status_code >= 400:
            raise Refused(reply.status_code, reply.text)
        pairs = reply.json()["copy"]["checkpoint_id"]
        return {pair["checkpoint_protect_id"]: pair["checkpoint_copy_id"] for pair in pairs}

    def restore(
        self,
        checkpoint: Any,
        parameters: dict[str, Any] | None = None,
        status: str = "success",
        provider: str | None = None,
        seconds: float = 120,
    ) -> Any:
        """A restore of the checkpoint, once it is in ``status``."""
        provider = provider or checkpoint.protection_plan["provider_id"]
        begun = self.karbor.restores.create(provider, checkpoint.id, None, parameters or {}, None)
        return self._ended(self.karbor.restores, "restore", begun.id, status, seconds)

    def verify(
        self,
        checkpoint: Any,
        parameters: dict[str, Any] | None = None,
        status: str = "success",
        provider: str | None = None,
        seconds: float = 120,
    ) -> Any:
        """A verification of the checkpoint, once it is in ``status``."""
        provider = provider or checkpoint.protection_plan["provider_id"]
        begun = self.karbor.verifications.create(provider, checkpoint.id, parameters or {})
        return self._ended(self.karbor.verifications, "verification", begun.id, status, seconds)

    def delete(
        self,
        checkpoint: Any,
        status: str = "deleted",
        provider: str | None = None,
        seconds: float = 120,
    ) -> Any:
        """Delete a checkpoint and wait until that has ended."""
        provider = provider or checkpoint.protection_plan["provider_id"]
        self.karbor.checkpoints.delete(provider, checkpoint.id)
        return self.wait_checkpoint(provider, checkpoint.id, status, seconds)

    def checkpoints(self, plan: Any, **options: Any) -> list[Any]:
        """The plan's checkpoints as Karbor lists them."""
        listed: list[Any] = self.karbor.checkpoints.list(
            plan.provider_id, search_opts={"plan_id": plan.id}, **options
        )
        return listed

    def restored_share(self, restore: Any) -> Any:
        """The one new share of a restore."""
        (key,) = restore.resources_status
        return self.manila.shares.get(key.partition("#")[2])

    @staticmethod
    def _ended(manager: Any, kind: str, thing: str, status: str, seconds: float) -> Any:
        ended = wait(
            f"{kind} {thing}",
            lambda: manager.get(thing),
            lambda seen: seen.status != "in_progress",
            seconds,
        )
        if ended.status != status:
            raise AssertionError(f"{kind} {thing} is {ended.status}: {ended.resources_reason}")
        return ended


def listed(of: Any) -> list[Any]:
    """All of a kind; none of what an older Manila does not have."""
    try:
        return list(of.list())
    except manila_errors.UnsupportedVersion:
        return []
