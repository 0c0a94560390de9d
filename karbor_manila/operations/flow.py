# SPDX-License-Identifier: Apache-2.0
"""What the resources of one flow share. Karbor makes one plugin instance, and so one of these, for
each flow, and names every resource of it before any hook runs."""

import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from oslo_log import log as logging

from karbor_manila.bank import identity
from karbor_manila.bank.errors import RecordForeign
from karbor_manila.bank.fencing import Hold
from karbor_manila.common.clock import Clock
from karbor_manila.common.lazy import Lazy, Once
from karbor_manila.common.polling import Poller
from karbor_manila.common.retry import retry
from karbor_manila.database import columns, requested
from karbor_manila.drivers.abilities import Reverts
from karbor_manila.drivers.base import Driver, Environment
from karbor_manila.drivers.catalogue import Catalogue
from karbor_manila.drivers.errors import DriverUnknown, DriverUnsuitable
from karbor_manila.drivers.flow_drivers import FlowDrivers
from karbor_manila.hooks.base import Hook
from karbor_manila.hooks.terms import Time
from karbor_manila.manila import lookup
from karbor_manila.manila.client import Manila
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.shares import Shares
from karbor_manila.manila.timeouts import Timeouts
from karbor_manila.operations import hooking, preflight
from karbor_manila.operations.errors import RecordDriverMissing, RevertLacking
from karbor_manila.operations.progress import Progress
from karbor_manila.operations.protection import Protection
from karbor_manila.operations.restores import Restores
from karbor_manila.operations.work import Work
from karbor_manila.operations.writing import Writing

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: Makes the flow's client from Karbor's context and the project that is worked on.
Connect = Callable[[Any, str], Manila]


class FlowContext:
    """The client, the drivers, the preflight and the pollers of one flow, each made when it is
    first asked for (:class:`~karbor_manila.common.lazy.Lazy`).

    :param settings: the provider's options (opts.PROVIDER_OPTS)
    :param connect: makes the client; called once, by whichever hook comes first
    :param confirm: gives the id of a provider's bank (:func:`karbor_manila.bank.identity.confirm`)
    :param requested: gives Karbor's restore or verification of an id, as requested.find does
    :param catalogue: the drivers of the provider; by default as ``settings`` say
    :param own_clock: makes the clock of this flow from the other one
    :param work: what it works on, if that is known already; else :meth:`bind` says it
    :param hooks: those of the provider
    """

    #: So many shares are worked on at a time: each takes some 40 KiB then, and when all of them are
    #: found to be ready by one look, no other green thread runs until each has written to its bank.
    at_a_time = 250

    def __init__(
        self,
        settings: Any,
        connect: Connect,
        clock: Clock | None = None,
        confirm: Callable[[Any, str], str] = identity.confirm,
        requested: Callable[[str], tuple[str, Any] | None] = requested.find,
        own_clock: Callable[[Clock], Clock] | None = None,
        work: Work | None = None,
        catalogue: Catalogue | None = None,
        hooks: Collection[Hook] = (),
    ) -> None:
        self.settings = settings
        self.requested = requested
        self.clock = (own_clock or (lambda usual: usual))(clock or Clock())
        self.once = Once(self.clock, settings.outage_timeout)
        self.hooks = hooking.active(hooks, settings)  # as a rule there are none
        self.hook_time = Time(self.clock)
        #: Held while Karbor's record of the operation is changed and saved: its save() forgets what
        #: another hook changed while it waited for the database.
        self.writing = Writing()
        #: Held while newer snapshots are removed: two shares of a flow may be in one checkpoint.
        self.removing = threading.Lock()
        self._resources: dict[str, None] = {}  # in their order
        #: Held while a roll back looks who else counts on what it would remove.
        self.rolling_back = threading.Lock()
        #: The claim under which the flow acts; None under Karbor's own manager.
        self.hold: Hold | None = None
        self.not_awaited: set[str] = set()  # the shares that are done, or failed
        self._work = work
        self._client: FlowClient | None = None
        self._catalogue = catalogue
        self._chosen: dict[str, str] = {}
        self._connect = connect
        self._confirm = confirm

    def register(self, resource_id: str) -> None:
        """One more resource of the flow."""
        self._resources[resource_id] = None

    @property
    def resource_ids(self) -> Collection[str]:
        """The ids of the flow's resources, in the order in which Karbor named them."""
        return self._resources.keys()

    def bind(self, work: Work) -> None:
        """Say what the flow works on. Every hook does, and the first one counts."""
        if self._work is None:
            self._work = work

    def close(self) -> None:
        """The flow has ended, well or not: the drivers are let go."""
        try:
            if self._client:
                self.drivers.close()
        except Exception:  # whatever a driver raises: the work of the flow is done
            LOG.exception("The drivers of a flow could not be closed")

    @property
    def work(self) -> Work:
        """What the flow works on. Raises RuntimeError before that is known."""
        if self._work is None:
            raise RuntimeError("no hook has given yet what this flow works on")
        return self._work

    # -- Manila -------------------------------------------------------------------------------

    @Lazy
    def manila(self) -> Manila:
        """The flow's client, for one project's shares and snapshots."""
        work = self.work
        manila = self.retry(lambda: self._connect(work.context, work.project_id))
        manila.guard = self.confirm
        return manila

    def confirm(self) -> None:
        """Before each request to Manila that changes something. Raises ClaimLost."""
        if self.hold:
            self.hold.confirm()

    @Lazy
    def busy_shares(self) -> Poller:
        """The poller of shares that are busy when they are to be protected."""
        manila = self.manila
        return Poller(
            lambda ids: lookup.look(ids, manila.share, manila.shares),
            shortest=max(self.settings.poll_interval_min, 0.5),
            longest=self.settings.poll_interval_max,
            look_takes=self.settings.request_timeout,
            clock=self.clock,
        )

    # -- drivers ------------------------------------------------------------------------------

    @Lazy
    def client(self) -> FlowClient:
        """Manila as all of the flow uses it."""
        client = FlowClient(
            self.manila, Timeouts.of(self.settings), len(self.resource_ids), self.clock
        )
        self._client = client
        for resource_id in sorted(self.not_awaited):
            client.no_wait(resource_id)
        return client

    @Lazy
    def shares(self) -> Shares:
        """What is about shares in general, whichever driver keeps them."""
        return Shares(self.client)

    @Lazy
    def drivers(self) -> FlowDrivers:
        """The flow's drivers."""
        orders, shares = self.settings, self.shares
        catalogue = self._catalogue or Catalogue(orders.share_type_drivers, orders.default_driver)
        told = Progress(self).note
        return FlowDrivers(catalogue, lambda own: Environment(self.client, shares, own, told))

    def driver(self, name: str) -> Driver:
        """The flow's driver of this name: the one place at which operations get a driver.

        :raises DriverUnknown: it is not installed here
        """
        return self.drivers.driver(name)

    def reverter(self, name: str) -> Reverts:
        """The flow's driver of this name, which can put a share back.

        :raises NotSupported: it cannot
        """
        driver = self.driver(name)
        if not isinstance(driver, Reverts):
            raise RevertLacking(name)
        return driver

    def recorded_driver(self, name: str, what: str) -> Driver:
        """The flow's driver that an object in the bank names.

        :param what: the object, for the user to read: ``record`` or ``intent``
        :raises RecordDriverMissing: it is not installed here
        :raises RecordForeign: it is, and does not keep the contract
        """
        try:
            return self.driver(name)
        except DriverUnknown as error:
            raise RecordDriverMissing(what, name, error.known) from error
        except DriverUnsuitable as error:
            raise RecordForeign(what, str(error).rstrip("."), name) from error

    def driver_name(self, share: Mapping[str, Any]) -> str:
        """The name of the driver that protects a share (a view). The first answer stays: a driver
        that has said yes to a share is not passed over for another one later."""
        share_id = str(share["id"])
        if share_id not in self._chosen:
            self._chosen[share_id] = self.drivers.catalogue.name_for(share)
        return self._chosen[share_id]

    def objection(self, share: Mapping[str, Any]) -> Exception | None:
        """Why no driver for it could protect a share (a view) in the user's project."""
        chosen = self._chosen.get(str(share["id"]))
        return self.drivers.catalogue.objection(share, self.work.context.project_id, chosen)

    def no_wait(self, resource_id: str) -> None:
        """This resource is done, or failed, and will not be waited for any more. A client that
        does not exist yet learns it when it is made."""
        self.not_awaited.add(resource_id)
        if self._client:
            self._client.no_wait(resource_id)

    def mark(self, bank_id: str, share_id: str, restore_id: str = "") -> Mark:
        """The mark of what is made for one of the flow's shares."""
        checkpoint = self.work.checkpoint
        return Mark(
            bank=bank_id,
            provider=checkpoint.provider_id,
            checkpoint=checkpoint.id,
            resource=share_id,
            restore=restore_id,
        )

    # -- what the shares of the flow have in common -------------------------------------------

    @Lazy
    def preflight(self) -> preflight.Preflight:
        """The look at all shares that are to be protected.

        :raises QuotaTooSmall: the quota does not suffice for all of them
        """
        return preflight.look_at_all(self)

    @Lazy
    def protection(self) -> Protection:
        """What keeps all shares of the flow, asked for together."""
        return Protection(self)

    @Lazy
    def restores(self) -> Restores:
        """What is asked for of each share of a restore or a verification, and what is kept."""
        work = self.work
        return Restores(self, work.checkpoint, work.request, verify=work.is_verification)

    @Lazy
    def bank_id(self) -> str:
        """The id of the checkpoint's bank, for marks that are made.

        :raises BankNotOurs: another bank is there than the one that is known for the provider
        """
        checkpoint = self.work.checkpoint
        return self._confirm(checkpoint.checkpoint_section.bank, checkpoint.provider_id)

    @Lazy
    def stored_bank_id(self) -> str | None:
        """The id that the checkpoint's bank itself gives, for marks that are looked for; None when
        it has none."""
        return identity.read(self.work.checkpoint.checkpoint_section.bank)

    @Lazy
    def report(self) -> columns.Report:
        """All that the restore or verification tells of its shares."""
        return columns.Report(self.work.request)

    @Lazy
    def log_lines(self) -> list[Any]:
        """The lines of the operation log, of which the first is what stood there before."""
        return [self.work.operation_log.get("error_info")]

    def retry(self, attempt: Callable[[], T]) -> T:
        """Retry transient errors as long as the provider's outage timeout allows."""
        return retry(
            attempt,
            timeout=self.settings.outage_timeout,
            attempt_takes=self.settings.request_timeout,
            clock=self.clock,
        )
