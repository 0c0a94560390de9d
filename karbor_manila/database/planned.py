# SPDX-License-Identifier: Apache-2.0
"""Which shares Karbor's plans mean, read from its database without a tenant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from karbor import objects
from karbor.common import constants

from karbor_manila.common import selection
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.common.selection import Selection
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.database.requested import as_karbor

_PROJECT = constants.PROJECT_RESOURCE_TYPE


@dataclass
class Meant:
    """What the plans of one project mean: shares by their ids, or what is ``chosen`` of all that
    there are."""

    share_ids: set[str] = field(default_factory=set)
    chosen: list[Selection] = field(default_factory=list)

    def holds(self, share: Mapping[str, Any]) -> bool:
        """Whether a share of the project (a view) is meant."""
        return share["id"] in self.share_ids or any(not each.why_not(share) for each in self.chosen)


def by_project(provider_id: str) -> dict[str, Meant]:
    """What the plans of a provider mean, by the ids of their projects.

    A plan protects shares of its own project alone.

    :raises DatabaseUnreadable: the database does not answer
    """
    found: dict[str, Meant] = {}
    try:
        plans = objects.PlanList.get_all(as_karbor(), None, None)
    except Exception as error:  # nothing is swallowed: raised as ours, with its cause
        raise DatabaseUnreadable("the plans", type(error).__name__) from error
    for plan in plans:
        if plan.provider_id != provider_id:
            continue
        meant = found.setdefault(str(plan.project_id), Meant())
        for each in plan.resources:
            if each["type"] == constants.SHARE_RESOURCE_TYPE:
                meant.share_ids.add(str(each["id"]))
            elif (each["type"], str(each["id"])) == (_PROJECT, str(plan.project_id)):
                meant.chosen.append(_chosen(plan.parameters, str(each["id"])))
    return found


def _chosen(parameters: Mapping[str, Mapping[str, Any]] | None, project_id: str) -> Selection:
    try:
        return selection.of_project(parameters, _PROJECT, project_id)
    except InvalidParameter:  # it is refused when it is protected; until then it means everything
        return Selection()
