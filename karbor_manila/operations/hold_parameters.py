# SPDX-License-Identifier: Apache-2.0
"""The parameters of a hold, and of a deletion that is taken back: those of a verification that
checks nothing. It is of a whole checkpoint, and carried out before there is a flow."""

from collections.abc import Mapping
from typing import Any

from karbor.common import constants
from oslo_serialization import jsonutils

from karbor_manila.common.errors import InvalidParameter

#: The depths that are of a whole checkpoint.
HOLD, RELEASE, UNDELETE, PURGE = "hold", "release", "undelete", "purge"
DEPTHS = frozenset({HOLD, RELEASE, UNDELETE, PURGE})

_NAMES = ("hold_why", "hold_until")


def given(of_all: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The parameters of the whole checkpoint; none when they are no mapping.

    :param of_all: all of a verification, as Karbor keeps them
    """
    found = (of_all or {}).get(constants.SHARE_RESOURCE_TYPE)
    return found if isinstance(found, Mapping) else {}


def of_request(of_all: Mapping[str, Any] | None) -> str:
    """Which of :data:`DEPTHS` a verification asks for; empty when it checks something.

    :param of_all: as of :func:`given`
    """
    depth = given(of_all).get("depth")
    return depth if isinstance(depth, str) and depth in DEPTHS else ""


def told(depth: str, way: str, said: str, **more: Any) -> dict[str, Any]:
    """What the user reads of one that was carried out.

    :param way: what became of it, a word such as ``held`` or ``already``
    :param said: the same as a sentence
    :param more: how it stands then
    """
    return {"depth": depth, "way": way, "told": said} | more


def dump(said: Mapping[str, Any]) -> str:
    """As :func:`told` stands in Karbor's record: JSON."""
    return str(jsonutils.dumps(said))


def refuse(options: Any) -> None:
    """Refuse them in the verification of a share (a VerifyOptions). Raises InvalidParameter."""
    if options.depth in DEPTHS:
        why = (
            "it is of a whole checkpoint: give it for OS::Manila::Share, with nothing for single "
            "shares, and with the protection_manager of karbor-manila"
        )
        raise InvalidParameter("depth", options.depth, why)
    for name in _NAMES:
        if value := getattr(options, name):
            raise InvalidParameter(name, value, "it is for the depth 'hold' alone")


def check(given: Mapping[str, Any], usual: Mapping[str, Any]) -> None:
    """Refuse what says nothing of a whole checkpoint, and a hold without a reason.

    :param given: all parameters of a verification, resolved
    :param usual: those of a verification of which nothing is asked
    :raises InvalidParameter:
    """
    depth = given["depth"]
    meant = {"depth", "include", *(_NAMES if depth == HOLD else ())}
    for name in sorted(given.keys() - meant):
        if given[name] != usual[name]:
            raise InvalidParameter(name, given[name], f"it says nothing with the depth {depth!r}")
    if depth == HOLD and not (given["hold_why"] or "").strip():
        why = "say why the checkpoint is held, for whoever finds that it cannot be deleted"
        raise InvalidParameter("hold_why", given["hold_why"], why)
