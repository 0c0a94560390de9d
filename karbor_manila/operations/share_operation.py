# SPDX-License-Identifier: Apache-2.0
"""What the operations have in common: one hook, one taskflow flow, one way to fail."""

import abc
from dataclasses import dataclass, field
from typing import Any, ClassVar

import taskflow.engines
from karbor import exception as karbor_exception
from karbor.common import constants
from karbor.services.protection import protection_plugin
from oslo_log import log as logging
from taskflow import task
from taskflow.patterns import linear_flow

from karbor_manila.bank.record import Intent
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.drivers.base import ShareDriver
from karbor_manila.drivers.catalogue import Catalogue
from karbor_manila.drivers.errors import DriverUnknown
from karbor_manila.manila.client import Manila
from karbor_manila.manila.marks import Mark
from karbor_manila.operations import reporting
from karbor_manila.operations.errors import RecordDriverMissing, Unsettled
from karbor_manila.operations.flow import FlowContext

LOG = logging.getLogger(__name__)


@dataclass
class ShareJob:
    """One operation on one share. ``given`` is what the user gave; ``extras`` are Karbor's other
    arguments of the hook (``operation_log``; ``restore`` or ``verify``)."""

    checkpoint: Any
    resource: Any
    context: Any
    given: dict[str, Any]
    extras: dict[str, Any]
    flow: FlowContext
    section: ShareSection
    #: The id of what the operation made in Manila, if it made anything.
    made: str | None = None
    #: The clock's seconds at which a part of the operation began that is timed.
    began: float = 0.0
    #: What else the user should know of a failure, such as what could not be undone.
    remarks: list[str] = field(default_factory=list)
    #: Whether what the operation is for is there; nothing that fails from then on undoes it.
    complete: bool = False
    #: Whether it is not known if it is complete, and whether the reconciliation finds that out.
    unsettled: bool = False
    followed: bool = False

    @property
    def share_id(self) -> str:
        """The id of the share that the checkpoint's resource is."""
        return str(self.resource.id)

    @property
    def request(self) -> Any:
        """Karbor's restore or verification, whose id tells what is made for it."""
        return self.extras.get("restore") or self.extras["verify"]

    def section_of(self, share_id: str) -> ShareSection:
        """The pages of another share of the checkpoint."""
        section = self.checkpoint.get_resource_bank_section(share_id)
        return ShareSection(section, self.flow.clock.sleep)

    def mark(self, bank_id: str, restore_id: str = "") -> Mark:
        """The mark of what this job makes."""
        return Mark(
            bank=bank_id,
            provider=self.checkpoint.provider_id,
            checkpoint=self.checkpoint.id,
            resource=self.share_id,
            restore=restore_id,
        )

    def manila(self) -> Manila:
        """The flow's client."""
        return self.flow.manila(self.context, self.checkpoint.project_id)

    def catalogue(self) -> Catalogue:
        """The flow's drivers."""
        return self.flow.catalogue(self.context, self.checkpoint.project_id)

    def begin(
        self, operation: str, driver: str, project_id: str, *, restore_id: str = "", **fields: Any
    ) -> Intent:
        """Write an intent, before anything is created.

        :param project_id: whose what is created will be
        :param restore_id: of Karbor's restore or verification that it is for, if it is
        :param fields: what else the intent says (record.Intent)
        :raises BankUnreadable: the bank does not take it
        """
        intent = Intent(
            operation=operation,
            driver=driver,
            project_id=project_id,
            mark=self.mark(self.flow.bank_id(self.checkpoint), restore_id),
            owner=self.owner(),
            since=self.now(),
            **fields,
        )
        self.section.begin(intent)
        return intent

    def driver(self, name: str) -> ShareDriver:
        """The flow's driver of this name."""
        return self.catalogue().driver(name)

    def recorded_driver(self, name: str, what: str) -> ShareDriver:
        """The flow's driver that a page in the bank names.

        :param what: the page, for the user to read
        :raises RecordDriverMissing: it is not installed here
        """
        try:
            return self.driver(name)
        except DriverUnknown as error:
            raise RecordDriverMissing(what, name, error.known) from error

    def now(self) -> str:
        """UTC, ISO 8601, to the second."""
        return self.flow.clock.utcnow().isoformat(timespec="seconds")

    def owner(self) -> str:
        """Karbor's owner id of the bank in this process."""
        return str(self.checkpoint.checkpoint_section.get_owner_id())


class ShareTask(task.Task):
    """A step of an operation. ``execute`` and ``revert`` get the job and what earlier steps gave.

    A ``revert`` never raises what it can name: it would hide the error that is being undone. What
    it may undo at all :mod:`.undo` says.
    """


class ShareOperation(protection_plugin.Operation, abc.ABC):
    """An operation on one share: its steps run as a taskflow flow in Karbor's main hook.

    Undoing has to happen inside the hook, because Karbor never passes ``revert`` to its tasks
    (karbor/services/protection/resource_flow.py).
    """

    #: For the log and the name of the flow.
    verb: ClassVar[str]
    #: What Karbor is told of a failure.
    failure: ClassVar[type[karbor_exception.KarborException]]

    def __init__(self, flow: FlowContext) -> None:
        super().__init__()
        self.flow = flow

    @abc.abstractmethod
    def steps(self, job: ShareJob) -> list[ShareTask]:
        """The steps, in order. Raises InvalidParameter or NotSupported for what was asked."""

    def is_final(self, error: Exception) -> bool:
        """Whether nobody will try again by himself after this error, so that the user is told."""
        return not (isinstance(error, Unsettled) and error.followed)

    def passes_over(self, job: ShareJob, error: Exception) -> bool:
        """Whether the others of the flow go on as if this share had never been among them, which
        is written down then."""
        return False

    @abc.abstractmethod
    def failed(self, job: ShareJob, reason: str) -> None:
        """Write the reason of a failure where the user of this operation reads it."""

    def on_main(
        self, checkpoint: Any, resource: Any, context: Any, parameters: Any, **kwargs: Any
    ) -> None:
        """Karbor's main hook; it runs in parallel with those of the flow's other resources."""
        section = checkpoint.get_resource_bank_section(resource.id)
        job = ShareJob(
            checkpoint=checkpoint,
            resource=resource,
            context=context,
            given=dict(parameters or {}),
            extras=kwargs,
            flow=self.flow,
            section=ShareSection(section, self.flow.clock.sleep),
        )
        LOG.info("%s of share %s, checkpoint %s: begins", self.verb, resource.id, checkpoint.id)
        try:
            flow = linear_flow.Flow(f"{self.verb} {resource.id}").add(*self.steps(job))
            taskflow.engines.run(flow, store={"job": job}, engine="serial")
        except Exception as error:
            self.flow.excuse(resource.id)
            if self.passes_over(job, error):
                LOG.info(
                    "%s of share %s, checkpoint %s: passed over: %s",
                    self.verb,
                    resource.id,
                    checkpoint.id,
                    error,
                )
                return
            reason = " ".join([_sentence(error), *job.remarks])
            if isinstance(error, ClaimLost):
                # It is another's now: not even the reason is for us to write.
                LOG.warning(
                    "%s of share %s, checkpoint %s stopped: %s",
                    self.verb,
                    resource.id,
                    checkpoint.id,
                    reason,
                )
                raise self._failure(resource, reason) from error
            if not isinstance(error, KarborManilaError):
                LOG.exception(
                    "%s of share %s, checkpoint %s: unexpected error",
                    self.verb,
                    resource.id,
                    checkpoint.id,
                )
            if job.unsettled:
                error = Unsettled(resource.id, reason, followed=job.followed)
                reason = str(error)
            LOG.error(
                "%s of share %s, checkpoint %s failed: %s",
                self.verb,
                resource.id,
                checkpoint.id,
                reason,
            )
            failure = self._failure(resource, reason)
            if self.is_final(error):
                if reporting.guard(self.failed, job, reason):
                    reporting.note_told(failure)
                reporting.guard(reporting.to_operation_log, job, reason)
            raise failure from error
        LOG.info("%s of share %s, checkpoint %s: done", self.verb, resource.id, checkpoint.id)

    def _failure(self, resource: Any, reason: str) -> karbor_exception.KarborException:
        return self.failure(
            name="Share",
            reason=reason,
            resource_id=resource.id,
            resource_type=constants.SHARE_RESOURCE_TYPE,
        )


def _sentence(error: Exception) -> str:
    """What the user reads. An error that is not ours may hold anything, so only its kind is told;
    the log has the rest."""
    if isinstance(error, KarborManilaError):
        return str(error)
    return f"An unexpected error ({type(error).__name__}) stopped it; Karbor's log has the rest."
