# SPDX-License-Identifier: Apache-2.0
"""Protects a share by a Manila snapshot of it; restores by a new share made from the snapshot."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from oslo_log import log as logging

from karbor_manila.common.clock import Clock
from karbor_manila.common.lazy import Once
from karbor_manila.common.polling import PENDING, Poller
from karbor_manila.common.retry import retry
from karbor_manila.drivers import base
from karbor_manila.manila import (
    access,
    cloning,
    creating,
    lookup,
    quota,
    revert,
    statuses,
    user_messages,
)
from karbor_manila.manila.client import Manila
from karbor_manila.manila.errors import (
    CloneUnsupported,
    ManilaRefused,
    ResourceFailed,
    SnapshotDoubtful,
)
from karbor_manila.manila.marks import COPY, PURPOSE, Mark
from karbor_manila.manila.ownership import SHARE, SNAPSHOT, Ownership
from karbor_manila.manila.removal import Removal
from karbor_manila.manila.views import NewShare, Placement, Revertible, Rule, Source, View

LOG = logging.getLogger(__name__)

T = TypeVar("T")


class SnapshotDriver(base.ShareDriver):
    """See :class:`~karbor_manila.drivers.base.ShareDriver` for the contract of each method.

    :param manila: the flow's client
    :param patience: how long to wait for what
    :param expected: how many shares the flow has
    """

    name = "snapshot"

    def __init__(
        self,
        manila: Manila,
        patience: base.Timeouts,
        expected: int = 1,
        clock: Clock | None = None,
    ) -> None:
        self._manila = manila
        self._patience = patience
        self._clock = clock or Clock()
        self._expected = expected
        self._snapshots = self._watcher(self._look_at_snapshots, expected)
        self._shares = self._watcher(self._look_at_shares, expected)
        self._scope: Mapping[str, str] | None = None
        self._restoring: Mapping[str, str] | None = None
        self._requests: dict[str, str | None] = {}
        # What had to be asked for more than once, under which mark, and when it was answered.
        self._repeated: dict[str, tuple[Mark, float]] = {}
        # Shares of which this driver has removed snapshots: Manila may still count them.
        self._cleared: set[str] = set()
        self._once = Once(self._clock, patience.outage)
        self._ownership = Ownership(manila, self._retry)
        self._reverts = revert.Reverts(
            manila,
            self._clock,
            outage=patience.outage,
            settle=patience.settle,
            request=patience.request,
        )

    def capabilities(self) -> frozenset[str]:
        """What this driver can do here."""
        can = {"protect", "verify", "restore", "revert", "delete", "copy"}
        return frozenset(can | {"metadata"} if self._manila.features.snapshot_metadata else can)

    def is_alive(self) -> bool:
        """Whether Manila answers."""
        return self._manila.is_alive()

    def health(self) -> dict[str, str]:
        """For an operator to read."""
        return {
            "driver": self.name,
            "endpoint": self._manila.endpoint,
            "microversion": self._manila.features.microversion,
            "marks": "metadata" if self._manila.features.snapshot_metadata else "description",
        }

    def close(self) -> None:
        """Nothing is held: the session belongs to whoever made it."""

    def excuse(self, share_id: str) -> None:
        """One less to wait for."""
        self._snapshots.excuse(share_id)
        self._shares.excuse(share_id)

    # -- protect ------------------------------------------------------------------------------

    def preflight(self, shares: Collection[View]) -> dict[str, Exception]:
        """What each share's type allows, and the quota for all of them."""
        refused: dict[str, Exception] = {
            share["id"]: error for share in shares if (error := cloning.refusal(share))
        }
        wanted = [share for share in shares if share["id"] not in refused]
        if wanted:
            quota.check(self._retry(self._manila.limits), wanted)
        return refused

    def caveat(self, share: View) -> str:
        """That a share can be put back in place alone."""
        return cloning.ONLY_IN_PLACE if cloning.only_in_place(share) else ""

    def room(self, mark: Mark) -> int | None:
        """Without snapshot metadata the mark stands in the description."""
        return None if self._manila.features.snapshot_metadata else mark.room()

    def protect(
        self, share: View, mark: Mark, *, name: str, description: str | None, force: bool
    ) -> str:
        """Begin a snapshot of the share, or adopt the one that bears the mark."""
        tagged = self._manila.features.snapshot_metadata
        self._scope = mark.scope() if tagged else None
        # What is made belongs to the session's own project, whoever it works for.
        own = self._manila.own_project_id
        fields: dict[str, Any] = {
            "name": name,
            "description": description if tagged else mark.describe(description),
            "force": force,
            "metadata": mark.metadata() if tagged else None,
        }
        create = creating.few_times(
            lambda: self._manila.create_snapshot(share["id"], **fields), fields, self._clock
        )
        attempts = 0

        def attempt() -> str:
            nonlocal attempts
            attempts += 1
            for view in self._bearing(SNAPSHOT, mark, own, fresh=attempts > 1):
                usable = view["status"] not in statuses.SNAPSHOT_FINAL
                if usable and view["share_id"] == share["id"]:
                    LOG.info("Snapshot %s of share %s is adopted", view["id"], share["id"])
                    return str(view["id"])
            view = create()
            self._requests[view["id"]] = view["request_id"]
            return str(view["id"])

        snapshot_id = self._retry(attempt)
        if attempts > 1:
            self._repeated[snapshot_id] = (mark, self._clock.now())
        return snapshot_id

    def wait_protected(self, snapshot_id: str) -> View:
        """Wait until the snapshot is available."""
        view: View = self._snapshots.wait(
            snapshot_id,
            self._judge("snapshot", snapshot_id, statuses.SNAPSHOT_FINAL),
            self._patience.protect,
            f"snapshot {snapshot_id} to become available",
        )
        own = self._manila.own_project_id
        for double in self._doubles(SNAPSHOT, snapshot_id):
            self._remove_snapshot(double, self._patience.undo, own, fresh=True)
        return view

    # -- restore ------------------------------------------------------------------------------

    def verify(
        self,
        snapshot_id: str,
        share_id: str,
        size: int | None = None,
        *,
        project_id: str | None = None,
    ) -> View:
        """The snapshot's view, when a share can be made from it."""

        def judge(view: View | None) -> View:
            kept = self._ownership.check(snapshot_id, view, project_id)
            return _usable(kept, snapshot_id, share_id, size)

        return self._snapshots.wait(
            snapshot_id, judge, self._patience.outage, f"a look at snapshot {snapshot_id}"
        )

    def preflight_restore(self, sizes: Collection[int]) -> None:
        """The quota for all of them."""
        quota.check_shares(self._retry(self._manila.limits), sizes)

    def preflight_clone(self, source: Source, new: NewShare) -> Placement:
        """Manila's rules for a share from a snapshot, by the snapshot's share."""
        return cloning.check(self._parent(source.share_id), source, new.asked)

    def preflight_copy(self, sources: Collection[Source]) -> dict[str, Exception]:
        """Each snapshot and its share, and the quota for all of the clones and their snapshots."""
        seen = {view["id"]: view for view in self.everything()} if sources else {}
        refused: dict[str, Exception] = {}
        for source in sources:
            thing = source.snapshot_id
            try:
                view = self._ownership.check(thing, seen.get(thing) or self.show(thing), None)
                _usable(view, thing, source.share_id, source.size)
                cloning.check(self._parent(source.share_id), source, {})
            except (SnapshotDoubtful, CloneUnsupported) as error:
                refused[thing] = error
        sizes = [source.size for source in sources if source.snapshot_id not in refused]
        if sizes:
            quota.check_copies(self._retry(self._manila.limits), sizes)
        return refused

    def restore(self, source: Source, mark: Mark, new: NewShare) -> str:
        """Begin a new share from the snapshot, or adopt the one that bears the mark."""
        self._restoring = mark.scope()
        fields: dict[str, Any] = {
            "share_proto": source.share_proto,
            "size": new.size,
            "snapshot_id": source.snapshot_id,
            "name": new.name,
            "description": new.description,
            "metadata": {**new.metadata, **mark.metadata()},
            "is_public": new.is_public,
            **new.asked,
        }
        create = creating.few_times(
            lambda: self._manila.create_share(**fields), fields, self._clock
        )
        own = self._manila.own_project_id
        attempts = 0

        def attempt() -> str:
            nonlocal attempts
            attempts += 1
            for view in self._bearing(SHARE, mark, own, fresh=attempts > 1):
                if view.get("snapshot_id") == source.snapshot_id:
                    LOG.info("Share %s from snapshot %s is adopted", view["id"], source.snapshot_id)
                    return str(view["id"])
            view = create()
            self._requests[view["id"]] = view["request_id"]
            return str(view["id"])

        share_id = self._retry(attempt)
        if attempts > 1:
            self._repeated[share_id] = (mark, self._clock.now())
        return share_id

    def wait_restored(self, share_id: str) -> View:
        """Wait until the new share is available."""
        view: View = self._shares.wait(
            share_id,
            self._judge("share", share_id, statuses.SHARE_FINAL),
            self._patience.restore,
            f"share {share_id} to become available",
        )
        doubles, patience = self._doubles(SHARE, share_id), self._patience.undo
        self._remove_shares(doubles, patience, patience, self._manila.own_project_id)
        return view

    def inspect_revert(self, snapshot_id: str, share_id: str, project_id: str) -> Revertible:
        """Manila's rules, and the newer snapshots."""
        return self._reverts.inspect(snapshot_id, share_id, project_id)

    def preflight_revert(self, found: Revertible, *, safety_copy: bool) -> None:
        """The quota for a copy, and for a snapshot that is larger than the share is now."""
        self._reverts.preflight(found, safety_copy=safety_copy)

    def revert(self, snapshot_id: str, share_id: str, *, conflict_passes: bool = False) -> None:
        """Begin to put the share back."""
        self._reverts.begin(snapshot_id, share_id, conflict_passes=conflict_passes)

    def wait_reverted(self, share_id: str) -> View:
        """Wait until the share is available again."""
        return self._reverts.wait(share_id, self._shares, self._patience.restore, self._reason)

    def show_share(self, share_id: str) -> View | None:
        """One share."""
        return self._retry(lambda: self._manila.share(share_id))

    def find_temporary(self, mark: Mark, *, project_id: str | None = None) -> list[View]:
        """Snapshots, although it is the mark of a restore."""
        return self._bearing(SNAPSHOT, mark, project_id, fresh=True)

    def access_rules(self, share_id: str) -> list[Rule] | None:
        """The access rules of a share."""
        return access.read(self._manila, share_id, self._retry)

    def grant(self, share_id: str, rules: Collection[Rule]) -> list[str]:
        """Give a share its access rules."""
        return access.grant(
            self._manila,
            share_id,
            rules,
            retry=self._retry,
            patience=self._patience.undo,
            clock=self._clock,
        )

    def export_locations(self, share_id: str) -> list[str]:
        """Where a share can be mounted."""
        try:
            return self._retry(lambda: self._manila.export_locations(share_id))
        except ManilaRefused as refused:
            LOG.info("The export locations of share %s are not told: %s", share_id, refused)
            return []

    def discard(
        self, mark: Mark, share_id: str | None, *, project_id: str, undo: bool = True
    ) -> bool:
        """Remove the share of a failed restore."""
        patience = self._patience.undo if undo else self._patience.delete
        found = {view["id"] for view in self._bearing(SHARE, mark, project_id, fresh=True)}
        found |= {share_id} if share_id else set()
        found.discard(mark.resource)  # the protected share itself goes for no mark and no intent
        outage = min(patience, self._patience.outage)
        return self._remove_shares(found, patience, outage, project_id)

    def _remove_shares(
        self, shares: Collection[str], patience: float, outage: float, project_id: str
    ) -> bool:
        removal = Removal(
            kind=SHARE,
            ownership=self._ownership,
            delete=self._manila.delete_share,
            watcher=self._shares,
            deletable=statuses.SHARE_DELETABLE,
            stuck=statuses.SHARE_STUCK,
            cure="openstack share delete --force {id}",
            depends=self._has_dependents,
            outage=outage,
            longest=self._patience.request,
            clock=self._clock,
        )
        removed = [removal.until_gone(thing, patience, project_id) for thing in sorted(shares)]
        return any(removed)

    def _has_dependents(self, share: View) -> bool:
        """Whether Manila may refuse the end of a share for its snapshots or for a task on it. One
        whose deletion Manila defers is not shown any more and still counts
        (manila/share/api.py, delete)."""
        if share.get("task_state") in statuses.TASK_BUSY or share["id"] in self._cleared:
            return True
        kept = self._retry(
            lambda: self._manila.snapshots(share_id=share["id"], project_id=self._manila.reach)
        )
        return any(view["share_id"] == share["id"] for view in kept)

    # -- delete -------------------------------------------------------------------------------

    def delete(
        self, mark: Mark | None, snapshot_id: str | None, *, project_id: str, undo: bool = False
    ) -> None:
        """Remove the snapshot, and whatever else bears the mark, until it is gone."""
        patience = self._patience.undo if undo else self._patience.delete
        ours = {snapshot_id} if snapshot_id else set()
        if mark:
            # An undo looks anew: what it has to find was made after the flow's first list.
            ours |= {view["id"] for view in self._bearing(SNAPSHOT, mark, project_id, fresh=undo)}
        for thing in sorted(ours):
            self._remove_snapshot(thing, patience, project_id, fresh=undo or mark is None)

    def _remove_snapshot(
        self, thing: str, patience: float, project_id: str, *, fresh: bool
    ) -> None:
        view = self._ownership.show(SNAPSHOT, thing, project_id)
        if view is not None:
            self._wait_for_clones(thing, patience, fresh=fresh)
            removal = Removal(
                kind=SNAPSHOT,
                ownership=self._ownership,
                delete=self._manila.delete_snapshot,
                watcher=self._snapshots,
                deletable=statuses.SNAPSHOT_DELETABLE,
                stuck=statuses.SNAPSHOT_STUCK,
                depends=lambda _view: False,
                cure="openstack share snapshot delete --force {id}",
                outage=min(patience, self._patience.outage),
                longest=self._patience.request,
                clock=self._clock,
            )
            removal.until_gone(thing, patience, project_id)
            self._cleared.add(str(view["share_id"]))
        self._snapshots.excuse(thing)  # it may have been gone without a wait

    def _doubles(self, kind: str, kept: str) -> list[str]:
        """What else bears the mark of what had to be asked for twice: a request without an
        answer may have been carried out after all, once nobody looked any more.

        A share is the user's, and costs: for it this waits until such a request is settled. A
        snapshot that still appears goes with its checkpoint.
        """
        mark, asked = self._repeated.pop(kept, (None, 0.0))
        if mark is None:
            return []
        if kind == SHARE:
            self._clock.sleep(max(0.0, asked + self._patience.settle - self._clock.now()))
        marked = self._bearing(kind, mark, self._manila.own_project_id, fresh=True)
        doubles = [str(view["id"]) for view in marked if view["id"] != kept]
        if doubles:
            LOG.warning("Beside %s %s there are %s: removed", kind, kept, doubles)
        return doubles

    def delete_clone(
        self, mark: Mark | None, share_id: str | None, *, project_id: str, undo: bool = False
    ) -> None:
        """Remove the share of a copy until it is gone; its snapshots have to be gone before."""
        patience = self._patience.undo if undo else self._patience.delete
        found = {
            view["id"]
            for view in (self._bearing(SHARE, mark, project_id, fresh=undo) if mark else ())
            if (view.get("metadata") or {}).get(PURPOSE) == COPY
        }
        found |= {share_id} if share_id else set()
        outage = min(patience, self._patience.outage)
        self._remove_shares(found, patience, outage, project_id)
        for thing in found:
            self._shares.excuse(thing)

    def _wait_for_clones(self, snapshot_id: str, patience: float, *, fresh: bool) -> None:
        """Let the clones that are being made of this snapshot end: they fail when it goes."""

        def judge(view: View | None) -> Any:
            return PENDING if view and view["status"] in statuses.SHARE_CREATING else True

        clones = self._list_clones() if fresh else self._once("clones", self._list_clones)
        for share_id, source in clones:
            if source == snapshot_id:
                awaited = f"share {share_id} to be made from snapshot {snapshot_id}"
                self._shares.wait(share_id, judge, patience, awaited)

    def _list_clones(self) -> list[tuple[str, str]]:
        """The shares that are being made from a snapshot, in whatever project the session sees:
        their ids and the snapshots'."""
        # Most of Manila's drivers leave a clone in the first; only those that go on after they have
        # answered use the second (manila/share/manager.py).
        named = self._manila.features.creating_from_snapshot
        of_clones = statuses.SHARE_CREATING if named else {statuses.CREATING}
        return [
            (view["id"], view["snapshot_id"])
            for status in sorted(of_clones)
            for view in self._list_shares(status)
            if view.get("snapshot_id")
        ]

    def _list_shares(self, status: str) -> list[View]:
        reach = self._manila.reach
        return self._retry(lambda: self._manila.shares(status=status, project_id=reach))

    # -- looking ------------------------------------------------------------------------------

    def find(self, mark: Mark, *, project_id: str | None = None) -> list[View]:
        """What bears the mark now, the usable first."""
        kind = SHARE if mark.restore else SNAPSHOT
        final = statuses.SHARE_FINAL if mark.restore else statuses.SNAPSHOT_FINAL
        found = self._bearing(kind, mark, project_id, fresh=True)
        return sorted(found, key=lambda view: view["status"] in final)

    def everything(self) -> list[View]:
        """All snapshots."""
        return self._retry(self._manila.snapshots)

    def show(self, snapshot_id: str) -> View | None:
        """One snapshot."""
        return self._retry(lambda: self._manila.snapshot(snapshot_id))

    def _parent(self, share_id: str) -> View | None:
        """The share that a snapshot belongs to, as it is now. One list serves a flow of many."""

        def many() -> dict[str, View]:
            if self._expected <= lookup.FEW:
                return {}
            return {view["id"]: view for view in self._retry(self._manila.shares)}

        return self._once("parents", many).get(share_id) or self.show_share(share_id)

    def _watcher(self, look: Any, expected: int) -> Poller:
        return Poller(
            look,
            expected=expected,
            shortest=self._patience.poll_min,
            longest=self._patience.poll_max,
            look_takes=self._patience.request,
            clock=self._clock,
        )

    def _look_at_snapshots(self, ids: Collection[str]) -> Mapping[str, View | None]:
        scope = self._scope
        # What is being made is the session's own.
        whose = self._manila.own_project_id if scope else None
        return lookup.look(
            ids,
            self._manila.snapshot,
            lambda: self._manila.snapshots(metadata=scope, project_id=whose),
        )

    def _look_at_shares(self, ids: Collection[str]) -> Mapping[str, View | None]:
        scope = self._restoring
        whose = self._manila.own_project_id if scope else None
        return lookup.look(
            ids,
            self._manila.share,
            lambda: self._manila.shares(metadata=scope, project_id=whose),
        )

    def _bearing(
        self, kind: str, wanted: Mark, project_id: str | None, *, fresh: bool
    ) -> list[View]:
        """What bears exactly this mark in a project, by default in the one that is worked on.
        Unless ``fresh``, one list serves the whole flow."""
        whose = project_id or self._manila.project_id
        self._ownership.require(whose)

        def listed(metadata: Mapping[str, str]) -> list[View]:
            return self._retry(lambda: self._list_marked(kind, metadata, whose))

        if fresh:
            views = listed(wanted.metadata())
        else:
            scope = wanted.scope()
            views = self._once((kind, whose, *sorted(scope.items())), lambda: listed(scope))
        return self._ownership.bearing(kind, wanted, views, whose)

    def _list_marked(self, kind: str, metadata: Mapping[str, str], whose: str) -> list[View]:
        if kind == SHARE:
            return self._manila.shares(metadata=metadata, project_id=whose)
        if self._manila.features.snapshot_metadata:
            return self._manila.snapshots(metadata=metadata, project_id=whose)
        return self._manila.snapshots(project_id=whose)

    def _retry(self, attempt: Callable[[], T]) -> T:
        return retry(
            attempt,
            timeout=self._patience.outage,
            attempt_takes=self._patience.request,
            clock=self._clock,
        )

    # -- judging ------------------------------------------------------------------------------

    def _judge(self, kind: str, thing: str, final: Collection[str]) -> Any:
        def judge(view: View | None) -> Any:
            if view is None:
                raise ResourceFailed(kind, thing, "gone", "it was removed meanwhile")
            if view["status"] == statuses.AVAILABLE:
                return view
            if view["status"] in final:
                raise ResourceFailed(kind, thing, view["status"], self._reason(thing))
            return PENDING

        return judge

    def _reason(self, thing: str) -> str:
        return user_messages.reason(self._manila, thing, self._requests.get(thing), self._clock)


def _usable(view: View, snapshot_id: str, share_id: str, size: int | None) -> View:
    """The snapshot's view, when a share can be made from it."""
    if view["share_id"] != share_id:
        why = f"it is of share {view['share_id']}, not of share {share_id}"
        raise SnapshotDoubtful(snapshot_id, why)
    if view["status"] != statuses.AVAILABLE:
        why = f"its status is {view['status']!r}, and only an available one can be used"
        raise SnapshotDoubtful(snapshot_id, why)
    if size is not None and int(view["size"]) != size:
        why = f"it has {view['size']} GiB, and the record says {size}"
        raise SnapshotDoubtful(snapshot_id, why)
    return view
