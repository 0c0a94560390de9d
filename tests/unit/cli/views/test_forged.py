# SPDX-License-Identifier: Apache-2.0
"""What a tenant can write into a checkpoint of his own ends nobody else's page."""

import json

import pytest

from karbor_manila.cli.page.render import page
from karbor_manila.cli.views.as_json import as_json
from karbor_manila.cli.views.face import face
from tests.fakes.listed import DAY, HOUR, NOW, SHARE, World

KEYS = ("reasons", "lost", "left_out", "hold", "copy_of", "created_by")
ODD = (
    None,
    1.5,
    True,
    "x",
    [],
    ["x"],
    [[]],
    {"x": None},
    {f"{SHARE}#s1": None},
    {f"{SHARE}#s1": {"a": 1}},
    {f"{SHARE}#s1": ["b"]},
    {"why": {"a": 1}, "until": [1]},
    [{"kind": "broken"}],
    [{"kind": "broken", "id": ["a"], "type": SHARE}],
)


def _short(value: object) -> str:
    return repr(value)[:20]


def looked_at(world: World) -> None:
    """All that is shown of it."""
    found = face(world.listed())
    assert json.dumps(as_json(found))
    assert page(found, NOW)


@pytest.mark.parametrize("key", KEYS)
def test_extra_info_of_any_kind_is_shown_or_left_out(key: str) -> None:
    for odd in ODD:
        world = World()
        world.share("s1")
        plan = world.plan("home", "s1", cron="0 2 * * *", max_backups=1)
        for status in ("available", "error", "protecting"):
            world.checkpoint(plan, HOUR, status=status)["extra_info"] = json.dumps({key: odd})
        looked_at(world)


@pytest.mark.parametrize("info", [None, "", "{", "[1]", "7", {}, [], 7, "[" * 10**5], ids=_short)
def test_extra_info_that_is_no_mapping_counts_as_none(info: object) -> None:
    world = World()
    world.share("s1")
    world.checkpoint(world.plan("home", "s1"), DAY)["extra_info"] = info
    looked_at(world)


@pytest.mark.parametrize(
    "properties",
    [None, {}, {"pattern": None}, {"pattern": 5}, {"pattern": "* * * * *", "start_time": "x"}],
    ids=repr,
)
def test_a_trigger_of_any_kind_is_no_end(properties: object) -> None:
    world = World()
    world.checkpoint(world.plan("home", "s1", cron="0 2 * * *"), DAY)
    world.triggers[0]["properties"] = properties
    looked_at(world)
