# SPDX-License-Identifier: Apache-2.0
"""How the simulated Manila behaves, as data: delays, outcomes, latency, faults, outages, quotas.

A profile is a JSON object; what it leaves out is as in :data:`DEFAULTS`. A share whose metadata has
``simulator:fate`` meets what ``fates`` says of that name, and so do its snapshots.
"""

import copy
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FATE = "simulator:fate"
"""The key of a share's metadata that names its fate."""

STUCK = "stuck"
"""The outcome of what never ends."""

_CAN = {
    "snapshot_support": True,
    "create_share_from_snapshot_support": True,
    "revert_to_snapshot_support": True,
    "mount_snapshot_support": True,
}
_CANNOT = dict.fromkeys(_CAN, False)

DEFAULTS: dict[str, Any] = {
    "seed": 1,
    # Simulated seconds pass so many times as fast as the machine's.
    "speed": 1.0,
    "microversion": "2.99",
    # Of each request: seconds, of which up to ``jitter`` (a part) are added or taken away.
    "latency": {"seconds": 0.0, "jitter": 0.0},
    # ``{"requests": "POST /v2/snapshots$", "kind": "503", "rate": 0.01, "retry_after": 2}``
    "faults": [],
    # Every so many seconds nothing but 503 for so many seconds; never, when ``every`` is 0.
    "outages": {"every": 0.0, "seconds": 0.0},
    # Seconds until it ends, their jitter as above, and how likely which end is.
    "actions": {
        "share.create": {"seconds": 1.0, "outcomes": {"available": 1}},
        "share.create_from_snapshot": {"seconds": 2.0, "outcomes": {"available": 1}},
        "share.delete": {"seconds": 0.5, "outcomes": {"deleted": 1}},
        "share.revert": {"seconds": 1.0, "outcomes": {"available": 1}},
        "snapshot.create": {"seconds": 1.0, "outcomes": {"available": 1}},
        "snapshot.delete": {"seconds": 0.5, "outcomes": {"deleted": 1}},
        "rule.create": {"seconds": 0.0, "outcomes": {"active": 1}},
    },
    "fates": {
        "error": {
            "snapshot.create": {"outcomes": {"error": 1}},
            "share.create_from_snapshot": {"outcomes": {"error": 1}},
            "share.revert": {"outcomes": {"reverting_error": 1}},
        },
        "stuck": {
            "snapshot.create": {"outcomes": {STUCK: 1}},
            "share.create_from_snapshot": {"outcomes": {STUCK: 1}},
        },
        "undeletable": {"snapshot.delete": {"outcomes": {"error_deleting": 1}}},
        "slow": {"snapshot.create": {"seconds": 60.0}},
    },
    # Of a share that is made from a snapshot; with backends that go on after they have answered it
    # is ``creating_from_snapshot`` (manila/share/manager.py, create_share_instance).
    "clone_status": "creating",
    # Of each project; -1 is no limit.
    "quota": {"shares": -1, "gigabytes": -1, "snapshots": -1, "snapshot_gigabytes": -1},
    # The first one is the default. As the sandbox's real Manila has them.
    "share_types": {
        "sandbox": _CAN,
        "sandbox-too": _CAN,
        "norevert": _CAN | {"revert_to_snapshot_support": False, "mount_snapshot_support": False},
        "noclone": _CANNOT | {"snapshot_support": True, "revert_to_snapshot_support": True},
        "snaponly": _CANNOT | {"snapshot_support": True},
        "nosnap": _CANNOT,
    },
    # What a backend knows; a rule of another type is taken and ends in ``error``.
    "access_types": ["ip", "user", "cert"],
}

_OUTCOMES = {
    "share.create": {"available", "error", STUCK},
    "share.create_from_snapshot": {"available", "error", STUCK},
    "share.delete": {"deleted", "error_deleting", "available", STUCK},
    "share.revert": {"available", "reverting_error", STUCK},
    "snapshot.create": {"available", "error", STUCK},
    "snapshot.delete": {"deleted", "error_deleting", "available", STUCK},
    "rule.create": {"active", "error", STUCK},
}
KINDS = frozenset({"500", "503", "429", "reset", "lost reply", "delay"})


class ProfileWrong(ValueError):
    """A profile says something that the simulator does not know."""


@dataclass(frozen=True)
class Action:
    """How long something takes, in simulated seconds, and how it may end, with weights."""

    seconds: float
    jitter: float
    outcomes: Mapping[str, float]

    def draw(self, dice: random.Random) -> tuple[float, str]:
        """The seconds that it takes this time, and the outcome."""
        names = list(self.outcomes)
        outcome = dice.choices(names, [self.outcomes[name] for name in names])[0]
        return spread(self.seconds, self.jitter, dice), outcome


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a part (``rate``, 0 to 1) of some requests (``POST /v2/snapshots``).

    ``seconds`` are those of a delay, ``retry_after`` those of a 429 or 503.
    """

    requests: re.Pattern[str]
    kind: str
    rate: float
    seconds: float = 0.0
    retry_after: float | None = None


class Profile:
    """A profile, checked.

    :param wanted: what differs from :data:`DEFAULTS`; objects are merged, everything else replaces
    :raises ProfileWrong:
    """

    def __init__(self, wanted: Mapping[str, Any] | None = None) -> None:
        self.data = _merged(copy.deepcopy(DEFAULTS), wanted or {})
        unknown = set(self.data) - set(DEFAULTS)
        if unknown:
            raise ProfileWrong(f"a profile has no {', '.join(sorted(unknown))}")
        self.latency = self.data["latency"]
        self.outages = self.data["outages"]
        self.quota: dict[str, int] = self.data["quota"]
        self.share_types: dict[str, dict[str, bool]] = self.data["share_types"]
        self.access_types: list[str] = self.data["access_types"]
        self.faults = [_fault(fault) for fault in self.data["faults"]]
        self._actions = {name: self._action(name, {}) for name in self.data["actions"]}
        self._fates = {
            fate: {name: self._action(name, said) for name, said in actions.items()}
            for fate, actions in self.data["fates"].items()
        }

    @property
    def default_type(self) -> str:
        """The share type of a share that is made without one."""
        return next(iter(self.share_types))

    def action(self, name: str, fate: str | None = None) -> Action:
        """How something goes for a share of this fate."""
        return self._fates.get(fate or "", {}).get(name) or self._actions[name]

    def _action(self, name: str, said: Mapping[str, Any]) -> Action:
        if name not in _OUTCOMES:
            raise ProfileWrong(f"there is no action {name!r}")
        known = {"jitter": 0.0} | self.data["actions"][name] | said
        unknown = set(known["outcomes"]) - _OUTCOMES[name]
        if unknown:
            raise ProfileWrong(f"{name} does not end in {', '.join(sorted(unknown))}")
        return Action(known["seconds"], known["jitter"], known["outcomes"])


def spread(seconds: float, jitter: float, dice: random.Random) -> float:
    """Seconds, with up to this part of them added or taken away."""
    return seconds * (1 + dice.uniform(-jitter, jitter)) if jitter else seconds


def _fault(said: Mapping[str, Any]) -> Fault:
    if said.get("kind") not in KINDS:
        raise ProfileWrong(f"there is no fault {said.get('kind')!r}")
    return Fault(**{**said, "requests": re.compile(said["requests"])})


def _merged(known: dict[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in wanted.items():
        # Outcomes are weights of one draw: those that are not named are not meant.
        both = isinstance(value, Mapping) and isinstance(known.get(name), dict)
        known[name] = _merged(known[name], value) if both and name != "outcomes" else value
    return known
