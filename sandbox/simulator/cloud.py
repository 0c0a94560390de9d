# SPDX-License-Identifier: Apache-2.0
"""What there is in the simulated Manila, and what becomes of it as time passes.

Nothing runs in the background: what was begun is in a heap by the moment of its end, and whoever
looks settles first what has ended by then. So 10,000 things under way cost 10,000 entries.
"""

import datetime
import heapq
import itertools
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from sandbox.simulator.clock import Clock
from sandbox.simulator.objects import Message, Rule, Share, Snapshot, Thing
from sandbox.simulator.profile import FATE, STUCK, Profile

_TICK = datetime.timedelta(microseconds=1)
_MOST_MESSAGES = 10_000


class Cloud:
    """Shares and snapshots of all projects."""

    def __init__(self, profile: Profile, clock: Clock) -> None:
        self.profile = profile
        self.clock = clock
        self.dice = random.Random(profile.data["seed"])
        self._order = itertools.count()
        self._last = clock.utcnow()
        self.forget()

    def forget(self) -> None:
        """There is nothing."""
        self.shares: dict[str, Share] = {}
        self.snapshots: dict[str, Snapshot] = {}
        #: Project -> its shares, and its snapshots, the oldest first.
        self.shares_of: defaultdict[str, dict[str, Share]] = defaultdict(dict)
        self.snapshots_of: defaultdict[str, dict[str, Snapshot]] = defaultdict(dict)
        #: Share -> its snapshots, the oldest first.
        self.of_share: defaultdict[str, dict[str, Snapshot]] = defaultdict(dict)
        #: Project -> what it has of ``shares``, ``gigabytes`` and so on.
        self.used: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.messages: list[Message] = []
        self._heap: list[tuple[float, int, int, Callable[[], None], Thing | None]] = []

    # -- what is there --------------------------------------------------------------------------

    def new_id(self) -> str:
        """An id; with the same seed and the same requests, the same one."""
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def moment(self) -> str:
        """The time of the day as Manila writes it, UTC without saying so; no two are the same."""
        self._last = max(self.clock.utcnow(), self._last + _TICK)
        return self._last.replace(tzinfo=None).isoformat(timespec="microseconds")

    def add_share(self, project_id: str, **fields: Any) -> Share:
        """A share of the project, available unless ``status`` says otherwise."""
        kind = fields.get("type_name") or self.profile.default_type
        known = {"type_name": kind, **self.profile.share_types[kind]}
        share = Share(self.new_id(), project_id, self.moment(), **known | fields)
        self.shares[share.id] = self.shares_of[project_id][share.id] = share
        self.used[project_id].update(shares=1, gigabytes=share.size)
        return share

    def add_snapshot(self, share: Share, project_id: str, **fields: Any) -> Snapshot:
        """A snapshot of the share, with its content as it is now."""
        known = {
            "share_id": share.id,
            "size": share.size,
            "share_size": share.size,
            "share_proto": share.share_proto,
            "text": share.text,
        }
        snapshot = Snapshot(self.new_id(), project_id, self.moment(), **known | fields)
        self.snapshots[snapshot.id] = self.snapshots_of[project_id][snapshot.id] = snapshot
        self.of_share[share.id][snapshot.id] = snapshot
        self.used[project_id].update(snapshots=1, snapshot_gigabytes=snapshot.size)
        return snapshot

    def remove(self, thing: Thing) -> None:
        """It is gone."""
        used = self.used[thing.project_id]
        if isinstance(thing, Snapshot):
            del self.snapshots[thing.id], self.snapshots_of[thing.project_id][thing.id]
            del self.of_share[thing.share_id][thing.id]
            used.subtract(snapshots=1, snapshot_gigabytes=thing.size)
        else:
            del self.shares[thing.id], self.shares_of[thing.project_id][thing.id]
            self.of_share.pop(thing.id, None)
            used.subtract(shares=1, gigabytes=thing.size)

    def resize(self, share: Share, size: int) -> None:
        """Give a share another size, in GiB."""
        self.used[share.project_id].update(gigabytes=size - share.size)
        share.size = size

    def transfer(self, share: Share, project_id: str) -> None:
        """The share is another project's from now on, and so are its snapshots
        (manila/transfer/api.py)."""
        snapshots = list(self.of_share[share.id].values())
        self.used[share.project_id].subtract(shares=1, gigabytes=share.size)
        self.used[project_id].update(shares=1, gigabytes=share.size)
        self.shares_of[project_id][share.id] = self.shares_of[share.project_id].pop(share.id)
        share.project_id = project_id
        for snapshot in snapshots:
            sizes = {"snapshots": 1, "snapshot_gigabytes": snapshot.size}
            self.used[snapshot.project_id].subtract(sizes)
            self.used[project_id].update(sizes)
            of_then = self.snapshots_of[snapshot.project_id]
            self.snapshots_of[project_id][snapshot.id] = of_then.pop(snapshot.id)
            snapshot.project_id = project_id

    # -- what becomes of it ---------------------------------------------------------------------

    def begin(self, name: str, thing: Share | Snapshot, share: Share | None) -> None:
        """Something begins, and ends as the profile has it for this share's fate."""
        fate = share.metadata.get(FATE) if share else None
        seconds, outcome = self.profile.action(name, fate).draw(self.dice)
        thing.turn += 1
        if outcome != STUCK:
            self._later(seconds, lambda: self._end(name, thing, outcome), thing)

    def begin_rule(self, rule: Rule, share: Share) -> None:
        """An access rule is to come into force."""
        seconds, outcome = self.profile.action("rule.create", share.metadata.get(FATE)).draw(
            self.dice
        )
        state = outcome if rule.access_type in self.profile.access_types else "error"
        if outcome != STUCK:
            self._later(seconds, lambda: setattr(rule, "state", state), None)

    def settle(self) -> None:
        """What has ended by now ends, in its order."""
        now = self.clock.now()
        while self._heap and self._heap[0][0] <= now:
            _at, _order, turn, end, thing = heapq.heappop(self._heap)
            if thing is None or (thing.turn == turn and self._is_there(thing)):
                end()

    @property
    def under_way(self) -> int:
        """How much has begun and not ended."""
        return len(self._heap)

    def _later(self, seconds: float, end: Callable[[], None], thing: Thing | None) -> None:
        turn = thing.turn if thing else 0
        at = self.clock.now() + seconds
        heapq.heappush(self._heap, (at, next(self._order), turn, end, thing))

    def _is_there(self, thing: Thing) -> bool:
        return thing.id in (self.snapshots if isinstance(thing, Snapshot) else self.shares)

    def _end(self, name: str, thing: Share | Snapshot, outcome: str) -> None:
        if outcome == "deleted":
            self.remove(thing)
            return
        if name == "share.create_from_snapshot" and outcome == "available":
            # A clone does not survive its source.
            source = self.snapshots.get(str(getattr(thing, "snapshot_id", None)))
            outcome = "available" if source and source.status != "deleting" else "error"
        if name == "share.revert" and isinstance(thing, Share):
            self._end_revert(thing, outcome)
        thing.status = outcome
        if name.startswith("share.create") and outcome == "error":
            self._tell(thing)

    def _end_revert(self, share: Share, outcome: str) -> None:
        snapshot = self.snapshots.get(share.reverts_to or "")
        share.reverts_to = None
        if snapshot is None:
            return
        # A snapshot is available again whatever became of the share.
        snapshot.status = "available"
        if outcome == "available":
            share.text = snapshot.text
            self.resize(share, snapshot.size)

    def _tell(self, share: Thing) -> None:
        """File a message; of a snapshot that fails Manila says nothing."""
        self.messages.append(
            Message(
                id=self.new_id(),
                project_id=share.project_id,
                resource_type="SHARE",
                resource_id=share.id,
                request_id=share.request_id,
                created_at=self.moment(),
                user_message="create: No storage could be allocated for this share request. Trying "
                "again with a different size or share type may succeed.",
            )
        )
        del self.messages[:-_MOST_MESSAGES]
