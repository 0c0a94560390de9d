# SPDX-License-Identifier: Apache-2.0
"""A plan that is to be protected: what is refused before its checkpoint exists."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from karbor import exception as karbor_exception

from karbor_manila.common import keep_rules
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.ids import is_id
from karbor_manila.operations.plugin import PROJECT, SHARE, protects_shares
from karbor_manila.service import bank_refusals, choosing
from karbor_manila.service.requests import manila_checks, share_parameters
from karbor_manila.service.runtime import Runtime


@contextlib.contextmanager
def accepted(runtime: Runtime, context: Any, plan: Any) -> Iterator[None]:
    """Around Karbor's own ``protect``, which makes the checkpoint.

    :raises karbor.exception.InvalidPlan, karbor.exception.InvalidInput: (HTTP 400) a bad plan, or
        one whose bank is not there
    :raises karbor.exception.FlowError: the bank does not take the checkpoint
    """
    if not plan:
        yield  # Karbor refuses it
        return
    provider = runtime.provider_with_bank(plan.get("provider_id"))
    check_plan(plan, provider, context)
    manila_checks.refuse_plan(plan, provider, context, runtime.answer_timeout)
    with bank_refusals.creation_explained(provider), runtime.reconciliation.making():
        yield
    runtime.plans.soon()


def check_plan(plan: Mapping[str, Any], provider: Any, context: Any) -> None:
    """Refuse a plan that cannot be protected as it stands.

    :param plan: Karbor's plan: ``resources`` (dicts with type, id, name) and ``parameters``
    :raises karbor.exception.InvalidPlan: HTTP 400, with a sentence that says what is wrong
    """
    resources = plan.get("resources") or []
    for item in resources:
        _check_resource(item, provider, context)
    if not protects_shares(provider):
        return
    named = {item["id"] for item in resources if item["type"] == SHARE}
    whole = any(item["type"] == PROJECT for item in resources)
    try:
        choosing.chosen(plan)
        keep_rules.of_plan(plan.get("parameters"))
        share_parameters.check_options(plan.get("parameters"), None if whole else named)
    except KarborManilaError as error:
        raise karbor_exception.InvalidPlan(reason=str(error)) from error


def _check_resource(item: Mapping[str, Any], provider: Any, context: Any) -> None:
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
