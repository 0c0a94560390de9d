# SPDX-License-Identifier: Apache-2.0
"""What to do about a share that is not well, in one sentence."""

from collections.abc import Sequence

from karbor_manila.cli.views.plans import NOT_PROTECTED, PROTECTED, PlanView


def advice(state: str, plans: Sequence[PlanView], failure: str) -> str:
    """The next step; empty when nothing is to be done.

    :param state: of the share
    :param plans: those that have it
    :param failure: why its last protection failed, if it did
    """
    if not plans:
        return _without_plan(state)
    if failure:
        return "When that is mended, the next run of the plan tries again."
    if any(plan.stuck for plan in plans):
        return "A checkpoint is stuck: an operator runs karbor-manila reconcile."
    if state == PROTECTED:
        return ""
    if all(plan.promise.interval is None for plan in plans):
        return "Its plan has no schedule: give it one, or protect it now."
    return "Protect the plan now, and look at the next run of its schedule."


def _without_plan(state: str) -> str:
    if state == NOT_PROTECTED:
        return "Add it to a plan, or make a plan for the whole project."
    return "No plan has it any more: add it to one before its checkpoints are gone."
