# SPDX-License-Identifier: Apache-2.0
"""Rules for planned faults: what a rule says, and which one acts on a request. Stdlib only."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox.faults import AFTER, BEFORE, DELAY, KILL, OUTAGE, PAUSE, SIDES

__all__ = ["AFTER", "BEFORE", "DELAY", "KILL", "OUTAGE", "PAUSE", "SIDES", "Rule", "Rules"]

ANSWER = "answer"
RESET = "reset"
LOSE_REPLY = "lose_reply"
SILENCE = "silence"
ACTIONS = (ANSWER, DELAY, RESET, LOSE_REPLY, SILENCE, OUTAGE, KILL, PAUSE)
WITH_PID = (KILL, PAUSE)
FOREVER = None


class BadRule(ValueError):
    """A rule that cannot mean anything: an unknown action, a broken pattern, a wrong number."""


@dataclass(frozen=True)
class Rule:
    """One planned fault.

    :param method: of the requests it is for; ``*`` means any.
    :param path: regular expression, searched for in the path (without the query).
    :param action: one of ``ACTIONS``; the constructors below say what each does.
    :param nth: acts first on the nth request that matches, counted from 1.
    :param times: on how many requests it acts in all; None means for ever.
    :param status: of the answer, for ``answer``.
    :param body: of the answer: text, or a value that is sent as JSON.
    :param headers: of the answer.
    :param seconds: how long, for ``delay``, ``silence`` and ``outage``; for ``pause``, when the
        request that was held back is delivered after all.
    :param pid: of the process that ``kill`` ends and ``pause`` stops.
    :param side: of the request: when ``kill``, ``pause`` and ``delay`` act, one of ``SIDES``.
    """

    method: str
    path: str
    action: str
    nth: int = 1
    times: int | None = 1
    status: int = 500
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0
    pid: int | None = None
    side: str = BEFORE

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        :raises BadRule: naming the field.
        """
        if self.action not in ACTIONS:
            raise BadRule(f"action {self.action!r} is none of {', '.join(ACTIONS)}")
        try:
            re.compile(self.path)
        except (re.error, TypeError) as error:
            raise BadRule(f"path {self.path!r} is not a regular expression: {error}") from error
        if self.nth < 1:
            raise BadRule(f"nth is {self.nth}, and counts from 1")
        if self.times is not None and self.times < 1:
            raise BadRule(f"times is {self.times}: give at least 1, or None for ever")
        if self.seconds < 0:
            raise BadRule(f"seconds is {self.seconds}")
        if self.side not in SIDES:
            raise BadRule(f"side {self.side!r} is none of {', '.join(SIDES)}")
        # 0 and negative numbers mean groups of processes, and 1 is everybody's parent.
        if (self.action in WITH_PID) != (isinstance(self.pid, int) and self.pid > 1):
            needs = f"{' and '.join(WITH_PID)} need one above 1, and nothing else takes one"
            raise BadRule(f"pid is {self.pid!r}: {needs}")

    @classmethod
    def answer(cls, method: str, path: str, status: int, body: Any = "", **more: Any) -> "Rule":
        """Answer instead of forwarding; Manila never hears of the request."""
        return cls(method, path, ANSWER, status=status, body=body, **more)

    @classmethod
    def delay(cls, method: str, path: str, seconds: float, **more: Any) -> "Rule":
        """Wait so many seconds, then forward; ``side="after"``: hold the reply back instead."""
        return cls(method, path, DELAY, seconds=seconds, **more)

    @classmethod
    def reset(cls, method: str, path: str, **more: Any) -> "Rule":
        """Reset the client's connection; Manila never hears of the request."""
        return cls(method, path, RESET, **more)

    @classmethod
    def lose_reply(cls, method: str, path: str, **more: Any) -> "Rule":
        """Forward, wait for Manila's whole reply, then reset the client's connection."""
        return cls(method, path, LOSE_REPLY, **more)

    @classmethod
    def silence(cls, method: str, path: str, seconds: float, **more: Any) -> "Rule":
        """Hold the request for so many seconds. If the client gives up before, Manila never hears
        of it; if not, it is forwarded."""
        return cls(method, path, SILENCE, seconds=seconds, **more)

    @classmethod
    def outage(cls, method: str, path: str, seconds: float, **more: Any) -> "Rule":
        """Reset all connections and refuse new ones for so many seconds."""
        return cls(method, path, OUTAGE, seconds=seconds, **more)

    @classmethod
    def kill(cls, method: str, path: str, pid: int, side: str = BEFORE, **more: Any) -> "Rule":
        """End a process by SIGKILL: the client's, to see what it leaves behind.

        ``before``: as soon as the request is there, and Manila never hears of it. ``after``: once
        Manila's whole reply is there, and the client never hears of that.
        """
        return cls(method, path, KILL, pid=pid, side=side, **more)

    @classmethod
    def pause(cls, method: str, path: str, pid: int, side: str = BEFORE, **more: Any) -> "Rule":
        """Stop a process by SIGSTOP: the client, taken for dead by others until SIGCONT.

        ``before``: as soon as the request is there. Manila never hears of it, and the client finds
        a reset connection when it wakes up; with ``seconds``, Manila gets it so much later, and the
        reply is lost. ``after``: once Manila's whole reply is there; it lies in the client's socket
        when it wakes up.
        """
        return cls(method, path, PAUSE, pid=pid, side=side, **more)

    @classmethod
    def parse(cls, values: Any) -> "Rule":
        """Return the rule that a JSON object describes.

        :raises BadRule: for anything else than a complete and known set of fields.
        """
        try:
            return cls(**values)
        except TypeError as error:
            raise BadRule(str(error)) from error

    def as_dict(self) -> dict[str, Any]:
        """Return what ``parse`` takes."""
        return {**asdict(self), "headers": dict(self.headers)}

    def matches(self, method: str, path: str) -> bool:
        """Return whether a request is of the kind this rule is for."""
        return self.method in ("*", method) and re.search(self.path, path) is not None


@dataclass
class _Entry:
    rule: Rule
    seen: int = 0
    hits: int = 0


class Rules:
    """The rules in force, in the order in which they were added."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._ids = itertools.count(1)

    def add(self, rule: Rule) -> str:
        """Put a rule in force and return its id."""
        rule_id = str(next(self._ids))
        self._entries[rule_id] = _Entry(rule)
        return rule_id

    def remove(self, rule_id: str) -> bool:
        """Lift a rule; False when there is none of that id."""
        return self._entries.pop(rule_id, None) is not None

    def clear(self) -> None:
        """Lift all rules."""
        self._entries.clear()

    def take(self, method: str, path: str) -> Rule | None:
        """Return the rule that acts on this request, and count it as hit.

        Every rule counts all requests that match it; the first one whose turn it is acts.
        """
        acting = None
        for entry in self._entries.values():
            if not entry.rule.matches(method, path):
                continue
            entry.seen += 1
            times = entry.rule.times
            due = entry.seen >= entry.rule.nth and (times is FOREVER or entry.hits < times)
            if due and acting is None:
                acting = entry
        if acting is None:
            return None
        acting.hits += 1
        return acting.rule

    def report(self) -> list[dict[str, Any]]:
        """Return every rule with its ``id``, and how many requests it has ``seen`` and ``hits``."""
        return [
            {"id": rule_id, "seen": entry.seen, "hits": entry.hits, **entry.rule.as_dict()}
            for rule_id, entry in self._entries.items()
        ]
