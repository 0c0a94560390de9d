# SPDX-License-Identifier: Apache-2.0
"""Where Manila's v2 API is: Keystone's catalog, and the versions that are offered there.

A URL of the catalog may end in the version, in the project behind it, or before both
(``http://host:8786``, ``http://host/share``): then the version document says what is below it.
keystoneauth reads the catalog and the document, and compares versions. Its discovery as a whole
(``get_endpoint_data``) is not used: it follows the links in the document to whatever host they
name, which behind a proxy is often the wrong one; it takes every error for a service without
microversions; it asks at several URLs, each for as long as the session allows, which may be for
ever; and it does not look whether the service that it finds is Manila.
"""

import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keystoneauth1 import discover as ks_discover
from keystoneauth1 import exceptions as ks_exc

from karbor_manila.manila import responses
from karbor_manila.manila.errors import (
    EndpointMissing,
    EndpointUnsuitable,
    ManilaRefused,
    ManilaTooOld,
    ManilaTransient,
)

#: In the order in which they are looked for. ``shared-file-system`` is the official name; ``share``
#: is that of the v1 API in old clouds, so its endpoint counts only when it is a v2 one.
SERVICE_TYPES = ("sharev2", "shared-file-system", "share")

#: Below it there are no user messages (2.37) and no revert (2.27).
OLDEST = "2.37"
#: The newest microversion that this code was run with.
NEWEST = "2.98"

_VERSION = re.compile(r"v(\d+)(\.\d+)?$")


@dataclass(frozen=True)
class Where:
    """Where Manila is: the operator's choice. ``region`` None means any region.

    ``endpoint`` overrides the catalog; ``in_path`` is a project that is written behind it, for
    Manilas before Xena. ``interfaces`` are tried in order.
    """

    interfaces: tuple[str, ...] = ("public",)
    region: str | None = None
    endpoint: str | None = None
    service_types: tuple[str, ...] = SERVICE_TYPES
    in_path: str | None = None


def find(session: Any, where: Where) -> str:
    """The URL of the v2 API by configuration or catalog; it may have no version in it.

    :raises EndpointMissing: there is none in the catalog
    :raises EndpointUnsuitable: the configured one is of another version
    """
    if where.endpoint:
        if version_in(where.endpoint) not in (None, 2):
            raise EndpointUnsuitable(where.endpoint, "it is of another version")
        return where.endpoint.rstrip("/")
    bare = None
    for interface in where.interfaces:
        for service_type in where.service_types:
            url = _in_catalog(session, where, service_type, interface)
            version = version_in(url) if url else None
            if url and version == 2:
                return url
            # "share" is also what the v1 API was called: keystoneauth knows the names as aliases
            # and may answer with its endpoint, on which nothing here would work.
            bare = bare or (url if version is None else None)
    if bare:
        return bare
    raise EndpointMissing(list(where.service_types), " or ".join(where.interfaces), where.region)


def _in_catalog(session: Any, where: Where, service_type: str, interface: str) -> str | None:
    try:
        found = session.get_endpoint(
            service_type=service_type,
            interface=interface,
            region_name=where.region,
            skip_discovery=True,
        )
    except ks_exc.EndpointNotFound:
        return None
    return str(found).rstrip("/") if found else None


def version_in(url: str) -> int | None:
    """The major version that a URL names, if it names one."""
    found = [_VERSION.match(part) for part in urllib.parse.urlparse(url).path.split("/")]
    return next((int(match.group(1)) for match in found if match), None)


def base_of(url: str) -> str:
    """The URL of the version document: what stands before the version, if there is one."""
    parsed = urllib.parse.urlparse(url)
    parts = parsed.path.strip("/").split("/") if parsed.path.strip("/") else []
    for number, part in enumerate(parts):
        if _VERSION.match(part):
            parts = parts[:number]
            break
    return urllib.parse.urlunparse(parsed._replace(path="/".join(["", *parts, ""]), query=""))


def discover(session: Any, url: str, timeout: float) -> tuple[str, str]:
    """The endpoint of the v2 API, and the microversion to speak there.

    The document is asked for without a microversion, which an older Manila would refuse.

    :param url: what :func:`find` gave
    :param timeout: seconds to wait for the answer
    :raises ManilaTooOld: no common microversion
    :raises EndpointUnsuitable: there is no version in the URL, and none is offered below it
    :raises ManilaTransient, ManilaRefused:
    """
    base, bare = base_of(url), version_in(url) is None
    document = _Document(session, base, timeout)
    offers: Any = []
    try:
        offers = ks_discover.get_version_data(document, base)
    except ks_exc.DiscoveryFailure:
        pass  # a JSON object, and not one of versions: nothing is offered
    except (ManilaRefused, ManilaTransient) as error:
        if bare and document.is_wrong_place:
            raise EndpointUnsuitable(url, _nothing_below(document.status)) from error
        raise
    if bare and not _of_manila(offers):
        raise EndpointUnsuitable(url, _nothing_below(document.status))
    microversion = negotiate(offers, endpoint=base)
    return (f"{base.rstrip('/')}/v2" if bare else url.rstrip("/")), microversion


class _Document:
    """The session, as keystoneauth asks it for a version document: one request, with a timeout."""

    def __init__(self, session: Any, base: str, timeout: float) -> None:
        self._session = session
        self._base = base
        self._timeout = timeout
        #: Of the answer, that of HTTP; 0 when there is none.
        self.status = 0

    def get(self, url: str, **kwargs: Any) -> Any:
        """The answer. 300 Multiple Choices is Manila's when it speaks more than one version."""
        asked = "say which microversions it speaks"
        with responses.asking(asked, self._base):
            response = self._session.get(url, raise_exc=False, timeout=self._timeout, **kwargs)
        self.status = response.status_code
        try:
            body = response.json()
        except ValueError:
            body = None
        responses.checked(asked, response, body, endpoint=self._base)
        return response

    @property
    def is_wrong_place(self) -> bool:
        """Whether there was an answer, and Manila's would not be like that."""
        return 0 < self.status < 500 and self.status not in (401, 408, 429)


def _nothing_below(status: int) -> str:
    there = f"HTTP {status}" if status >= 400 else "something else"
    return f"it names no version, and where Manila would list its versions there is {there}"


def negotiate(versions: object, *, endpoint: str = "") -> str:
    """The newest microversion that the server and this code both know.

    :param versions: the entries of ``versions`` in Manila's version document (GET /)
    :param endpoint: where it was asked for, for the error
    :raises ManilaTooOld: the server does not reach :data:`OLDEST`, or starts above us, or does not
        say anything that Manila would say
    """
    offers = _of_manila(versions)
    oldest, newest = _version(OLDEST), _version(NEWEST)
    for offer in offers:
        lowest = _version(offer.get("min_version") or "2.0")
        highest = _version(offer.get("version") or "2.0")
        if lowest is None or highest is None:
            continue
        chosen = min(newest, highest)
        if chosen >= max(lowest, oldest):
            return ks_discover.version_to_string(chosen)
    spoken = ", ".join(f"{v.get('min_version')} to {v.get('version')}" for v in offers) or "no v2"
    raise ManilaTooOld(OLDEST, spoken, endpoint=endpoint)


def _of_manila(versions: object) -> list[Mapping[str, Any]]:
    """What a version document offers of the v2 API of Manila, if it is one of Manila's."""
    return [
        offer
        for offer in (versions if isinstance(versions, list) else [])
        if isinstance(offer, Mapping)
        and str(offer.get("id", "")).startswith("v2")
        and _is_of_manila(offer)
    ]


def _is_of_manila(offer: Mapping[str, Any]) -> bool:
    """Other services have a v2, too. Manila names its media type (manila/api/versions.py)."""
    kinds = offer.get("media-types")
    if not isinstance(kinds, list) or not kinds:
        return True  # nothing is said
    return any("openstack.share" in str(kind) for kind in kinds)


def _version(text: object) -> Any:
    """The numbers of a microversion, None for what is none; keystoneauth takes ``v2`` and
    ``latest`` for one, too."""
    known = re.fullmatch(r"\d+\.\d+", str(text))
    return ks_discover.normalize_version_number(str(text)) if known else None
