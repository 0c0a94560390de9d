# SPDX-License-Identifier: Apache-2.0
"""A share is as well protected as the plans that choose it, by the rule that the service has."""

import pytest

from karbor_manila.cli.views.face import face
from tests.fakes.listed import HOUR, PROJECT, World


@pytest.mark.parametrize("word", ["no", "No ", "false", "OFF", "0"])
def test_what_the_service_takes_for_left_out_is_left_out(word):
    world = World()
    world.share("s1", metadata={"karbor:protect": word})
    world.plan("all", project="p1")
    assert face(world.listed()).totals.left_out == 1


def test_a_share_that_a_plan_names_is_not_left_out_by_its_label():
    world = World()
    world.share("s1", metadata={"karbor:protect": "no"})
    world.plan("home", "s1", cron="0 2 * * *")
    (share,) = face(world.listed()).shares
    assert (share.left_out, share.state, share.plans) == (False, "not protected", ("home",))


def test_what_the_plan_of_a_project_does_not_choose_is_not_said_to_be_its():
    world = World()
    world.share("s1", "home")
    world.share("s2", "tmp-1")
    plan = world.plan("all", project="p1", cron="0 2 * * *")
    plan["parameters"] = {PROJECT: {"exclude": "name:tmp-*"}}
    world.checkpoint(plan, HOUR, "s1")
    views = {share.id: share for share in face(world.listed()).shares}
    assert views["s1"].plans == ("all",)
    assert views["s2"].plans == ()
    assert views["s2"].advice.startswith("Plan all: the plan excludes name:tmp-*. Add it")


@pytest.mark.parametrize("odd", ["x", None, [], {PROJECT: "x"}, {PROJECT: {"include": "x"}}])
def test_a_choice_that_cannot_be_read_covers_all(odd):
    world = World()
    world.share("s1")
    world.plan("all", project="p1")["parameters"] = odd
    assert face(world.listed()).shares[0].plans == ("all",)
