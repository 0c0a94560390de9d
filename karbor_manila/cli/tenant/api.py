# SPDX-License-Identifier: Apache-2.0
"""Karbor's API as the tenant's commands use it, over a keystoneauth adapter.

Not python-karborclient: its last release, 2.1.0, hides the reason of an error behind ``b'...'``,
loses the pages of a list, knows no retry, and half of its commands do not run with today's osc-lib.
What we need is eight paths. Karbor 1.6.0 knows no microversions.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from karbor_manila.cli.errors import KarborRefused, KarborTransient
from karbor_manila.common.clock import Clock
from karbor_manila.common.http import Answers, Failure
from karbor_manila.common.retry import retry

#: As Karbor's installation guides register it in Keystone.
SERVICE_TYPE = "data-protect"

#: So many entries are asked for at once; Karbor gives 1000 at most (osapi_max_limit).
PAGE = 200

#: How often a question (not an order) is put before a transient error is shown.
ATTEMPTS = 4

_NOT_FOUND = 404

Parameters = dict[str, dict[str, str]]
View = dict[str, Any]


class Karbor:
    """One project's view of Karbor. Everything is given as Karbor gives it: dicts.

    All methods raise KarborTransient and KarborRefused.

    :param adapter: a keystoneauth adapter for the service ``data-protect``
    :param all_projects: list what all projects have, as Karbor lets an administrator; it gives
        anybody else the own project's without a word
    """

    def __init__(self, adapter: Any, clock: Clock, *, all_projects: bool = False) -> None:
        self._adapter = adapter
        self._clock = clock
        self._all: View = {"all_tenants": "True"} if all_projects else {}

    def of_all_projects(self) -> "Karbor":
        """The same, for what all projects have."""
        return Karbor(self._adapter, self._clock, all_projects=True)

    def beside(self, service_type: str) -> Any:
        """An adapter for another service of the same cloud, with the same login."""
        from keystoneauth1 import adapter  # noqa: PLC0415 - who asks Karbor alone has it loaded

        known = self._adapter
        return adapter.Adapter(
            session=known.session,
            service_type=service_type,
            interface=known.interface,
            region_name=known.region_name,
            logger=logging.getLogger("keystoneauth"),
        )

    @property
    def adapter(self) -> Any:
        """How Karbor is reached: session, interface and region."""
        return self._adapter

    def plans(self) -> list[View]:
        """The project's plans."""
        return list(self._pages("list the plans", "/plans", "plans"))

    def providers(self) -> list[View]:
        """All providers."""
        return list(self._pages("list the providers", "/providers", "providers"))

    def checkpoints(self, provider_id: str, plan_id: str | None = None) -> Iterator[View]:
        """A plan's checkpoints, newest first; without a plan, all that the provider has of the
        project. Deleted ones are not among them."""
        whose = f"plan {plan_id}" if plan_id else f"provider {provider_id}"
        asked = f"list the checkpoints of {whose}"
        path = f"/providers/{provider_id}/checkpoints"
        of_plan = {"plan_id": plan_id} if plan_id else {}
        return self._pages(asked, path, "checkpoints", **of_plan, sort="created_at:desc")

    def checkpoint(self, provider_id: str, checkpoint_id: str) -> View:
        """One checkpoint; a deleted one too."""
        path = f"/providers/{provider_id}/checkpoints/{checkpoint_id}"
        return self._one(f"show checkpoint {checkpoint_id}", path, "checkpoint")

    def restores(self) -> Iterator[View]:
        """The project's restores, newest first. Karbor filters them by status alone."""
        return self._pages("list the restores", "/restores", "restores")

    def verifications(self) -> Iterator[View]:
        """The project's verifications, newest first. Karbor filters them by status alone."""
        return self._pages("list the verifications", "/verifications", "verifications")

    def logs(self, **filters: str) -> Iterator[View]:
        """Operation logs, newest first: the one place where Karbor shows times."""
        return self._pages("list operation logs", "/operation_logs", "operation_logs", **filters)

    def record(self, kind: str, record_id: str) -> View:
        """One ``restore`` or ``verification``."""
        return self._one(f"show {kind} {record_id}", f"/{kind}s/{record_id}", kind)

    def begin(
        self, kind: str, provider_id: str, checkpoint_id: str, parameters: Parameters
    ) -> View:
        """Begin a ``restore`` or ``verification``. Not retried: in doubt it has begun."""
        body: View = {
            "provider_id": provider_id,
            "checkpoint_id": checkpoint_id,
            "parameters": parameters,
        }
        asked = f"begin a {kind} of checkpoint {checkpoint_id}"
        answer = self._ask(asked, "POST", f"/{kind}s", json={kind: body})
        return _ANSWERS.part(asked, answer, kind)

    def project_id(self) -> str:
        """The id of the project."""
        with _ANSWERS.asking("log in"):
            return str(self._adapter.get_project_id())

    def triggers(self) -> Iterator[View]:
        """The project's triggers."""
        return self._pages("list the triggers", "/triggers", "triggers")

    def schedules(self) -> Iterator[View]:
        """The project's scheduled operations."""
        return self._pages("list the schedules", "/scheduled_operations", "operations")

    def make_trigger(self, name: str, kind: str, properties: View) -> View:
        """A new trigger. Not retried: in doubt it is there."""
        body = {"trigger_info": {"name": name, "type": kind, "properties": properties}}
        return self._make(f"make trigger {name!r}", "/triggers", body, "trigger_info")

    def make_schedule(self, **fields: Any) -> View:
        """A new scheduled operation, with a trust of the user. Not retried, as above."""
        asked, key = f"make schedule {fields['name']!r}", "scheduled_operation"
        return self._make(asked, "/scheduled_operations", {key: fields}, key)

    def remove_schedule(self, schedule_id: str) -> None:
        """Remove a scheduled operation; one that is gone is removed. Not retried, as above."""
        path = f"/scheduled_operations/{schedule_id}"
        try:
            self._ask(f"delete schedule {schedule_id}", "DELETE", path)
        except KarborRefused as error:
            if error.status != _NOT_FOUND:
                raise

    def _make(self, asked: str, path: str, body: View, key: str) -> View:
        return _ANSWERS.part(asked, self._ask(asked, "POST", path, json=body), key)

    def _one(self, asked: str, path: str, key: str) -> View:
        return _ANSWERS.part(asked, self._look(asked, path), key)

    def _pages(self, asked: str, path: str, key: str, **filters: Any) -> Iterator[View]:
        """All entries of a list. Karbor's own next links are not followed: their host may be one
        that only Karbor can reach."""
        marker: Mapping[str, str] = {}
        while True:
            # Providers belong to no project: Karbor would look for a field that they do not have.
            whose = {} if key == "providers" else self._all
            params = {**filters, **whose, "limit": PAGE, **marker}
            page = _ANSWERS.part(asked, self._look(asked, path, params), key)
            yield from page
            if len(page) < PAGE or marker.get("marker") == page[-1]["id"]:
                return
            marker = {"marker": page[-1]["id"]}

    def _look(self, asked: str, path: str, params: Mapping[str, Any] | None = None) -> View:
        def look() -> View:
            return self._ask(asked, "GET", path, params=params or {})

        # What a user reads is the last attempt's error; the others are for --verbose.
        return retry(look, attempts=ATTEMPTS, first=0.5, clock=self._clock, level=logging.INFO)

    def _ask(self, asked: str, method: str, path: str, **options: Any) -> View:
        with _ANSWERS.asking(asked):
            response = self._adapter.request(path, method, raise_exc=False, **options)
        try:
            body = response.json()
        except ValueError:
            body = None
        return _ANSWERS.checked(asked, response, body)


def _transient(failure: Failure) -> KarborTransient:
    return KarborTransient(failure.asked, failure.cause)


def _refused(failure: Failure) -> KarborRefused:
    return KarborRefused(failure.asked, failure.status, failure.answer)


_ANSWERS = Answers("Karbor", _transient, _refused)
