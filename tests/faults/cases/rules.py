# SPDX-License-Identifier: Apache-2.0
"""Rules for the proxy, by the calls that Karbor makes and the answers that Manila gives."""

from typing import Any

from sandbox.proxy.rules import Rule
from tests.faults import calls
from tests.faults.calls import path_of

RETRY_AFTER = {"Retry-After": "1"}
SNAPSHOT = path_of(calls.SNAPSHOT)
SHARE = path_of(calls.SHARE)
MAKE_SNAPSHOT = path_of(calls.MAKE_SNAPSHOT)
MAKE_SHARE = path_of(calls.MAKE_SHARE)
DROP_SNAPSHOT = path_of(calls.DROP_SNAPSHOT)


def transient(kind: str, call: str, **more: Any) -> Rule:
    """A transient error on a call."""
    method, path = path_of(call)
    if kind.isdigit():
        headers = RETRY_AFTER if kind == "429" else {}
        return Rule.answer(method, path, int(kind), headers=headers, **more)
    return {"reset": Rule.reset, "lost": Rule.lose_reply}[kind](method, path, **more)


def refused(method: str, path: str, status: int, name: str, message: str, **more: Any) -> Rule:
    """A refusal as Manila words it."""
    body = {name: {"code": status, "message": message}}
    return Rule.answer(method, path, status, body, **more)
