# SPDX-License-Identifier: Apache-2.0
"""Which plans cover a share: those that name it, and those of its project that choose it."""

from collections.abc import Iterable, Mapping
from typing import Any

from karbor_manila.cli.tenant import reading
from karbor_manila.cli.views.plans import PlanView
from karbor_manila.common import selection
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.common.selection import Selection

View = Mapping[str, Any]


class Covered:
    """Looked up once for all shares.

    :param given: the plans as Karbor lists them
    :param views: the views of the same
    """

    def __init__(self, given: Iterable[View], views: Iterable[PlanView]) -> None:
        by_id = {plan.id: plan for plan in views}
        self._named: dict[str, list[PlanView]] = {}
        self._of_project: dict[str, list[tuple[PlanView, Selection]]] = {}
        for plan in given:
            view, chosen = by_id[plan["id"]], _chosen(plan)
            for item in plan["resources"]:
                if item["type"] == reading.SHARE:
                    self._named.setdefault(item["id"], []).append(view)
                elif item["type"] == reading.PROJECT:
                    self._of_project.setdefault(item["id"], []).append((view, chosen))

    def by(self, share: View) -> list[PlanView]:
        """The plans that cover a share."""
        return [*self._named.get(share["id"], ()), *(p for p, why in self._said(share) if not why)]

    def left_out(self, share: View) -> bool:
        """Whether its owner has left a share out on purpose. A plan that names it covers it all
        the same (karbor_manila/common/selection.py)."""
        return share["id"] not in self._named and bool(Selection().why_not(share))

    def why_not(self, share: View) -> str:
        """Why the plans of its project do not choose a share, a sentence; empty when none is."""
        said = [f"Plan {plan.name}: {why}." for plan, why in self._said(share) if why]
        return " ".join(said)

    def _said(self, share: View) -> list[tuple[PlanView, str]]:
        of = self._of_project.get(str(share.get("project_id") or ""), ())
        return [(plan, chosen.why_not(share)) for plan, chosen in of]


def _chosen(plan: View) -> Selection:
    """As karbor_manila/service/choosing.py; what cannot be read is refused when it is protected,
    and means everything until then."""
    parameters = plan.get("parameters")
    given: dict[str, Any] = {}
    for key, values in parameters.items() if isinstance(parameters, Mapping) else ():
        if key.partition("#")[0] == reading.PROJECT and isinstance(values, Mapping):
            given |= {name: value for name, value in values.items() if value}
    try:
        return selection.of(given)
    except InvalidParameter:
        return Selection()
