# SPDX-License-Identifier: Apache-2.0
"""Protections with the hook ``quiesce`` around them: who may write when, and what is recorded."""

from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.hooks import catalogue
from karbor_manila.hooks.quiesce import QuiesceHook
from tests.unit.hook_stage import HookStage

RULES = {"10.0.0.1": "rw", "10.0.0.9": "ro"}


class Quiet:
    """A stage with shares that have rules, and the levels at each request for a snapshot."""

    def __init__(self, stage: HookStage, scope: str) -> None:
        self.stage = stage
        conf = cfg.ConfigOpts()
        conf(args=[])
        opts.register_provider_opts(conf)
        settings = catalogue.register_options(conf, [QuiesceHook])
        conf.set_override("quiesce_scope", scope, group=catalogue.GROUP)
        stage.hooks = (QuiesceHook(name="quiesce", options=settings),)
        self.ids = [self._share() for _number in range(3)]
        self.seen: list[set[str]] = []
        self._watch()

    def _share(self) -> str:
        share_id = str(self.stage.cloud.add_share(self.stage.project_id)["id"])
        self.stage.cloud.access[share_id] = [
            {
                "id": f"{share_id}-{to}",
                "access_type": "ip",
                "access_to": to,
                "access_level": level,
                "state": "active",
                "metadata": {},
            }
            for to, level in RULES.items()
        ]
        return share_id

    def _watch(self) -> None:
        def look() -> None:
            self.seen.append({level for share in self.ids for level in self.levels(share).values()})
            self._watch()

        self.stage.cloud.meanwhile["create_snapshot"] = [look]

    def levels(self, share_id: str) -> dict[str, str]:
        rules = self.stage.cloud.access[share_id]
        return {rule["access_to"]: rule["access_level"] for rule in rules}

    def is_as_before(self) -> bool:
        rules = [rule for share in self.ids for rule in self.stage.cloud.access[share]]
        return all(self.levels(share) == RULES for share in self.ids) and not any(
            rule["metadata"] for rule in rules
        )


@pytest.fixture(params=["share", "checkpoint"])
def quiet(request: pytest.FixtureRequest, tmp_path: Path) -> Quiet:
    return Quiet(HookStage(tmp_path), request.param)


def recorded(quiet: Quiet, checkpoint: Any, share_id: str) -> dict[str, str]:
    rules = quiet.stage.pages(checkpoint, share_id)["metadata"]["access_rules"]
    assert not any(rule["metadata"] for rule in rules)
    return {rule["access_to"]: rule["access_level"] for rule in rules}


def test_no_snapshot_is_asked_for_while_somebody_may_write(quiet: Quiet) -> None:
    checkpoint = quiet.stage.checkpoint(*quiet.ids)
    assert quiet.stage.protect(checkpoint, *quiet.ids) == []
    assert quiet.seen == [{"ro"}] * 3
    assert quiet.is_as_before()
    assert all(recorded(quiet, checkpoint, share) == RULES for share in quiet.ids)
    assert quiet.stage.runs() == []


def test_a_snapshot_that_fails_leaves_rules_as_they_were(quiet: Quiet) -> None:
    quiet.stage.cloud.failing.add(f"create_snapshot {quiet.ids[1]}")
    checkpoint = quiet.stage.checkpoint(*quiet.ids)
    assert len(quiet.stage.protect(checkpoint, *quiet.ids)) == 1
    assert quiet.is_as_before()
    assert quiet.stage.runs() == []


def test_a_manila_that_is_too_old_is_told_and_nothing_is_made(quiet: Quiet) -> None:
    quiet.stage.microversion = "2.87"
    checkpoint = quiet.stage.checkpoint(*quiet.ids)
    errors = quiet.stage.protect(checkpoint, *quiet.ids)
    assert len(errors) == 3
    assert "needs microversion 2.88" in str(errors[0])
    assert quiet.stage.cloud.snapshots == {}
    assert quiet.is_as_before()


def test_after_the_freeze_time_rules_are_put_back_while_the_snapshot_is_made(quiet: Quiet) -> None:
    stage = quiet.stage
    stage.cloud.seconds["create_snapshot"] = 400.0
    back: list[float] = []
    began = stage.cloud.clock.now()

    def look() -> None:
        if not quiet.is_as_before():
            back.clear()
        elif not back:
            back.append(stage.cloud.clock.now() - began)
        stage.cloud.meanwhile["snapshots"] = stage.cloud.meanwhile["snapshot"] = [look]

    look()
    checkpoint = stage.checkpoint(*quiet.ids)
    assert stage.protect(checkpoint, *quiet.ids) == []
    assert 300 <= back[0] < 350
    assert quiet.is_as_before()
    for share in quiet.ids:
        assert stage.pages(checkpoint, share)["metadata"]["hooks"]["thawed_early"] is True
