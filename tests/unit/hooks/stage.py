# SPDX-License-Identifier: Apache-2.0
"""A stage for hooks: a fake Manila, the options of a provider's file, and calls."""

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.hooks import catalogue
from karbor_manila.hooks.base import SHARE, Call, Environment, Hook, Outcome
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.shares import Shares
from tests.fakes.manila import Cloud, FakeClock, FakeManila

View = dict[str, Any]

CHECKPOINT_ID = "cp-1"
PROJECT = "project-a"


class Stage:
    """One project and its shares; hooks with options of their own."""

    def __init__(self, microversion: str = "2.98") -> None:
        self.microversion = microversion
        self.cloud = Cloud(FakeClock(), seconds={"set_access_level": 3.0})
        #: What hooks have remembered, each time.
        self.remembered: list[dict[str, Any]] = []

    @property
    def clock(self) -> FakeClock:
        return self.cloud.clock

    def share(self, **fields: Any) -> View:
        return self.cloud.add_share(PROJECT, **fields)

    def rule(self, share: View, to: str, level: str = "rw", state: str = "active") -> View:
        rule = {
            "id": f"rule-{to}",
            "access_type": "ip",
            "access_to": to,
            "access_level": level,
            "state": state,
            "metadata": {"team": "blue"},
        }
        self.cloud.access.setdefault(str(share["id"]), []).append(rule)
        return rule

    def levels(self, share: View) -> dict[str, str]:
        """To whom which access is given now, as the backend has it."""
        rules = self.manila(administrator=True).access_rules(str(share["id"]))
        return {rule["access_to"]: f"{rule['access_level']} {rule['state']}" for rule in rules}

    def marks(self, share: View) -> list[str]:
        """What is written into the metadata of rules, besides their owner's own."""
        rules = self.cloud.access[str(share["id"])]
        return [f"{key} {value}" for rule in rules for key, value in rule["metadata"].items()][1:]

    def manila(self, **session: Any) -> FakeManila:
        return FakeManila(self.cloud, session.pop("of", PROJECT), self.microversion, **session)

    def hook(self, kind: type[Hook], **options: Any) -> Any:
        conf = cfg.ConfigOpts()
        conf(args=[])
        opts.register_provider_opts(conf)
        settings = catalogue.register_options(conf, [kind])
        for name, value in options.items():
            conf.set_override(name, value, group=catalogue.GROUP)
        return kind(name=kind.__name__.removesuffix("Hook").lower(), options=settings)

    def environment(self, **session: Any) -> Environment:
        client = FlowClient(self.manila(**session), clock=self.clock)
        return Environment(client, Shares(client), self.clock, None)

    def call(self, *shares: View, session: Mapping[str, Any] | None = None, **fields: Any) -> Call:
        def remember(data: Mapping[str, Any]) -> None:
            self.remembered.append(copy.deepcopy(dict(data)))

        given: dict[str, Any] = {
            "point": "protect",
            "scope": SHARE,
            "checkpoint_id": CHECKPOINT_ID,
            "provider_id": "provider-1",
            "project_id": PROJECT,
            "shares": tuple(dict(share) for share in shares),
            "environment": self.environment(**(session or {})),
            "remember": remember,
        }
        return Call(**(given | fields))

    def thaw(self, hook: Hook, call: Call, status: str = "success", **outcome: Any) -> Any:
        """Call the post with what was remembered last."""
        data = self.remembered[-1] if self.remembered else None
        return hook.post(call=call, data=data, outcome=Outcome(status=status, **outcome))


def as_karbor(call: Call, stage: Stage) -> Call:
    """The same call, made by Karbor's own user."""
    session = {"of": "service", "administrator": True, "works_for": PROJECT}
    return dataclasses.replace(call, environment=stage.environment(**session))
