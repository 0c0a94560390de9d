# SPDX-License-Identifier: Apache-2.0
"""Karbor's API as the tenant's commands use it, over a keystoneauth adapter.

Not python-karborclient: its last release, 2.1.0, hides the reason of an error behind ``b'...'``,
loses the pages of a list, knows no retry, and half of its commands do not run with today's osc-lib.
What we need is six paths. Karbor 1.6.0 knows no microversions.
"""

import http
from collections.abc import Iterator, Mapping
from typing import Any

import tenacity
from keystoneauth1 import exceptions as ks_exc

from karbor_manila.cli.errors import KarborRefused, KarborTransient
from karbor_manila.common import http as http_errors
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import KarborManilaError

#: As Karbor's installation guides register it in Keystone.
SERVICE_TYPE = "data-protect"

#: So many entries are asked for at once; Karbor gives 1000 at most (osapi_max_limit).
PAGE = 200

#: How often a question (not an order) is put before a transient error is shown.
ATTEMPTS = 4

Parameters = dict[str, dict[str, str]]
Thing = dict[str, Any]


class Karbor:
    """One project's view of Karbor. Everything is given as Karbor gives it: dicts.

    All methods raise KarborTransient and KarborRefused.

    :param adapter: a keystoneauth adapter for the service ``data-protect``
    """

    def __init__(self, adapter: Any, clock: Clock) -> None:
        self._adapter = adapter
        self._clock = clock

    def plans(self) -> list[Thing]:
        """The project's plans."""
        return list(self._pages("list the plans", "/plans", "plans"))

    def providers(self) -> list[Thing]:
        """All providers."""
        return list(self._pages("list the providers", "/providers", "providers"))

    def checkpoints(self, provider_id: str, plan_id: str) -> Iterator[Thing]:
        """A plan's checkpoints, newest first. Deleted ones are not among them."""
        asked = f"list the checkpoints of plan {plan_id}"
        path = f"/providers/{provider_id}/checkpoints"
        return self._pages(asked, path, "checkpoints", plan_id=plan_id, sort="created_at:desc")

    def checkpoint(self, provider_id: str, checkpoint_id: str) -> Thing:
        """One checkpoint; a deleted one too."""
        path = f"/providers/{provider_id}/checkpoints/{checkpoint_id}"
        return self._one(f"show checkpoint {checkpoint_id}", path, "checkpoint")

    def restores(self) -> Iterator[Thing]:
        """The project's restores, newest first. Karbor filters them by status alone."""
        return self._pages("list the restores", "/restores", "restores")

    def verifications(self) -> Iterator[Thing]:
        """The project's verifications, newest first. Karbor filters them by status alone."""
        return self._pages("list the verifications", "/verifications", "verifications")

    def logs(self, **filters: str) -> Iterator[Thing]:
        """Operation logs, newest first: the one place where Karbor tells times."""
        return self._pages("list operation logs", "/operation_logs", "operation_logs", **filters)

    def record(self, kind: str, record_id: str) -> Thing:
        """One ``restore`` or ``verification``."""
        return self._one(f"show {kind} {record_id}", f"/{kind}s/{record_id}", kind)

    def begin(
        self, kind: str, provider_id: str, checkpoint_id: str, parameters: Parameters
    ) -> Thing:
        """Begin a ``restore`` or ``verification``. Not repeated: it may have begun unheard."""
        body: Thing = {
            "provider_id": provider_id,
            "checkpoint_id": checkpoint_id,
            "parameters": parameters,
        }
        asked = f"begin a {kind} of checkpoint {checkpoint_id}"
        answer = self._ask(asked, "POST", f"/{kind}s", json={kind: body})
        return _part(asked, answer, kind)

    def _one(self, asked: str, path: str, key: str) -> Thing:
        return _part(asked, self._look(asked, path), key)

    def _pages(self, asked: str, path: str, key: str, **filters: Any) -> Iterator[Thing]:
        """All entries of a list. Karbor's own next links are not followed: their host may be one
        that only Karbor can reach."""
        marker: Mapping[str, str] = {}
        while True:
            params = {**filters, "limit": PAGE, **marker}
            page = _part(asked, self._look(asked, path, params), key)
            yield from page
            if len(page) < PAGE or marker.get("marker") == page[-1]["id"]:
                return
            marker = {"marker": page[-1]["id"]}

    def _look(self, asked: str, path: str, params: Mapping[str, Any] | None = None) -> Thing:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(KarborTransient),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=5),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(self._ask, asked, "GET", path, params=params or {})

    def _ask(self, asked: str, method: str, path: str, **options: Any) -> Thing:
        try:
            response = self._adapter.request(path, method, raise_exc=False, **options)
        except ks_exc.SSLError as error:
            raise KarborRefused(asked, 0, f"its certificate was not accepted: {error}") from error
        except (ks_exc.ConnectionError, ks_exc.DiscoveryFailure) as error:
            raise KarborTransient(asked, _line(error)) from error
        except ks_exc.HttpError as error:  # Keystone's
            raise _failure(asked, int(error.http_status or 0), _line(error)) from error
        except ks_exc.ClientException as error:
            raise KarborRefused(asked, 0, _line(error)) from error
        try:
            body = response.json()
        except ValueError:
            body = None
        if response.status_code >= http.HTTPStatus.BAD_REQUEST:
            said = http_errors.sentence(body) or str(response.reason or "no reason given")
            raise _failure(asked, response.status_code, " ".join(said.split()))
        if not isinstance(body, dict):
            raise KarborTransient(asked, "the reply could not be read")
        return body


def _failure(asked: str, status: int, answer: str) -> KarborManilaError:
    if status >= 500 or status in (408, 429):
        return KarborTransient(asked, f"HTTP {status}, {answer}")
    return KarborRefused(asked, status, answer)


def _part(asked: str, body: Thing, key: str) -> Any:
    if key not in body:
        raise KarborTransient(asked, f"the reply has no {key!r}")
    return body[key]


def _line(error: Exception) -> str:
    """An error as one line, without secrets."""
    return " ".join(http_errors.without_secrets(str(error)).split())
