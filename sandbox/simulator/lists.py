# SPDX-License-Identifier: Apache-2.0
"""Lists with Manila's filters, pages and faults (facts of Manila 23.0.1).

``marker`` is ignored and the ``next`` link leads to the same page; unknown filters are ignored, and
so are ``all_tenants`` and ``project_id`` from a member. With ``with_count`` an administrator's
``project_id`` is forgotten (manila/db/sqlalchemy/api.py, share_get_all_with_count).
"""

import ast
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.simulator import views
from sandbox.simulator.cloud import Cloud
from sandbox.simulator.errors import Refused
from sandbox.simulator.identity import Who
from sandbox.simulator.microversions import Version
from sandbox.simulator.objects import Share, Snapshot, type_id

_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
_COUNTED: dict[str, Version] = {"shares": (2, 42), "snapshots": (2, 79)}
_METADATA: dict[str, Version] = {"shares": (2, 0), "snapshots": (2, 73)}


class Lists:
    """The lists of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def list(
        self, kind: str, who: Who, query: Mapping[str, str], version: Version, url: str, base: str
    ) -> dict[str, Any]:
        """The answer to ``GET /shares[/detail]`` or ``/snapshots[/detail]``.

        :param url: of the request, for the ``next`` link
        """
        counts = _is_true(query.get("with_count")) and version >= _COUNTED[kind]
        metadata = _metadata(query, kind, version)
        limit, offset = _number(query, "limit"), _number(query, "offset") or 0
        found = self._filtered(kind, who, query, metadata, counts)
        # The newest first; only what is on the page is shown.
        total, page = _page(found, offset, limit, counts)
        body: dict[str, Any] = {kind: [self._view(kind, each, version, url, base) for each in page]}
        if counts:
            body["count"] = total
        if limit and limit == len(page):
            name = "shares_links" if kind == "shares" else "share_snapshots_links"
            body[name] = [{"rel": "next", "href": f"{url}&marker={page[-1].id}"}]
        return body

    @staticmethod
    def _view(kind: str, thing: Any, version: Version, url: str, base: str) -> dict[str, Any]:
        if not url.partition("?")[0].endswith("/detail"):
            return views.summary(kind, thing, base)
        return (views.share if kind == "shares" else views.snapshot)(thing, version, base)

    def _filtered(
        self,
        kind: str,
        who: Who,
        query: Mapping[str, str],
        metadata: Mapping[str, str],
        counts: bool,
    ) -> Iterable[Share | Snapshot]:
        wanted = _wanted(kind, query)
        for thing in self._of(kind, who, query, counts):
            if any(_differs(thing, name, value) for name, value in wanted):
                continue
            if all(thing.metadata.get(key) == value for key, value in metadata.items()):
                yield thing

    def _of(
        self, kind: str, who: Who, query: Mapping[str, str], counts: bool
    ) -> Iterable[Share | Snapshot]:
        cloud = self._cloud
        everything: Any = cloud.shares if kind == "shares" else cloud.snapshots
        by_project: Any = cloud.shares_of if kind == "shares" else cloud.snapshots_of
        if kind == "snapshots" and "share_id" in query:
            everything = cloud.of_share.get(query["share_id"], {})
            by_project = None
        if who.is_admin and _is_true(query.get("all_tenants")):
            whose = None if counts else query.get("project_id")
        else:
            whose = who.project_id
        if whose is None:
            return reversed(everything.values())
        if by_project is None:
            return (each for each in reversed(everything.values()) if each.project_id == whose)
        own = reversed(by_project[whose].values())
        if kind == "snapshots" or not _is_true(query.get("is_public")):
            return own
        public = (s for s in cloud.shares.values() if s.is_public and s.project_id != whose)
        return itertools.chain(own, public)


def _wanted(kind: str, query: Mapping[str, str]) -> list[tuple[str, str]]:
    names = {"name", "status", "description"}
    names |= {"snapshot_id", "share_type_id"} if kind == "shares" else {"share_id", "size"}
    return [(name, query[name]) for name in query if name.removesuffix("~") in names]


def _differs(thing: Share | Snapshot, name: str, value: str) -> bool:
    if name.endswith("~"):
        return value not in str(getattr(thing, name[:-1]) or "")
    if name == "share_type_id" and isinstance(thing, Share):
        return type_id(thing.type_name) != value
    return str(getattr(thing, name)) != value


def _page(
    found: Iterable[Any], offset: int, limit: int | None, counts: bool
) -> tuple[int, list[Any]]:
    if counts:
        everything = list(found)
        end = None if limit is None else offset + limit
        return len(everything), everything[offset:end]
    end = None if limit is None else offset + limit
    return 0, list(itertools.islice(found, offset, end))


def _metadata(query: Mapping[str, str], kind: str, version: Version) -> Mapping[str, str]:
    text = query.get("metadata")
    if text is None or version < _METADATA[kind]:
        return {}
    try:
        wanted = ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise Refused(400, "Invalid value for metadata filter.") from error
    if not isinstance(wanted, dict):
        raise Refused(400, f"Invalid input received: Wrong metadata filter provided: {text}.")
    return wanted


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError as error:
        raise Refused(400, f"{name} param must be an integer.") from error
    if number < 0:
        raise Refused(400, f"{name} param must be positive.")
    return number


def _is_true(text: str | None) -> bool:
    return str(text).strip().lower() in _TRUE
