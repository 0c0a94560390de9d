# SPDX-License-Identifier: Apache-2.0
"""What a tenant's checks look at: the token, the catalogue, Karbor and Manila as the user reaches
them, each when it is first asked for."""

import functools
import re
from collections.abc import Callable
from typing import Any

from keystoneauth1 import discover
from keystoneauth1 import exceptions as ks_exc

from karbor_manila.cli.diagnosis import Asked
from karbor_manila.cli.errors import CloudRefused, NotKnown
from karbor_manila.cli.tenant.api import Karbor, View
from karbor_manila.common.clock import Clock
from karbor_manila.common.http import Answers, Failure

#: In the order in which they are looked for.
SHARE_TYPES = ("sharev2", "shared-file-system", "share")

#: Which karbor-manila needs at least, and from which snapshots have metadata.
OLDEST, WITH_METADATA = "2.37", "2.73"

_PAGE = 1000
_BEFORE_VERSION = re.compile(r"/v\d+(?:\.\d+)?(?:/.*)?$")


class Surroundings:
    """The cloud as one user of a project sees it.

    :param log_in: gives Karbor as that user reaches it
    :param seconds: for one request
    """

    def __init__(self, log_in: Callable[[], Karbor], clock: Clock, seconds: float) -> None:
        self._log_in = log_in
        self.clock = clock
        self.asked = Asked()
        self._seconds = seconds

    @functools.cached_property
    def karbor(self) -> Karbor:
        """Karbor as the user reaches it. Raises what the login does."""
        karbor = self._log_in()
        karbor.adapter.session.timeout = self._seconds
        return karbor

    @property
    def session(self) -> Any:
        """What requests are sent by. Raises as above."""
        return self.karbor.adapter.session

    def access(self) -> Any:
        """What Keystone says of the user's token (keystoneauth1.access.AccessInfo)."""
        return self.asked("the login", self._access)

    def _access(self) -> Any:
        session = self.session  # one that cannot be made says itself what is missing
        with _KEYSTONE.asking("log in"):
            return session.auth.get_access(session)

    def endpoint(self, *service_types: str) -> str | None:
        """Where the catalogue has a service, as the options choose interface and region."""
        self.access()
        for service_type in service_types:
            with _KEYSTONE.asking("show its catalogue"):
                if found := self._in_catalogue(service_type):
                    return found
        return None

    def _in_catalogue(self, service_type: str) -> str:
        try:
            found = self.session.get_endpoint(
                service_type=service_type,
                interface=self.karbor.adapter.interface or "public",
                region_name=self.karbor.adapter.region_name,
                skip_discovery=True,
            )
        except ks_exc.EndpointNotFound:
            return ""
        return str(found or "").rstrip("/")

    def plans(self) -> list[View]:
        """The project's plans."""
        self.access()
        return self.asked("Karbor's plans", self.karbor.plans)

    def providers(self) -> list[View]:
        """Karbor's providers."""
        self.access()
        return self.asked("Karbor's providers", self.karbor.providers)

    def manila_base(self) -> str:
        """Manila's URL, without a version.

        :raises NotKnown: the catalogue has none
        """
        found = self.endpoint(*SHARE_TYPES)
        if not found:
            raise NotKnown("the catalogue has no Manila")
        return _BEFORE_VERSION.sub("", found) + "/"

    def microversions(self) -> tuple[str, str]:
        """The oldest and the newest microversion that Manila speaks.

        :raises CloudRefused: it does not say
        """
        return self.asked("Manila", self._microversions)

    def _microversions(self) -> tuple[str, str]:
        base = self.manila_base()
        with _MANILA.asking("say which microversions it speaks", base):
            offers = discover.get_version_data(self.session, base)
        for offer in offers:
            if str(offer.get("id", "")).startswith("v2"):
                return str(offer.get("min_version") or "2.0"), str(offer.get("version") or "2.0")
        raise CloudRefused("Manila", "say which microversions it speaks", f"no v2 at {base}")

    def limits(self) -> dict[str, int]:
        """The project's absolute limits in Manila, and what is used of them."""
        asked = "show the quota of the project"
        limits = _MANILA.part(asked, self._of_manila(asked, "/limits"), "limits")
        found: dict[str, int] = _MANILA.part(asked, limits, "absolute")
        return found

    def shares(self) -> list[View]:
        """The project's shares, in detail."""
        return self.asked("Manila's shares", self._shares)

    def _shares(self) -> list[View]:
        asked, offset = "list the shares", 0
        found: dict[str, View] = {}
        while True:
            path = f"/shares/detail?is_public=False&limit={_PAGE}&offset={offset}"
            page = _MANILA.part(asked, self._of_manila(asked, path), "shares")
            found |= {view["id"]: view for view in page}
            offset += _PAGE
            if len(page) < _PAGE:
                return list(found.values())

    def _of_manila(self, asked: str, path: str) -> View:
        self.microversions()  # one that is away is told of once
        url = f"{self.manila_base()}v2{path}"
        with _MANILA.asking(asked, url):
            # The least that has what is read.
            headers = {"X-OpenStack-Manila-API-Version": OLDEST, "Accept": "application/json"}
            response = self.session.get(url, headers=headers, raise_exc=False)
        try:
            body = response.json()
        except ValueError:
            body = None
        return _MANILA.checked(asked, response, body, endpoint=url)


def _failed(failure: Failure) -> CloudRefused:
    return CloudRefused(failure.service, failure.asked, failure.cause)


_MANILA = Answers("Manila", _failed, _failed)
_KEYSTONE = Answers("Keystone", _failed, _failed)
