# SPDX-License-Identifier: Apache-2.0
"""What hooks are told of what came of a share, and what their posts may change in it.

At each point the result is a plain dict, and what a post gives is merged into it:

- protect, copy: ``snapshot_id`` (the id of what keeps the share), ``size`` (GiB) and
  ``annotations``, which alone may be changed: short texts by name, which the record stores.
- restore, revert, drill: what the user reads of the share in Karbor's restore or verification
  (``export_locations``, ``not_restored``, ...). What was made of what, and when, stays.
- delete: nothing.
"""

from collections.abc import Mapping
from typing import Any

from karbor_manila.hooks.base import COPY, DELETE, DRILL, PROTECT, RESTORE, REVERT
from karbor_manila.hooks.errors import NotAllowed

#: Annotations of a share, at most: how many, and the letters of a name and of a text.
MOST_ANNOTATIONS = 16
MOST_NAME = 64
MOST_TEXT = 1024

#: Where the remarks on hooks stand in what the user reads of a restore.
REMARKS = "remarks"

_ANNOTATIONS = "annotations"
_KEPT = frozenset({PROTECT, COPY})
_REPORTED = frozenset({RESTORE, REVERT, DRILL})

#: Of a report: ids, and what the code or a user relies on.
_STAYS = frozenset(
    {"restored_from", "way", "removed", "safety_copy", "depth", "at", "seconds", "left", REMARKS}
)
_SENTENCES = frozenset({"export_locations", "not_restored"})


def of_kept(snapshot_id: str, size: int | None) -> dict[str, Any]:
    """The result of a protection or a copy."""
    return {"snapshot_id": snapshot_id, "size": size, _ANNOTATIONS: {}}


def annotations(result: Mapping[str, Any]) -> dict[str, str]:
    """Those in the result of a protection or a copy."""
    return dict(result.get(_ANNOTATIONS) or {})


def amend(point: str, before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a share as a post has amended it.

    :raises NotAllowed: it would change what it may not; nothing is changed then
    """
    changed = {name for name in given if name not in before or given[name] != before[name]}
    if point in _KEPT:
        _refuse(changed - {_ANNOTATIONS}, "only annotations")
        _check_annotations(given.get(_ANNOTATIONS, {}))
    elif point in _REPORTED:
        _refuse(changed & _STAYS, "everything else")
        for name in changed & _SENTENCES:
            if not _is_list_of_texts(given[name]):
                raise NotAllowed(f"{name} has to be a list of texts.")
    elif point == DELETE:
        _refuse(changed, "nothing")
    return {**before, **given}


def amend_all(
    point: str, before: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """As :func:`amend`, of results by the ids of shares (scope checkpoint)."""
    _refuse(given.keys() - before.keys(), "the results of the shares that are there")
    for share_id, result in given.items():
        if not isinstance(result, Mapping):
            raise NotAllowed(f"the result of share {share_id} has to be a mapping.")
    return {
        share_id: amend(point, result, given.get(share_id, {}))
        for share_id, result in before.items()
    }


def _refuse(names: "set[str] | frozenset[str]", instead: str) -> None:
    if names:
        listed = ", ".join(sorted(map(repr, names)))
        raise NotAllowed(f"it may not change {listed} in the result, but {instead}.")


def _check_annotations(given: Any) -> None:
    if not isinstance(given, Mapping) or len(given) > MOST_ANNOTATIONS:
        raise NotAllowed(f"annotations have to be a mapping of at most {MOST_ANNOTATIONS} texts.")
    for name, text in given.items():
        if not (isinstance(text, str) and len(text) <= MOST_TEXT and 0 < len(name) <= MOST_NAME):
            raise NotAllowed(
                f"the annotation {name[:MOST_NAME]!r} has to be a text of at most {MOST_TEXT} "
                f"letters, with a name of at most {MOST_NAME}."
            )


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
