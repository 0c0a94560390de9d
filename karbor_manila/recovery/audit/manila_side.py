# SPDX-License-Identifier: Apache-2.0
"""What the drivers show of what keeps shares, in all projects: each by its own word.

Of each only what is judged is held, and of what bears no mark of the bank only whose it is: the
views of Manila are many times as large.
"""

from collections.abc import Iterator
from sys import intern
from typing import Any, NamedTuple

from oslo_log import log as logging

from karbor_manila.bank.record import ShareRecord
from karbor_manila.common.ids import is_id
from karbor_manila.drivers.base import Driver
from karbor_manila.manila import marks
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import View
from karbor_manila.operations import elsewhere
from karbor_manila.operations.flow import FlowContext

LOG = logging.getLogger(__name__)


class Shown(NamedTuple):
    """What keeps a share, as a driver shows it.

    :ivar driver: the name of that driver
    :ivar project_id: whose it is; None when the driver does not say
    :ivar created_at: as Manila gives it
    :ivar mark: that of the bank, if it bears one
    :ivar together: all the shares that it keeps, of a driver that keeps several together
    """

    driver: str
    id: str
    share_id: str
    project_id: str | None
    created_at: str | None
    mark: Mark | None
    together: tuple[str, ...] = ()

    def keeps(self, mark: Mark) -> tuple[str, ...]:
        """The shares whose records in the mark's checkpoint may name it."""
        return self.together or (mark.resource,)


class ManilaSide:
    """The drivers of one provider, with Karbor's own user. Made for one look.

    :param flow: of the provider, as Karbor
    :param bank_id: of the bank whose marks count
    """

    def __init__(self, flow: FlowContext, bank_id: str) -> None:
        self._flow = flow
        self._bank_id = bank_id
        self._whose: dict[str, dict[str, str | None]] = {}
        self._marked: dict[str, list[Shown]] = {}
        self._types: frozenset[str] | None = None

    def list_configured(self) -> None:
        """List what the configured drivers keep.

        Nothing in the bank names the driver of an orphan: its checkpoint is gone, or was never
        there. So all drivers that the provider is configured with are asked.
        """
        for name in self._flow.drivers.catalogue.configured():
            self.whose(name)

    def whose(self, name: str) -> dict[str, str | None]:
        """The project of each that a driver lists, by id; the driver is asked the first time.

        :raises DriverUnknown: it is not installed
        """
        if name not in self._whose:
            listed: dict[str, str | None] = {}
            for view in self.driver(name).everything():
                shown = self._shown(name, view)
                listed[shown.id] = shown.project_id
                # What two drivers list is the first one's.
                if shown.mark and not any(shown.id in each for each in self._whose.values()):
                    self._marked.setdefault(shown.mark.checkpoint, []).append(shown)
            self._whose[name] = listed
        return self._whose[name]

    def take_marked(self, checkpoint_id: str) -> list[Shown]:
        """What was listed so far with a mark of this checkpoint; nothing of it is held any more."""
        return self._marked.pop(checkpoint_id, [])

    def left(self) -> Iterator[str]:
        """The checkpoints whose marks were not taken, in the order of the drivers' lists."""
        while self._marked:
            yield next(iter(self._marked))

    def show(self, name: str, snapshot_id: str) -> Shown | None:
        """What a driver shows under an id, asked for by it: absence in a list is no proof.

        :raises DriverUnknown: it is not installed
        """
        view = self.driver(name).show(snapshot_id)
        return None if view is None else self._shown(name, view)

    def has_share(self, share_id: str) -> bool:
        """Whether Manila shows this share."""
        return bool(self._flow.manila.share(share_id))

    @property
    def url(self) -> str:
        """Where it is, as records say it."""
        return elsewhere.url_of(self._flow.manila.endpoint)

    def is_known_to(self, record: ShareRecord) -> bool:
        """Whether it is the Manila in which a record's share was kept: with several regions, what
        others name proves nothing. Records that do not tell it, nor an id of a type, may be."""
        if record.endpoint == self.url or not record.version or not record.share_type:
            return True
        if self._types is None:
            views = self._flow.retry(self._flow.manila.share_types)
            self._types = frozenset(str(view["id"]) for view in views)
        return record.share_type in self._types or self.has_share(record.snapshot_of)

    def driver(self, name: str) -> Driver:
        """The driver of this name.

        :raises DriverUnknown: it is not installed
        """
        return self._flow.driver(name)

    def _shown(self, driver: str, view: View) -> Shown:
        project_id = view.get("project_id")
        return Shown(
            driver=driver,
            id=str(view["id"]),
            share_id=str(view.get("share_id")),  # another driver may not say
            project_id=None if project_id is None else intern(str(project_id)),
            created_at=view.get("created_at"),
            mark=self._mark(view),
            together=tuple(each for each in view.get("share_ids") or () if is_id(each)),
        )

    def _mark(self, view: View) -> Mark | None:
        """The mark of this bank on a snapshot, if it bears one.

        Tenants write what they like there: what is not an id was never written by us, and would
        be part of keys in the bank and of what the operator's terminal shows.
        """
        found = marks.read(view)
        if found is None or found.bank != self._bank_id:
            return None
        return found if is_id(found.checkpoint) and is_id(found.resource) else None


def is_of(checkpoint: Any, record: ShareRecord, project_id: str | None) -> bool:
    """Whether what keeps a share still belongs to a project for which it was made: a share that is
    transferred takes its snapshots along (manila/transfer/api.py).

    :param project_id: whose it is; None when the driver does not say
    """
    return project_id is None or project_id in {record.project_id, checkpoint.project_id}
