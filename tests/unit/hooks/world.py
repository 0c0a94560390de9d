# SPDX-License-Identifier: Apache-2.0
"""A world for one round of hooks: what they do stands in one log."""

from typing import Any

from karbor_manila.hooks.base import PROTECT, SHARE, SUCCESS, Call, Outcome
from karbor_manila.hooks.errors import NotAllowed
from karbor_manila.hooks.runner import Round
from karbor_manila.hooks.terms import Terms
from tests.unit.hook_stage import AlarmClock, HookTime, Kept, Witness

DONE = Outcome(status=SUCCESS, result={"seen": ()})


class World:
    """Hooks that share one log."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.kept = Kept()
        self.clock = AlarmClock()
        self.time = HookTime(self.clock)
        self.hooks: list[Witness] = []

    def hook(self, name: str, **does: Any) -> Witness:
        self.hooks.append(Witness(name, self.log, **does))
        return self.hooks[-1]

    def round(self, **terms: Any) -> Round:
        usual = {
            "pre": True,
            "post": True,
            "suppress_pre": False,
            "suppress_post": False,
            "timeout": 60.0,
            "freeze_timeout": 300.0,
        }
        nowhere: Any = None
        call = Call(
            point=PROTECT,
            scope=SHARE,
            checkpoint_id="c",
            provider_id="p",
            project_id="a",
            shares=({"id": "s"},),
            environment=nowhere,
            remember=lambda _values: None,
        )
        return Round(
            self.hooks, call, Terms(**{**usual, **terms}), self.kept, self.time, self.amend
        )

    @staticmethod
    def amend(before: Any, given: Any) -> Any:
        if "id" in given:
            raise NotAllowed("the id stays.")
        return {**before, **given}
