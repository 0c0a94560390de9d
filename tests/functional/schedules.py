# SPDX-License-Identifier: Apache-2.0
"""Schedules whose runs a test lets come due, and people whom a test may take anything from."""

import contextlib
import dataclasses
import datetime
import sqlite3
from typing import Any

from keystoneclient.v3 import client as keystoneclient

from sandbox.karbor import config
from sandbox.stack import Stack
from sandbox.tenant import Tenant

#: So seldom that it never runs by itself while a test looks.
ONCE_A_YEAR = {"format": "crontab", "pattern": "59 23 31 12 *", "window": 30}


class Schedule:
    """A scheduled operation of a plan, which runs when it is told to.

    :param kind: ``protect`` or ``retention_protect``
    :param rules: ``max_backups``, ``retention_duration``
    """

    def __init__(
        self, stack: Stack, tenant: Tenant, plan: Any, kind: str = "protect", **rules: Any
    ) -> None:
        self.tenant, self.plan, self._stack = tenant, plan, stack
        self.trigger = tenant.karbor.triggers.create("once a year", "time", ONCE_A_YEAR).id
        self.operation = tenant.karbor.scheduled_operations.create(
            "nightly",
            kind,
            self.trigger,
            {"provider_id": plan.provider_id, "plan_id": plan.id, **rules},
        ).id

    def come_due(self) -> None:
        """Its time is now: Karbor's own trigger sees that when it looks next
        (``trigger_poll_interval``), and all goes on as at any other time."""
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        file = self._stack.state.directory("karbor") / config.DATABASE
        with contextlib.closing(sqlite3.connect(file, timeout=30)) as connection, connection:
            changed = connection.execute(
                "UPDATE trigger_executions SET execution_time = ? WHERE trigger_id = ?",
                (f"{now:%Y-%m-%d %H:%M:%S.%f}", self.trigger),
            ).rowcount
        assert changed == 1

    def close(self, by: Tenant | None = None) -> None:
        """Away with the operation and its trigger."""
        tenant = by or self.tenant
        tenant.karbor.scheduled_operations.delete(self.operation)
        tenant.karbor.triggers.delete(self.trigger)


class People:
    """Users and projects of a test's own, as an administrator of Keystone makes and breaks them."""

    def __init__(self, stack: Stack) -> None:
        self.info = stack.info
        admin = Tenant(self.info, "admin")
        self.keystone = keystoneclient.Client(
            session=admin.session, endpoint_override=self.info.auth_url
        )
        self.member = self.keystone.roles.list(name="member")[0]

    def project(self, name: str) -> str:
        """The id of a new project."""
        return str(self.keystone.projects.create(name, "default").id)

    def user(self, name: str, project_id: str) -> Tenant:
        """A new plain member of a project."""
        user = self.keystone.users.create(
            name, domain="default", password="secret", default_project=project_id
        )
        self.keystone.roles.grant(self.member, user=user, project=project_id)
        self.info.users[name] = dataclasses.replace(
            self.info.users["alpha"],
            username=name,
            user_id=user.id,
            password="secret",
            project=self.keystone.projects.get(project_id).name,
            project_id=project_id,
        )
        return Tenant(self.info, name)

    def revoke_trusts(self, tenant: Tenant) -> None:
        """As the user can do who gave them."""
        mine = keystoneclient.Client(
            session=tenant.session, endpoint_override=self.info.auth_url
        ).trusts
        for trust in mine.list(trustor_user=tenant.session.get_user_id()):
            mine.delete(trust.id)
