# SPDX-License-Identifier: Apache-2.0
"""Which shares of a project its plan covers: by their labels, types and names, and by what their
owners say in the metadata of a share itself. This module imports nothing of Karbor."""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from karbor_manila.common.errors import InvalidParameter

#: Metadata of a share: with one of :data:`NO` no plan on its project covers it.
LABEL = "karbor:protect"
NO = frozenset({"no", "false", "off", "0"})

#: The parameters of a plan on a project.
INCLUDE, EXCLUDE = "include", "exclude"

#: So many terms may one of them have.
MOST_TERMS = 100

_KINDS = "name:PATTERN, type:PATTERN, label:KEY and label:KEY=PATTERN"
_SEPARATORS = re.compile(r"[,;\n]")


@dataclass(frozen=True)
class Term:
    """One condition on a share.

    :ivar kind: ``name``, ``type`` (of the share, by name or id) or ``label`` (its metadata)
    :ivar key: of the metadata; empty for the other kinds
    :ivar pattern: as of file names (``*``, ``?``, ``[abc]``), case and all; for what has to be
        there with any value it is ``*``
    """

    text: str
    kind: str
    key: str
    pattern: str

    def fits(self, share: Mapping[str, Any]) -> bool:
        """Whether a share (a view) fits."""
        return any(fnmatch.fnmatchcase(each, self.pattern) for each in self._values(share))

    def _values(self, share: Mapping[str, Any]) -> list[str]:
        if self.kind == "name":
            return [str(share.get("name") or "")]
        if self.kind == "type":
            found = (share.get("share_type_name"), share.get("share_type"))
            return [str(each) for each in found if each]
        labels = share.get("metadata") or {}
        return [str(labels[self.key])] if self.key in labels else []


@dataclass(frozen=True)
class Selection:
    """What a plan on a project covers: everything that fits one of the terms of ``include`` (all,
    when there is none) and none of ``exclude``, but for what its owner has taken out."""

    include: tuple[Term, ...] = ()
    exclude: tuple[Term, ...] = ()

    def why_not(self, share: Mapping[str, Any]) -> str:
        """Why a share (a view) is not covered, a phrase; empty when it is."""
        if is_out(share):
            return f"its owner says {LABEL}={share['metadata'][LABEL]}"
        if fitting := next((term for term in self.exclude if term.fits(share)), None):
            return f"the plan excludes {fitting.text}"
        if self.include and not any(term.fits(share) for term in self.include):
            return f"the plan includes only {', '.join(term.text for term in self.include)}"
        return ""


def is_out(share: Mapping[str, Any]) -> bool:
    """Whether the owner of a share (a view) has taken it out of all plans that do not name it."""
    return str((share.get("metadata") or {}).get(LABEL)).strip().lower() in NO


def of(given: Mapping[str, Any] | None) -> Selection:
    """What the parameters of a plan for its project say.

    :param given: ``include`` and ``exclude``, text; empty text is nothing
    :raises InvalidParameter: one of them cannot be read
    """
    values = given or {}
    include, exclude = (_terms(name, str(values.get(name) or "")) for name in (INCLUDE, EXCLUDE))
    return Selection(include, exclude)


def of_project(
    parameters: Mapping[str, Mapping[str, Any]] | None, resource_type: str, project_id: str
) -> Selection:
    """What the parameters of a plan say of one project: those for its type, its own on top.

    :param parameters: of the plan, as Karbor's API takes them
    :param resource_type: Karbor's word for a project
    :raises InvalidParameter: one of them cannot be read
    """
    given: dict[str, Any] = {}
    for key in (resource_type, f"{resource_type}#{project_id}"):
        values = (parameters or {}).get(key) or {}
        # A form sends empty text for what was left alone.
        given |= {name: value for name, value in values.items() if value}
    return of(given)


def _terms(name: str, text: str) -> tuple[Term, ...]:
    words = [word for part in _SEPARATORS.split(text) if (word := part.strip())]
    if len(words) > MOST_TERMS:
        raise InvalidParameter(name, text, f"it takes at most {MOST_TERMS} terms")
    return tuple(_term(name, word) for word in words)


def _term(name: str, word: str) -> Term:
    kind, colon, rest = (part.strip() for part in word.partition(":"))
    if colon and rest and kind in ("name", "type"):
        return Term(word, kind, "", rest)
    if colon and kind == "label":
        key, equals, pattern = (part.strip() for part in rest.partition("="))
        if key:
            return Term(word, kind, key, pattern if equals else "*")
    why = f"{word!r} in it is no condition; it takes {_KINDS}, with commas between them"
    raise InvalidParameter(name, word, why)
