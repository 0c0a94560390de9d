# SPDX-License-Identifier: Apache-2.0
"""Replicas of a share on other backends: make, follow, promote, delete, and their snapshots.

The replication is "readable": only the active replica is written, the others have its files of the
last update (``replica_state_update_interval``). Manila calls the backend of the replica that a call
is about; the others are found among the peers. A replica whose active one is lost can be promoted:
it has what the last update brought.
"""

from manila import exception
from manila.common import constants

from sandbox.manila import access, tree
from sandbox.manila.backend import peers
from sandbox.manila.backend.places import Places
from sandbox.manila.backend.shares import Shares
from sandbox.manila.backend.turning import turnable


class Replicas(Shares):
    """Shares that are on several backends."""

    def do_setup(self, context):
        """Be found by the other backends."""
        super().do_setup(context)
        peers.enter(self)

    @turnable
    def create_replica(
        self, context, replica_list, new_replica, access_rules, replica_snapshots, share_server=None
    ):
        """Copy the active replica with its snapshots.

        :raises ReplicationException: the files of the active one are gone
        """
        if self._follow(replica_list, new_replica, replica_snapshots) is None:
            raise exception.ReplicationException(reason="the active replica has no files")
        self._apply(new_replica, access_rules, constants.ACCESS_LEVEL_RO)
        return {
            "export_locations": self.exports(self.shares / new_replica["id"], share_server),
            "replica_state": constants.REPLICA_STATE_IN_SYNC,
            "access_rules_status": constants.STATUS_ACTIVE,
        }

    @turnable
    def update_replica_state(
        self, context, replica_list, replica, access_rules, replica_snapshots, share_server=None
    ):
        """Bring a replica up to date; without its active one it is out of sync."""
        found = self._follow(replica_list, replica, replica_snapshots)
        in_sync = constants.REPLICA_STATE_IN_SYNC
        return in_sync if found else constants.REPLICA_STATE_OUT_OF_SYNC

    @turnable
    def promote_replica(
        self,
        context,
        replica_list,
        replica,
        access_rules,
        share_server=None,
        quiesce_wait_time=None,
    ):
        """Make a replica the active one, with what the active one has if that is there.

        :raises ShareResourceNotFound: the files of the replica are gone
        """
        self.share(replica)
        found = self._follow(replica_list, replica, [])
        self._apply(replica, access_rules)
        others = constants.REPLICA_STATE_IN_SYNC if found else constants.REPLICA_STATE_OUT_OF_SYNC
        states = {one["id"]: others for one in replica_list}
        states[replica["id"]] = constants.REPLICA_STATE_ACTIVE
        return [{"id": one, "replica_state": state} for one, state in states.items()]

    @turnable
    def delete_replica(self, context, replica_list, replica_snapshots, replica, share_server=None):
        """Remove a replica with its snapshots; what is gone is deleted."""
        for snapshot in replica_snapshots:
            tree.remove(self.snapshots / snapshot["id"], self.scratch)
        tree.remove(self.shares / replica["id"], self.scratch)
        self.rules.remove(replica["id"])

    @turnable
    def create_replicated_snapshot(
        self, context, replica_list, replica_snapshots, share_server=None
    ):
        """Snapshot the active replica, and copy that to the backend of each other one.

        :returns: what is ``available``; an instance that is not made later, when Manila asks
        """
        active = _active(replica_list)
        mine = next(one for one in replica_snapshots if one["share_instance_id"] == active["id"])
        source = self.keep(self.share(active), mine)
        done = []
        for snapshot, peer in self._spread(replica_list, replica_snapshots):
            target = peer.snapshots / snapshot["id"]
            tree.copy(source, target, peer.scratch)
            done.append(_available(snapshot, target))
        return done

    @turnable
    def update_replicated_snapshot(
        self,
        context,
        replica_list,
        share_replica,
        replica_snapshots,
        replica_snapshot,
        share_server=None,
    ):
        """Make or delete an instance that was left over.

        :raises SnapshotResourceNotFound: it is deleted
        """
        target = self.snapshots / replica_snapshot["id"]
        if replica_snapshot["status"] == constants.STATUS_DELETING:
            tree.remove(target, self.scratch)
            raise exception.SnapshotResourceNotFound(name=replica_snapshot["id"])
        active = _active(replica_list)
        peer = peers.of(active)
        for one in replica_snapshots:
            if peer and one["share_instance_id"] == active["id"]:
                tree.copy(peer.snapshot(one), target, self.scratch)
                return _available(replica_snapshot, target)
        return {"id": replica_snapshot["id"], "status": constants.STATUS_ERROR}

    @turnable
    def delete_replicated_snapshot(
        self, context, replica_list, replica_snapshots, share_server=None
    ):
        """Remove the snapshot of every replica."""
        done = []
        for snapshot, peer in self._spread(replica_list, replica_snapshots):
            tree.remove(peer.snapshots / snapshot["id"], peer.scratch)
            done.append({"id": snapshot["id"], "status": constants.STATUS_DELETED})
        return done

    @turnable
    def revert_to_replicated_snapshot(
        self,
        context,
        active_replica,
        replica_list,
        active_replica_snapshot,
        replica_snapshots,
        share_access_rules,
        snapshot_access_rules,
        share_server=None,
    ):
        """Make the active replica what it was; the others follow at their next update."""
        source = self.snapshot(active_replica_snapshot)
        tree.replace(self.share(active_replica), source, self.scratch)

    def _follow(self, replica_list, replica, snapshots) -> Places | None:
        """Make a replica here equal to the active one, and answer the backend of that.

        :param snapshots: pairs of an active_replica_snapshot and a share_replica_snapshot
        :returns: None when the active one is not to be had: nothing is done then
        """
        active = _active(replica_list)
        peer = peers.of(active)
        if peer is None or not (peer.shares / active["id"]).is_dir():
            return None
        source, target = peer.shares / active["id"], self.shares / replica["id"]
        if source == target:
            return peer
        if target.exists():
            tree.replace(target, source, self.scratch)
        else:
            tree.copy(source, target, self.scratch)
        for pair in snapshots:
            kept = peer.snapshots / pair["active_replica_snapshot"]["id"]
            own = self.snapshots / pair["share_replica_snapshot"]["id"]
            if kept.is_dir():
                tree.copy(kept, own, self.scratch)
        return peer

    def _spread(self, replica_list, replica_snapshots) -> list[tuple]:
        """Pair each snapshot instance with the backend of its replica, if that is one of ours."""
        homes = {replica["id"]: peers.of(replica) for replica in replica_list}
        pairs = [(one, homes.get(one["share_instance_id"])) for one in replica_snapshots]
        return [(one, peer) for one, peer in pairs if peer is not None]

    def _apply(self, replica, access_rules, level: str | None = None) -> None:
        rules = [{**_plain(rule), "access_id": rule["id"]} for rule in access_rules]
        known = access.types(replica["share_proto"])
        self.rules.replace(replica["id"], rules, level=level, of_types=known)


def _active(replica_list):
    """Answer the active replica.

    :raises ReplicationException: there is none
    """
    for replica in replica_list:
        if replica["replica_state"] == constants.REPLICA_STATE_ACTIVE:
            return replica
    raise exception.ReplicationException(reason="there is no active replica")


def _available(snapshot, target) -> dict:
    return {
        "id": snapshot["id"],
        "status": constants.STATUS_AVAILABLE,
        "progress": "100%",
        "provider_location": str(target),
    }


def _plain(rule) -> dict:
    return {key: rule[key] for key in ("access_type", "access_to", "access_level")}
