# SPDX-License-Identifier: Apache-2.0
"""What the resources of one flow share. Karbor makes one plugin instance, and so one of these, for
each flow, and names every resource of it before any hook runs."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from karbor_manila.bank import identity
from karbor_manila.bank.fencing import Hold
from karbor_manila.common.clock import Clock
from karbor_manila.common.polling import Poller
from karbor_manila.common.retry import retry
from karbor_manila.common.waiting import Once
from karbor_manila.database import requested
from karbor_manila.drivers.base import ShareDriver, Timeouts
from karbor_manila.drivers.catalogue import Catalogue
from karbor_manila.manila.client import Manila

T = TypeVar("T")

#: Makes the flow's client from Karbor's context and the project that is worked on.
Connect = Callable[[Any, str], Manila]


class FlowContext:
    """The client, the drivers, the preflight and the watcher of one flow.

    :param settings: the provider's options (opts.PROVIDER_OPTS)
    :param connect: makes the client; called once, by whichever hook comes first
    :param confirm: gives the id of a provider's bank (:func:`karbor_manila.bank.identity.confirm`)
    :param requested: gives Karbor's restore or verification of an id, as requested.find does
    :param own_clock: makes the clock of this flow from the other one
    """

    def __init__(
        self,
        settings: Any,
        connect: Connect,
        clock: Clock | None = None,
        confirm: Callable[[Any, str], str] = identity.confirm,
        requested: Callable[[str], tuple[str, Any] | None] = requested.find,
        own_clock: Callable[[Clock], Clock] | None = None,
    ) -> None:
        self.settings = settings
        self.requested = requested
        usual = clock or Clock()
        self.clock = own_clock(usual) if own_clock else usual
        self.once = Once(self.clock, settings.outage_timeout)
        #: Held while Karbor's record of the operation is changed and saved: its save() forgets what
        #: another hook changed while it waited for the database.
        self.writing = threading.Lock()
        #: Held while newer snapshots are removed: two shares of a flow may be in one checkpoint.
        self.removing = threading.Lock()
        self.resource_ids: list[str] = []
        #: The claim under which the flow acts; None under Karbor's own manager.
        self.hold: Hold | None = None
        self._excused: set[str] = set()
        self._connect = connect
        self._confirm = confirm

    def register(self, resource_id: str) -> None:
        """One more resource of the flow."""
        if resource_id not in self.resource_ids:
            self.resource_ids.append(resource_id)

    def manila(self, context: Any, project_id: str) -> Manila:
        """The flow's client, for one project's shares and snapshots."""

        def connect() -> Manila:
            manila = self.retry(lambda: self._connect(context, project_id))
            manila.guard = self.confirm
            return manila

        return self.once("manila", connect)

    def confirm(self) -> None:
        """Before each request to Manila that changes something. Raises ClaimLost."""
        if self.hold:
            self.hold.confirm()

    def catalogue(self, context: Any, project_id: str) -> Catalogue:
        """The flow's drivers, for one project's shares and snapshots."""

        def build() -> Catalogue:
            manila = self.manila(context, project_id)

            def make(factory: Callable[..., ShareDriver]) -> ShareDriver:
                driver = factory(manila, self.patience(), len(self.resource_ids), self.clock)
                for resource_id in sorted(self._excused):
                    driver.excuse(resource_id)
                return driver

            return Catalogue(make, self.settings.share_type_drivers, self.settings.default_driver)

        return self.once("catalogue", build)

    def busy_shares(self, manila: Manila, look: Any) -> Poller:
        """The watcher over shares that are busy when they are to be protected."""
        return self.once(
            "busy shares",
            lambda: Poller(
                look,
                shortest=max(self.settings.poll_interval_min, 0.5),
                longest=self.settings.poll_interval_max,
                look_takes=self.settings.request_timeout,
                clock=self.clock,
            ),
        )

    def bank_id(self, checkpoint: Any) -> str:
        """The id of the checkpoint's bank.

        :raises BankNotOurs: another bank is there than the one that is known for the provider
        """
        bank = checkpoint.checkpoint_section.bank
        return self.once("bank", lambda: self._confirm(bank, checkpoint.provider_id))

    def retry(self, attempt: Callable[[], T]) -> T:
        """Retry transient errors as long as the provider's outage timeout allows."""
        return retry(
            attempt,
            timeout=self.settings.outage_timeout,
            attempt_takes=self.settings.request_timeout,
            clock=self.clock,
        )

    def patience(self) -> Timeouts:
        """How long the drivers wait for what."""
        settings = self.settings
        return Timeouts(
            request=settings.request_timeout,
            outage=settings.outage_timeout,
            protect=settings.protect_timeout,
            restore=settings.restore_timeout,
            delete=settings.delete_timeout,
            undo=settings.undo_timeout,
            settle=settings.request_settle_time,
            poll_min=settings.poll_interval_min,
            poll_max=settings.poll_interval_max,
        )

    def excuse(self, resource_id: str) -> None:
        """This resource is done, or failed, and will not be waited for any more. Drivers that do
        not exist yet are told when they are made."""
        self._excused.add(resource_id)
        catalogue = self.once.peek("catalogue")
        for driver in catalogue.in_use() if catalogue else []:
            driver.excuse(resource_id)
