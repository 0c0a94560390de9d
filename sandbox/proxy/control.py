# SPDX-License-Identifier: Apache-2.0
"""Client of the proxy's control API, for tests and benchmarks. Standard library only."""

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

from sandbox.proxy.rules import Rule

TIMEOUT = 10
# The environment may name a proxy for the outer world; this one is on loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NeverHit(AssertionError):
    """Planned faults that no request ran into: the test did not test what it says.

    :ivar reports: of those rules, as ``Proxy.rules`` returns them.
    """

    def __init__(self, reports: list[dict[str, Any]]) -> None:
        self.reports = reports
        kinds = ", ".join(
            f"{rule['action']} on {rule['method']} {rule['path']} (matched {rule['seen']} times, "
            f"due from number {rule['nth']})"
            for rule in reports
        )
        super().__init__(f"planned faults were never hit: {kinds}")


class Proxy:
    """Speaks to the control API at a URL such as ``http://127.0.0.1:21005``."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def counts(self) -> dict[str, int]:
        """Return the requests so far, as ``{'GET /v2/shares/{id}': 3}``."""
        return self._call("GET", "/counts")

    def requests(self) -> list[str]:
        """Return the counted requests one by one, the oldest first."""
        return self._call("GET", "/requests")

    def total(self) -> int:
        """Return how many requests there were in all."""
        return sum(self.counts().values())

    def reset(self) -> None:
        """Forget all counts, lift all rules and the limit of microversions, end an outage."""
        self._call("DELETE", "/counts")
        self._call("DELETE", "/newest")
        self._call("DELETE", "/rules")
        self._call("DELETE", "/outage")

    def clear_counts(self) -> None:
        """Forget the counts alone."""
        self._call("DELETE", "/counts")

    def add(self, rule: Rule) -> str:
        """Put a rule in force and return its id."""
        return self._call("POST", "/rules", rule.as_dict())["id"]

    def remove(self, rule_id: str) -> dict[str, Any]:
        """Lift a rule and return its last report, with ``seen`` and ``hits``."""
        return self._call("DELETE", f"/rules/{rule_id}")

    def rules(self) -> list[dict[str, Any]]:
        """Return the rules in force, each with ``id``, ``seen`` and ``hits``."""
        return self._call("GET", "/rules")

    def unhit(self) -> list[dict[str, Any]]:
        """Return those rules in force that have not acted yet."""
        return [rule for rule in self.rules() if not rule["hits"]]

    def outage(self, seconds: float) -> None:
        """Reset all connections and refuse new ones from now on, for so many seconds."""
        self._call("POST", "/outage", {"seconds": seconds})

    def end_outage(self) -> None:
        """End an outage early."""
        self._call("DELETE", "/outage")

    def limit(self, microversion: str) -> None:
        """Be a Manila that speaks nothing newer, from now on and until ``reset``."""
        self._call("PUT", "/newest", {"microversion": microversion})

    @contextlib.contextmanager
    def fault(self, *rules: Rule) -> Iterator[list[str]]:
        """Keep rules in force for the length of a block, and insist that each of them acts.

        :returns: the rules' ids, in the order given.
        :raises NeverHit: at the end of a block that raised nothing itself.
        """
        ids: list[str] = []
        try:
            ids.extend(self.add(rule) for rule in rules)
            yield ids
        finally:
            reports = [self.remove(rule_id) for rule_id in ids]
        missed = [report for report in reports if not report["hits"]]
        if missed:
            raise NeverHit(missed)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310
            self.url + path, data, {"Content-Type": "application/json"}, method=method
        )
        with _OPENER.open(request, timeout=TIMEOUT) as reply:
            text = reply.read()
        return json.loads(text) if text else None
