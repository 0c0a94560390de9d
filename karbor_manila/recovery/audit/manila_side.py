# SPDX-License-Identifier: Apache-2.0
"""What the drivers show of what keeps shares, in all projects: each by its own word."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from oslo_log import log as logging

from karbor_manila.bank.record import ShareRecord
from karbor_manila.drivers.base import Driver
from karbor_manila.manila.views import View
from karbor_manila.operations.flow import FlowContext

LOG = logging.getLogger(__name__)


class Shown(NamedTuple):
    """What a driver lists, and the name of that driver."""

    driver: str
    view: View


class ManilaSide:
    """The drivers of one provider, with Karbor's own user. Made for one look.

    :param flow: of the provider, as Karbor
    """

    def __init__(self, flow: FlowContext) -> None:
        self._flow = flow
        self._listed: dict[str, dict[str, View]] = {}

    def list_configured(self) -> None:
        """List what the configured drivers keep.

        Nothing in the bank names the driver of an orphan: its checkpoint is gone, or was never
        there. So all drivers that the provider is configured with are asked.
        """
        for name in self._flow.drivers.catalogue.configured():
            self.listed(name)

    def listed(self, name: str) -> dict[str, View]:
        """What a driver lists, by id; the driver is asked the first time.

        :raises DriverUnknown: it is not installed
        """
        if name not in self._listed:
            views = self.driver(name).everything()
            self._listed[name] = {str(view["id"]): view for view in views}
        return self._listed[name]

    def everything(self) -> Iterator[Shown]:
        """What was listed so far; what two drivers list is the first one's."""
        seen: set[str] = set()
        for name, views in self._listed.items():
            for identifier, view in views.items():
                if identifier not in seen:
                    seen.add(identifier)
                    yield Shown(name, view)

    def show(self, name: str, snapshot_id: str) -> View | None:
        """What a driver shows under an id, asked for by it: absence in a list is no proof.

        :raises DriverUnknown: it is not installed
        """
        return self.driver(name).show(snapshot_id)

    def has_share(self, share_id: str) -> bool:
        """Whether Manila shows this share."""
        return bool(self._flow.manila.share(share_id))

    def driver(self, name: str) -> Driver:
        """The driver of this name.

        :raises DriverUnknown: it is not installed
        """
        return self._flow.driver(name)


def is_of(checkpoint: Any, record: ShareRecord, view: View) -> bool:
    """Whether what keeps a share still belongs to a project for which it was made: a share that is
    transferred takes its snapshots along (manila/transfer/api.py)."""
    # Another driver may not say whose it is.
    whose = {record.project_id, checkpoint.project_id}
    return view.get("project_id", checkpoint.project_id) in whose
