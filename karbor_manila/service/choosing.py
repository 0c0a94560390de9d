# SPDX-License-Identifier: Apache-2.0
"""Which shares of a project the plan on it chooses: its parameters for the project itself."""

from collections.abc import Mapping
from typing import Any

from karbor_manila.common import selection
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.common.left_out import EXCLUDED
from karbor_manila.common.selection import Selection
from karbor_manila.manila.errors import ShareNotProtectable
from karbor_manila.manila.views import View
from karbor_manila.operations import parameters
from karbor_manila.operations.plugin import PROJECT, protects_shares
from karbor_manila.schemas import PROJECT_OPTIONS_SCHEMA
from karbor_manila.service import driver_options
from karbor_manila.service.protectable import Objection

_ANY = Selection()
_ADVICE = "Change the plan, or the share, if it is to be protected."


def chosen(plan: Mapping[str, Any]) -> dict[str, Selection]:
    """What a plan chooses of each of its projects, by their ids.

    :param plan: Karbor's plan: ``resources`` and ``parameters``
    :raises InvalidParameter: it cannot be read, or is of a project that is not in the plan
    """
    named = [item["id"] for item in plan.get("resources") or [] if item["type"] == PROJECT]
    given = plan.get("parameters") or {}
    for key, values in given.items():
        resource_type, _, project_id = key.partition("#")
        if resource_type != PROJECT:
            continue
        wanted = parameters.resolve(PROJECT_OPTIONS_SCHEMA, values)
        asked = any(value for value in wanted.values())
        if asked and (not named or (project_id and project_id not in named)):
            raise InvalidParameter(key, dict(values), "that project is not in the plan")
    return {project_id: selection.of_project(given, PROJECT, project_id) for project_id in named}


def objection(provider: Any, plan: Mapping[str, Any]) -> Objection | None:
    """Says of a share of the plan's project why it is not in the checkpoint: the plan or its owner
    does not want it, or no driver of the provider can.

    :returns: None for a provider whose shares are not ours
    :raises InvalidParameter: as :func:`chosen`; a plan that was stored is read again
    """
    if not protects_shares(provider):
        return None
    wanted, able = chosen(plan), driver_options.catalogue_of(provider)

    def objected(share: View) -> ShareNotProtectable | None:
        if why := wanted.get(str(share.get("project_id")), _ANY).why_not(share):
            return ShareNotProtectable(str(share["id"]), why, _ADVICE, kind=EXCLUDED)
        return able.objection(share)

    return objected
