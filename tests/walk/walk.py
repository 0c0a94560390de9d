# SPDX-License-Identifier: Apache-2.0
"""A random walk through everything that may happen, against what README.md promises.

Whatever fails, and whenever the process dies: no snapshot or share of ours is left that the
checkpoint does not account for, no checkpoint is stuck, and the user can read why.

See ``conftest.py`` for how to make it longer, and how to repeat one that failed.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from karbor import objects

from karbor_manila.manila.marks import Mark
from tests.walk import accounts, troubles, ways
from tests.walk.conftest import TALLY
from tests.walk.fate import Trouble
from tests.walk.world import PROJECT, World

PICK = st.integers(0, 30)


class Walk(RuleBasedStateMachine):
    """Users, administrators, failures and deaths, in any order."""

    way = ways.SNAPSHOT

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.way)

    @initialize(shares=st.integers(1, 3))
    def begin(self, shares: int) -> None:
        for _ in range(shares):
            self._make(1)

    # -- users ---------------------------------------------------------------------------------

    @rule(size=st.integers(1, 3))
    def make_a_share(self, size: int) -> None:
        if len(self.world.cloud.shares) < 8:
            self._make(size)

    @rule(picks=st.lists(PICK, min_size=1, max_size=4), met=troubles.SOME)
    def protect(self, picks: list[int], met: list[Trouble]) -> None:
        world = self.world
        shares = sorted({share for each in picks if (share := self._share(each))})
        if shares:
            self._protect(world.service.plan(*shares), shares, met)

    @rule(met=troubles.SOME)
    def protect_the_project(self, met: list[Trouble]) -> None:
        world = self.world
        project = {"type": PROJECT, "id": world.service.project_id, "name": "project"}
        good = ("available", "extending")
        shares = [each for each, view in self._users().items() if view["status"] in good]
        if self._users().keys() != world.settled("shares").keys():
            return
        self._protect(world.service.plan(resources=[project]), shares, met, whole=True)

    @rule(pick=PICK, met=troubles.SOME)
    def restore(self, pick: int, met: list[Trouble]) -> None:
        checkpoint = self._checkpoint(pick)
        if not checkpoint or len(self.world.cloud.shares) > 12:
            return
        world = self.world
        expected = self._restorable(checkpoint)
        record = world.service.record(objects.Restore, checkpoint)
        undisturbed = self._undisturbed(met)
        _result, error = self._do(lambda: self._carried_out(record), met)
        if undisturbed and world.in_time and expected is not None and error is None:
            accounts.restored(world, world.service.saved(record), expected)
        if self._certain(met):
            saved = world.service.saved(record)
            if expected is None:
                assert saved.status == "fail"
            else:
                accounts.restored(world, saved, expected)

    @rule(pick=PICK, how=st.sampled_from(("restore", "verify", "delete")), met=troubles.AT_ONCE)
    def two_at_once(self, pick: int, how: str, met: Trouble) -> None:
        getattr(self, how)(pick=pick, met=[met])

    @rule(pick=PICK, safely=st.booleans(), met=troubles.SOME)
    def restore_in_place(self, pick: int, safely: bool, met: list[Trouble]) -> None:
        checkpoint = self._checkpoint(pick)
        if not checkpoint or len(self.world.cloud.shares) > 12:
            return
        world = self.world
        given = world.in_place(checkpoint)
        if safely:
            given = {key: {**fields, "safety_copy": True} for key, fields in given.items()}
        self._restore_with(checkpoint, given, met)

    @rule(pick=PICK)
    def write(self, pick: int) -> None:
        share = self._share(pick)
        if share in self.world.texts:
            self.world.write(share)

    @rule(pick=PICK, met=troubles.SOME)
    def verify(self, pick: int, met: list[Trouble]) -> None:
        checkpoint = self._checkpoint(pick)
        if not checkpoint:
            return
        world = self.world
        expected = self._restorable(checkpoint)
        record = world.service.record(objects.Verification, checkpoint)
        undisturbed = self._undisturbed(met)

        def work() -> None:
            world.service.call("verification", record)
            world.service.run()

        _result, error = self._do(work, met)
        if undisturbed and world.in_time and expected is not None and error is None:
            assert world.service.saved(record).status == "success"
        if self._certain(met):
            status = world.service.saved(record).status
            assert status == ("fail" if expected is None else "success")

    @rule(pick=PICK, met=troubles.SOME)
    def delete(self, pick: int, met: list[Trouble]) -> None:
        world = self.world
        checkpoint = self._checkpoint(pick)
        if not checkpoint:
            return
        easy = self._removable(checkpoint)
        undisturbed = self._undisturbed(met)
        world.doomed.add(checkpoint)
        _result, error = self._do(lambda: world.service.delete(checkpoint), met)
        if undisturbed and world.in_time and easy and error is None:
            with world.fate.aside():
                assert world.status(checkpoint) == "deleted", world.told(checkpoint)
        if self._certain(met) and easy:
            with world.fate.aside():
                assert error is None, repr(error)
                assert world.status(checkpoint) == "deleted", world.told(checkpoint)

    @rule(pick=PICK, state=st.sampled_from(("available", "error")), met=troubles.SOME)
    def reset_the_state(self, pick: int, state: str, met: list[Trouble]) -> None:
        world = self.world
        checkpoint = self._checkpoint(pick)
        if checkpoint:
            world.reset.add(checkpoint)
            provider = world.service.provider.id
            self._do(lambda: world.service.call("reset_state", provider, checkpoint, state), met)

    @rule(pick=PICK, what=st.sampled_from(troubles.CHANGES))
    def something_happens_in_manila(self, pick: int, what: str) -> None:
        self.world.change(what, pick)

    @rule(pick=PICK, forged=st.booleans())
    def take_a_snapshot_by_hand(self, pick: int, forged: bool) -> None:
        """Or a backup: one of the user's own, or one of another bank's Karbor."""
        world = self.world
        share, checkpoint = self._share(pick), next(iter(world.alive()), None)
        if share is None or len(world.foreign) > 3:
            return
        other = Mark("other bank", world.service.provider.id, checkpoint or "none", share)
        project, text = world.service.project_id, other.describe(None) if forged else ""
        view = ways.by_hand(world.way, world.cloud, share, project, text)
        if forged and "metadata" in view:
            view |= {"description": None, "metadata": other.metadata()}
        getattr(world.cloud, world.way.kind)[str(view["id"])] = view
        world.foreign[str(view["id"])] = dict(view)

    # -- Karbor --------------------------------------------------------------------------------

    @precondition(lambda self: self.world.unsettled)
    @rule(met=troubles.SETBACKS)
    def reconcile(self, met: list[Trouble]) -> None:
        """As a new process does it; it may be killed itself."""
        self._count("reconcile", met)
        self.world.reconcile(met)
        if not met:
            self._settle()

    @invariant()
    def the_books_are_in_order(self) -> None:
        world = self.world
        TALLY["steps"] += 1
        with world.fate.aside():
            accounts.always(world)
            if world.changed and not world.unsettled:
                accounts.settled(world)
        world.changed = False

    def teardown(self) -> None:
        """In the end a DELETE of each checkpoint leaves nothing of ours."""
        world = self.world
        try:
            world.cloud.clock.sleep(10.0**5)
            world.fate.catch_up()
            world.mend()
            self._settle()
            for checkpoint in world.alive():
                world.doomed.add(checkpoint)
                _result, error = self._do(lambda each=checkpoint: world.service.delete(each), [])
                assert error is None, repr(error)
            with world.fate.aside():
                assert world.alive() == []
                assert world.marked() == {}
                accounts.always(world)
                accounts.settled(world)
        finally:
            TALLY.update(world.fate.tally)
            TALLY["walks"] += 1
            world.close()

    # -- what the rules have in common -------------------------------------------------------

    def _make(self, size: int) -> None:
        world = self.world
        share = ways.make(world.way, world.cloud, world.service.project_id, size)
        self.world.made.add(share)
        self.world.write(share)

    def _users(self) -> dict[str, Any]:
        """The shares but for those of temporary groups: who keeps one of these has the group for as
        long as he keeps it, and the restore that made it is ended only then."""
        every = self.world.settled("shares").items()
        return {each: view for each, view in every if not ways.came_with_its_group(view)}

    def _share(self, pick: int) -> str | None:
        shares = [*self._users()]
        return shares[pick % len(shares)] if shares else None

    def _checkpoint(self, pick: int) -> str | None:
        alive = self.world.alive()
        if not alive and (share := self._share(pick)):
            self._protect(self.world.service.plan(share), [share], [])
            alive = self.world.alive()
        self.world.at_work = alive[pick % len(alive)] if alive else None
        return self.world.at_work

    def _count(self, what: str, met: list[Trouble]) -> None:
        TALLY["operations"] += 1
        TALLY[what] += 1
        TALLY["planned troubles"] += len(met)

    def _do(self, work: Any, met: list[Trouble]) -> tuple[Any, Exception | None]:
        world = self.world
        self._count("steps of users", met)
        return world.act(work, met, world.longest())

    def _carried_out(self, record: Any) -> None:
        self.world.service.call("restore", record, None)
        self.world.service.run()

    def _restore_with(self, checkpoint: str, given: dict[str, Any], met: list[Trouble]) -> None:
        """A restore into shares that are there."""
        world = self.world
        record = world.service.record(objects.Restore, checkpoint, given)
        world.put_back(record, given)
        texts = dict(world.texts)
        self._do(lambda: self._carried_out(record), met)
        if self._certain(met):
            accounts.put_back(world, world.service.saved(record), given, texts)

    def _certain(self, met: list[Trouble]) -> bool:
        """Whether it is known what has to come out."""
        return all(each.mild for each in met) and not self.world.unsettled

    def _undisturbed(self, met: list[Trouble]) -> bool:
        """Whether what is accepted has to come true: others act at the same moment at most, and
        whoever comes later is refused."""
        return not self.world.unsettled and all(each.mild or each.kind == "second" for each in met)

    def _settle(self) -> None:
        self.world.settle()

    def _protect(
        self, plan: Any, shares: list[str], met: list[Trouble], *, whole: bool = False
    ) -> None:
        world = self.world
        fit = all(
            view["status"] in ("available", "extending")
            for view in ways.together(world.cloud, shares)
        )
        certain = not world.unsettled
        checkpoint, error = self._do(lambda: self._protected(plan), met)
        if certain and self._certain(met) and (fit or whole):
            assert error is None, repr(error)
            with world.fate.aside():
                assert world.status(checkpoint) == "available", world.told(checkpoint)
                pages = world.pages(checkpoint)
                for share in shares:
                    record = pages[share]["metadata"]
                    kept = world.kept()[record["snapshot_id"]]
                    assert record["size"] == ways.sizes(kept)[share]

    def _protected(self, plan: Any) -> str:
        checkpoint: str = self.world.service.call("protect", plan)
        self.world.service.run()
        return checkpoint

    def _restorable(self, checkpoint: str) -> dict[str, Any] | None:
        """The records of its shares if all of them can be had back, else None."""
        world = self.world
        with world.fate.aside():
            if world.status(checkpoint) != "available":
                return None
            pages = world.pages(checkpoint)
            found = {}
            kept = world.kept()
            shares = world.shares_of(checkpoint)
            for share in shares:
                record = pages.get(share, {}).get("metadata")
                view = kept.get(record["snapshot_id"]) if record else None
                if record is None or view is None or view["status"] not in ways.WHOLE:
                    return None
                found[share] = record
            return found

    def _removable(self, checkpoint: str) -> bool:
        world = self.world
        with world.fate.aside():
            kept, shares = world.kept(), world.settled("shares")
            ours = [
                kept[each] for each, its in world.marked().items() if its.checkpoint == checkpoint
            ]
            clones = [view for view in shares.values() if view["status"] != "available"]
            return not clones and all(
                view["status"] in ("available", "error")
                or (view["status"] == "creating" and "_until" in view)  # else for ever
                for view in ours
            )
