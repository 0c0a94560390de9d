# SPDX-License-Identifier: Apache-2.0
"""A run of Karbor's retention at once, without a wait for the clock.

The operation is made through Karbor's API and stays asleep until the year's end; a run is Karbor's
own ``RetentionProtectOperation``, with a token of the very trust that Karbor has made for it.
"""

import configparser
from typing import Any

from karbor.services.operationengine.operations.retention_operation import (
    RetentionProtectOperation,
)
from karborclient import client as karborclient
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3
from keystoneclient.v3 import client as keystoneclient

from sandbox.stack import Stack
from sandbox.tenant import IN_WORK, Tenant, wait

ONCE_A_YEAR = {"format": "crontab", "pattern": "59 23 31 12 *", "window": 10}


class Retention:
    """A scheduled operation ``retention_protect`` of a plan, run by hand.

    :param rules: ``max_backups``, ``retention_duration``
    """

    def __init__(self, stack: Stack, tenant: Tenant, plan: Any, **rules: Any) -> None:
        self.tenant, self.plan = tenant, plan
        self.definition = {"provider_id": plan.provider_id, "plan_id": plan.id, **rules}
        trigger = tenant.karbor.triggers.create("once a year", "time", ONCE_A_YEAR)
        self._trigger = trigger.id
        self._operation = tenant.karbor.scheduled_operations.create(
            "retention", "retention_protect", trigger.id, self.definition
        ).id
        self._karbor = _section(stack, "trustee")
        self._runner = RetentionProtectOperation(None)
        self._runner._create_karbor_client = lambda *_whose: karborclient.Client(
            "1", endpoint=tenant.karbor_url, token=self._token()
        )

    def close(self) -> None:
        """Away with the operation and its trigger."""
        self.tenant.karbor.scheduled_operations.delete(self._operation)
        self.tenant.karbor.triggers.delete(self._trigger)

    def run(self) -> Any:
        """One run, and the end of all that it began; the checkpoint that it made."""
        before = {checkpoint.id for checkpoint in self.tenant.checkpoints(self.plan)}
        about = {
            "project_id": self.tenant.project_id,
            "trigger_id": self._trigger,
            "scheduled_operation_id": self._operation,
        }
        self._runner._run(self.definition, about, None)
        listed = wait(
            "the end of a run of retention",
            lambda: self.tenant.checkpoints(self.plan),
            lambda found: not {checkpoint.status for checkpoint in found} & set(IN_WORK),
            120,
        )
        return next((c for c in listed if c.id not in before), None)

    def _token(self) -> str:
        """A new one, scoped to the trust that the user has given Karbor with the operation."""
        mine = keystoneclient.Client(session=self.tenant.session)
        trust = next(
            item
            for item in mine.trusts.list(trustor_user=self.tenant.session.get_user_id())
            if item.project_id == self.tenant.project_id
        )
        auth = v3.Password(
            auth_url=self._karbor["auth_url"],
            username=self._karbor["username"],
            password=self._karbor["password"],
            user_domain_id=self._karbor["user_domain_id"],
            trust_id=trust.id,
        )
        return str(keystone_session.Session(auth=auth).get_token())


def _section(stack: Stack, name: str) -> Any:
    """Of karbor.conf."""
    parser = configparser.RawConfigParser()
    (path,) = stack.state.root.rglob("karbor.conf")
    parser.read(path)
    return parser[name]
