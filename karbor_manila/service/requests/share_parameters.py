# SPDX-License-Identifier: Apache-2.0
"""The parameters for shares in a plan, a copy, a restore or a verification, checked by the schemas
before anything is begun."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from karbor_manila.common.errors import InvalidParameter, KarborManilaError
from karbor_manila.common.turns import taking_turns
from karbor_manila.operations import parameters
from karbor_manila.operations.plugin import SHARE
from karbor_manila.schemas import OPTIONS_SCHEMA

Check = Callable[[dict[str, Any]], Any]
CheckOne = Callable[[str, dict[str, Any]], Any]


def check_options(given: Mapping[str, Any] | None, known: Collection[str] | None) -> None:
    """Check the parameters of a plan, or of a copy, which takes the same.

    :param given: by ``OS::Manila::Share`` or ``OS::Manila::Share#<id>``, as Karbor's API takes them
    :param known: the ids of the shares that parameters may be given for; None for any
    :raises InvalidParameter:
    """
    _check(given, known, lambda values: parameters.resolve(OPTIONS_SCHEMA, values))


def check_restore(
    given: Mapping[str, Any] | None, share_ids: Collection[str], check: CheckOne
) -> dict[str, str]:
    """What is wrong with the parameters of a restore or a verification.

    :param share_ids: the shares of the checkpoint
    :param check: raises for a share and its parameters
    :returns: the reasons by share id; empty when nothing is wrong
    """
    try:
        _check(given, set(share_ids), lambda _given: None)
    except InvalidParameter as error:
        named = share_ids or [error.parameter.partition("#")[2]]
        return dict.fromkeys(named, str(error))
    wrong = {}
    for share_id in taking_turns(share_ids):
        try:
            check(share_id, parameters.merge(given, SHARE, share_id))
        except KarborManilaError as error:
            wrong[share_id] = str(error)
    return wrong


def _check(given: Mapping[str, Any] | None, known: Collection[str] | None, check: Check) -> None:
    """Check each group of parameters for shares.

    :param known: the ids that parameters may be given for; None for any
    """
    for key, values in (given or {}).items():
        resource_type, _, share_id = key.partition("#")
        if resource_type != SHARE:
            continue
        if share_id and known is not None and share_id not in known:
            raise InvalidParameter(key, dict(values or {}), "there is no such share here")
        check(dict(values or {}))
