# SPDX-License-Identifier: Apache-2.0
"""What Manila's database knows of snapshots and shares that bear our marks.

A hook of Manila gets ids alone, and after a deletion there is no row any more; so it looks before.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from karbor_manila.manila import marks, statuses

#: The statuses in which a snapshot keeps nothing that could be used, without anybody's request.
FAILED = (statuses.ERROR, statuses.ERROR_DELETING)

#: So many snapshots that failed are looked at in one turn, and so many are remembered.
MOST_AT_ONCE, MOST_REMEMBERED = 200, 20000

#: What is known of something before it goes: what an event says of it.
Seen = dict[str, Any]


class Look:
    """Looks into Manila's database; with an administrator's context, as all of its code does.

    :param db: Manila's database API (manila.db)
    """

    def __init__(self, db: Any) -> None:
        self._db = db
        self._known: OrderedDict[str, str] = OrderedDict()

    def snapshot(self, context: Any, snapshot_id: str) -> list[Seen]:
        """A snapshot, if it bears a mark of ours."""
        return list(_marked([self._db.share_snapshot_get(context, snapshot_id)]))

    def share(self, context: Any, share_id: str) -> list[Seen]:
        """A share, if it bears a mark, and those of its snapshots that do."""
        snapshots = self._db.share_snapshot_get_all_for_share(context, share_id)
        found = list(_marked(snapshots))
        metadata = self._db.share_metadata_get(context, share_id)
        if mark := marks.read({"metadata": metadata}):
            share = self._db.share_get(context, share_id)
            found.append(_seen(mark, share_id=share_id, project_id=share["project_id"]))
        return found

    def share_of_instance(self, context: Any, share_instance_id: str) -> list[Seen]:
        """As :meth:`share`, by the id of one of its instances."""
        instance = self._db.share_instance_get(context, share_instance_id)
        return self.share(context, instance["share_id"])

    def gone(self, context: Any, seen: Iterable[Seen]) -> Iterator[Seen]:
        """Those that are not there any more, or not for their users."""
        for each in seen:
            if snapshot_id := each.get("snapshot_id"):
                view = self._there(self._db.share_snapshot_get, context, snapshot_id)
            else:
                view = self._there(self._db.share_get, context, each["share_id"])
            if view is None or view["status"] in statuses.DEFERRED:
                yield each

    def failed(self, context: Any, host: str) -> Iterator[Seen]:
        """The snapshots of ours on a backend that have failed since the last turn, with their
        status; after a start of the service, all of them."""
        instances = self._db.share_snapshot_instance_get_all_with_filters(
            context, {"host": host, "statuses": FAILED}
        )
        new = [each for each in instances if self._known.get(each["id"]) != each["status"]]
        for instance in new[:MOST_AT_ONCE]:
            snapshot = self._there(
                self._db.share_snapshot_get, context, str(instance["snapshot_id"])
            )
            yield from (
                each | {"status": instance["status"]}
                for each in _marked([] if snapshot is None else [snapshot])
            )
            self._known[instance["id"]] = instance["status"]
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)

    def forget_failed(self) -> None:
        """Have :meth:`failed` find all of them anew: some were not told."""
        self._known.clear()

    @staticmethod
    def _there(get: Any, context: Any, identifier: str) -> Any:
        """What the database has; None when it says that there is none (manila.exception.NotFound
        and its heirs)."""
        try:
            return get(context, identifier)
        except Exception as error:  # nothing else is swallowed
            if getattr(error, "code", None) != 404:
                raise
            return None


def _marked(snapshots: Iterable[Any]) -> Iterator[Seen]:
    for snapshot in snapshots:
        rows = snapshot["share_snapshot_metadata"]
        mark = marks.read(
            {
                "metadata": {row["key"]: row["value"] for row in rows},
                "description": snapshot["display_description"],
            }
        )
        if mark:
            yield _seen(
                mark,
                snapshot_id=snapshot["id"],
                share_id=snapshot["share_id"],
                project_id=snapshot["project_id"],
            )


def _seen(mark: marks.Mark, **fields: str) -> Seen:
    named: Mapping[str, Any] = asdict(mark)
    return {**fields, "mark": {name: value for name, value in named.items() if value}}
