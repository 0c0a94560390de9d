# SPDX-License-Identifier: Apache-2.0
"""The list of a project's shares, asked of Manila: Karbor needs a call between its services for
each share, and an administrator sees those of one project there."""

import logging
from typing import Any

from karbor_manila.cli.errors import SharesRefused, SharesTransient
from karbor_manila.cli.tenant.api import ATTEMPTS
from karbor_manila.common.clock import Clock
from karbor_manila.common.http import Answers, Failure
from karbor_manila.common.retry import retry

#: The official name; Manila's older ones are found by it (os-service-types).
SERVICE_TYPE = "shared-file-system"

#: As many as Manila gives at once unless it is configured otherwise (osapi_max_limit).
PAGE = 1000

_ASKED = "list the shares"


class ManilaShares:
    """Manila, of which one list is asked.

    :param adapter: a keystoneauth adapter for Manila
    :param all_projects: of all projects, as Manila lets an administrator
    """

    def __init__(self, adapter: Any, clock: Clock, *, all_projects: bool = False) -> None:
        self._adapter = adapter
        self._clock = clock
        self._whose: dict[str, Any] = {"all_tenants": 1} if all_projects else {}

    def all(self) -> list[dict[str, Any]]:
        """All shares in detail; a restart of a page may give one twice, which counts once.

        :raises SharesTransient: Manila is away
        :raises SharesRefused: it refuses, or is not in the catalogue
        """
        found: dict[str, dict[str, Any]] = {}
        offset = 0
        while page := self._page(offset):
            offset += len(page)
            found.update((share["id"], share) for share in page)
        return list(found.values())

    def _page(self, offset: int) -> list[dict[str, Any]]:
        params = {"limit": PAGE, "offset": offset, **self._whose}

        def look() -> list[dict[str, Any]]:
            with _ANSWERS.asking(_ASKED):
                response = self._adapter.get("/shares/detail", raise_exc=False, params=params)
            try:
                body = response.json()
            except ValueError:
                body = None
            page: list[dict[str, Any]] = _ANSWERS.part(
                _ASKED, _ANSWERS.checked(_ASKED, response, body), "shares"
            )
            return page

        return retry(look, attempts=ATTEMPTS, first=0.5, clock=self._clock, level=logging.INFO)


def _transient(failure: Failure) -> SharesTransient:
    return SharesTransient(failure.asked, failure.cause)


def _refused(failure: Failure) -> SharesRefused:
    return SharesRefused(failure.asked, failure.cause)


_ANSWERS = Answers("Manila", _transient, _refused)
