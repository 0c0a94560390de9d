# SPDX-License-Identifier: Apache-2.0
"""What can be told of a plan or a restore before anything is begun."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants

from karbor_manila.common.errors import InvalidParameter, KarborManilaError
from karbor_manila.common.ids import is_id
from karbor_manila.operations import parameters
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.schemas import OPTIONS_SCHEMA

SHARE = constants.SHARE_RESOURCE_TYPE
PROJECT = constants.PROJECT_RESOURCE_TYPE

Check = Callable[[dict[str, Any]], Any]
CheckOne = Callable[[str, dict[str, Any]], Any]


def check_plan(plan: Mapping[str, Any], provider: Any, context: Any) -> None:
    """Refuse a plan that cannot be protected as it stands, before its checkpoint exists.

    :param plan: Karbor's plan: ``resources`` (dicts with type, id, name) and ``parameters``
    :raises karbor.exception.InvalidPlan: HTTP 400, with a sentence that says what is wrong
    """
    resources = plan.get("resources") or []
    for item in resources:
        # The id becomes part of a key in the bank.
        if item["type"] == SHARE and not is_id(item["id"]):
            raise karbor_exception.InvalidPlan(
                reason=f"it names a share by {item['id']!r}, which is not an id (a UUID)"
            )
        if item["type"] not in provider.plugins:
            raise karbor_exception.InvalidPlan(
                reason=f"it names {item['type']} {item['id']}, and provider {provider.name!r} has "
                f"no protection plugin for that type"
            )
        if item["type"] == PROJECT and item["id"] != context.project_id and not context.is_admin:
            raise karbor_exception.InvalidPlan(
                reason=f"it names project {item['id']}, which is not the one you are working in"
            )
    if not protects_shares(provider):
        return
    named = {item["id"] for item in resources if item["type"] == SHARE}
    whole = any(item["type"] == PROJECT for item in resources)
    try:
        _check(plan.get("parameters"), None if whole else named, _options)
    except KarborManilaError as error:
        raise karbor_exception.InvalidPlan(reason=str(error)) from error


def check_options(given: Mapping[str, Any] | None, known: Collection[str]) -> None:
    """Check the parameters of a plan, or of a copy, which takes the same.

    :param known: the ids of the shares that parameters may be given for
    :raises InvalidParameter:
    """
    _check(given, known, _options)


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
    for share_id in share_ids:
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


def _options(given: dict[str, Any]) -> None:
    parameters.resolve(OPTIONS_SCHEMA, given)
