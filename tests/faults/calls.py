# SPDX-License-Identifier: Apache-2.0
"""What each operation asks Manila: any of it may fail. A test compares this with what is asked."""

from dataclasses import dataclass

from sandbox.karbor.providers import OURS, STOCK

VERSIONS = "GET /"
LIMITS = "GET /v2/limits"
SHARE = "GET /v2/shares/{id}"
SHARES = "GET /v2/shares/detail"
SNAPSHOT = "GET /v2/snapshots/{id}"
SNAPSHOTS = "GET /v2/snapshots/detail"
MESSAGES = "GET /v2/messages"
RULES = "GET /v2/share-access-rules"
PLACES = "GET /v2/shares/{id}/export_locations"
MAKE_SHARE = "POST /v2/shares"
MAKE_SNAPSHOT = "POST /v2/snapshots"
DROP_SHARE = "DELETE /v2/shares/{id}"
DROP_SNAPSHOT = "DELETE /v2/snapshots/{id}"


@dataclass(frozen=True)
class Calls:
    """The calls of an operation, as the proxy counts them.

    :ivar operation: of Karbor
    :ivar asked: about a single share, by a process that knows Manila's microversion
    :ivar undone: the method of the backend that fails, so that the operation has to be undone
    :ivar says: words that the reason has to have then
    :ivar by_undoing: those calls that are made because of that, and the which of their kind it is
    """

    operation: str
    asked: frozenset[str]
    undone: str = ""
    says: tuple[str, ...] = ("is in status 'error'", "Manila says")
    by_undoing: tuple[tuple[str, int], ...] = ()

    @property
    def targets(self) -> tuple[tuple[str, int], ...]:
        """Calls that have to be broken once, each with the which of its kind it is."""
        return self.by_undoing or tuple((call, 1) for call in sorted(self.asked))

    @property
    def name(self) -> str:
        """For the names of cases."""
        return f"undoing a {self.operation}" if self.undone else self.operation


#: By provider, ours with the driver ``snapshot``; :mod:`.driver_calls` has those of the others.
CALLS: dict[str, tuple[Calls, ...]] = {
    OURS: (
        Calls("protect", frozenset({SHARE, LIMITS, SNAPSHOTS, MAKE_SNAPSHOT, RULES, SNAPSHOT})),
        Calls("restore", frozenset({SNAPSHOT, LIMITS, SHARES, MAKE_SHARE, SHARE, PLACES})),
        Calls("verify", frozenset({SNAPSHOT})),
        Calls("delete", frozenset({SNAPSHOTS, SHARES, DROP_SNAPSHOT, SNAPSHOT})),
        Calls(
            "protect",
            frozenset(
                {
                    SHARE,
                    LIMITS,
                    MAKE_SNAPSHOT,
                    RULES,
                    SNAPSHOTS,
                    SNAPSHOT,
                    MESSAGES,
                    SHARES,
                    DROP_SNAPSHOT,
                }
            ),
            undone="create_snapshot",
            by_undoing=((MESSAGES, 1), (SNAPSHOTS, 2), (SHARES, 1), (DROP_SNAPSHOT, 1)),
        ),
        Calls(
            "restore",
            frozenset({SNAPSHOT, LIMITS, SHARES, MAKE_SHARE, SHARE, MESSAGES, DROP_SHARE}),
            undone="create_share_from_snapshot",
            by_undoing=((MESSAGES, 1), (SHARES, 2), (DROP_SHARE, 1)),
        ),
    ),
    STOCK: (
        Calls("protect", frozenset({SHARE, MAKE_SNAPSHOT, SNAPSHOT})),
        Calls("restore", frozenset({MAKE_SHARE, SHARE})),
        Calls("delete", frozenset({SNAPSHOT, DROP_SNAPSHOT})),
    ),
}
#: Once for a process of Karbor, whatever it does first.
ONCE = Calls("protect", frozenset({VERSIONS}))


def path_of(call: str) -> tuple[str, str]:
    """A call's method, and a regular expression for its paths."""
    method, _, path = call.partition(" ")
    return method, "^" + path.replace("{id}", "[0-9a-f-]{36}") + "$"
