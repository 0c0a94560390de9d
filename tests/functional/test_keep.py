# SPDX-License-Identifier: Apache-2.0
"""A plan that chooses its shares by label and keeps the last two: what is in it, and what goes."""

import json
import time
from typing import Any

import pytest
from karborclient.common.apiclient import exceptions as karbor_errors

from sandbox.info import StackInfo
from sandbox.tenant import PROJECT, SHARE, Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.tenant_command import command

#: Karbor's timestamps are whole seconds.
SECOND = 1.1


def of_plan(alpha: Tenant, plan: Any) -> list[str]:
    """The ids of its checkpoints, the newest first."""
    return [each.id for each in alpha.checkpoints(plan, sort="created_at:desc")]


def left_out(checkpoint: Any) -> dict[str, tuple[str, str]]:
    found = json.loads(checkpoint.extra_info)["left_out"]
    return {item["id"]: (item["kind"], item["reason"]) for item in found}


def test_what_is_chosen_is_protected_and_what_no_rule_keeps_goes(
    info: StackInfo, empty_alpha: Tenant
) -> None:
    # A checkpoint names at most a hundred of the shares that it leaves out.
    alpha = empty_alpha
    plan = alpha.plan_of_project(
        {
            PROJECT: {"include": "label:keep=yes", "exclude": "name:tmp-*"},
            SHARE: {"keep_last": "2", "keep_time_zone": "Europe/Berlin"},
        }
    )
    labelled = {"keep": "yes"}
    home = alpha.make_share("home", metadata=labelled)
    temporary = alpha.make_share("tmp-1", metadata=labelled)
    other = alpha.make_share("wiki", metadata=labelled | {"karbor:protect": "no"})
    folder = alpha.folder(home.id)
    seen: list[dict[str, bytes]] = []
    made: list[Any] = []
    for text in ("first", "second", "third"):
        fill(folder, text)
        seen.append(contents(folder))
        made.append(alpha.protect(plan))
        if text == "first":
            # A new share is covered without a change of the plan.
            new = alpha.make_share("new", metadata=labelled)
        time.sleep(SECOND)
    assert left_out(made[0])[temporary.id] == ("excluded", "the plan excludes name:tmp-*")
    assert left_out(made[0])[other.id] == ("excluded", "its owner says karbor:protect=no")
    wait(
        "the end of the first checkpoint",
        lambda: of_plan(alpha, plan),
        lambda left: left == [made[2].id, made[1].id],
        60,
    )
    # The first one was the only one without the new share.
    wait("its snapshot's", lambda: alpha.snapshots(home.id), lambda left: len(left) == 2, 120)
    assert len(alpha.snapshots(new.id)) == 2
    assert not alpha.snapshots(temporary.id) + alpha.snapshots(other.id)
    code, rows, _err = command(info, "alpha")("prune", "--dry-run", "--plan", plan.id)
    assert code == 0
    assert [(row["Checkpoint"], row["Verdict"]) for row in rows] == [
        (made[2].id, "keep"),
        (made[1].id, "keep"),
    ]
    back = alpha.restore(
        made[1], {SHARE: {"include": "false"}, f"{SHARE}#{home.id}": {"include": "true"}}
    )
    told_of = {key.partition("#")[2] for key in back.resources_status}
    (restored,) = told_of - {home.id, new.id}
    assert contents(alpha.folder(restored)) == seen[1]


def test_conditions_and_rules_that_are_none_are_refused(alpha: Tenant) -> None:
    for given, said in (
        ({PROJECT: {"include": "home"}}, "is no condition"),
        ({SHARE: {"keep_daily": "often"}}, "whole number"),
        ({SHARE: {"keep_daily": "7", "keep_time_zone": "Mars/Base"}}, "name of a time zone"),
    ):
        plan = alpha.plan_of_project(given)
        with pytest.raises(karbor_errors.BadRequest, match=said):
            alpha.protect(plan)
        assert not of_plan(alpha, plan)
