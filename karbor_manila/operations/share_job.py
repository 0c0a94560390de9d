# SPDX-License-Identifier: Apache-2.0
"""One operation on one share: what its steps have in common, beside what they give each other."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from karbor_manila.bank.record import Intent
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.drivers.base import Driver, ProtectOptions
from karbor_manila.manila.marks import Mark
from karbor_manila.operations.work import Work

if TYPE_CHECKING:
    from karbor_manila.operations.flow import FlowContext
    from karbor_manila.operations.hook_rounds import ShareHooks, Together


@dataclass(slots=True, eq=False)
class ShareJob:
    """One operation on one share. ``given`` is what the user gave; ``extras`` are Karbor's other
    arguments of the hook (``operation_log``; ``restore`` or ``verify``)."""

    checkpoint: Any
    resource: Any
    context: Any
    given: dict[str, Any]
    extras: dict[str, Any]
    flow: "FlowContext"
    section: ShareSection
    #: What the operation has begun; None before. What fails after that is rolled back.
    intent: Intent | None = None
    #: The id of what the operation made in Manila, if it made anything.
    made: str | None = None
    #: The id of the share that a copy made for its snapshot, if it did.
    clone_id: str | None = None
    #: The share that is there and that a restore goes into, if it is not the protected one.
    target: str | None = None
    #: What else the user should know of a failure, such as what could not be undone.
    remarks: list[str] = field(default_factory=list)
    #: Whether what the operation is for is there; nothing that fails from then on undoes it.
    complete: bool = False
    #: Whether it is not known if it is complete, and whether the reconciliation finds that out.
    unsettled: bool = False
    followed: bool = False
    #: When a drill began, by the flow's clock.
    began: float | None = None
    #: Whether only the intent is left of a failed drill.
    undone: bool = False
    #: Why the operation failed, if it did.
    cause: Exception | None = None
    #: The hooks around it, if there are any, and those that it shares with others.
    hooks: "ShareHooks | None" = None
    together: "Together | None" = None

    @classmethod
    def of_hook(
        cls,
        flow: "FlowContext",
        checkpoint: Any,
        resource: Any,
        context: Any,
        parameters: Any,
        extras: dict[str, Any],
    ) -> "ShareJob":
        """The job of one of Karbor's main hooks; the first one binds the flow to its work."""
        request = extras.get("restore") or extras.get("verify")
        flow.bind(
            Work(
                context,
                checkpoint.project_id,
                checkpoint,
                request,
                is_verification="verify" in extras,
                operation_log=extras.get("operation_log"),
            )
        )
        section = ShareSection(checkpoint.get_resource_bank_section(resource.id), flow.clock.sleep)
        given = dict(parameters or {})
        return cls(checkpoint, resource, context, given, extras, flow, section)

    @property
    def share_id(self) -> str:
        """The id of the share that the checkpoint's resource is."""
        return str(self.resource.id)

    @property
    def target_id(self) -> str:
        """The id of the share that is there and that a restore goes into."""
        return self.target or self.share_id

    @property
    def request(self) -> Any:
        """Karbor's restore or verification, whose id is in the mark of what is made for it."""
        return self.extras.get("restore") or self.extras["verify"]

    def mark(self, bank_id: str, restore_id: str = "") -> Mark:
        """The mark of what this job makes."""
        return self.flow.mark(bank_id, self.share_id, restore_id)

    def begin(
        self, operation: str, driver: str, project_id: str, *, restore_id: str = "", **fields: Any
    ) -> Intent:
        """Write an intent, before anything is created.

        :param project_id: whose what is created will be
        :param restore_id: of Karbor's restore or verification that it is for, if it is
        :param fields: what else the intent holds (record.Intent)
        :raises BankUnreadable: the bank does not take it
        """
        intent = self.describe(operation, driver, project_id, restore_id, **fields)
        self.section.begin(intent)
        self.intent = intent
        return intent

    def describe(
        self, operation: str, driver: str, project_id: str, restore_id: str = "", **fields: Any
    ) -> Intent:
        """As :meth:`begin`, not written yet."""
        return Intent(
            operation=operation,
            driver=driver,
            project_id=project_id,
            mark=self.mark(self.flow.bank_id, restore_id),
            owner=self.owner(),
            since=self.now(),
            **fields,
        )

    def check_options(self, driver: str, options: ProtectOptions) -> None:
        """Refuse what the share's driver cannot take, before anything is made; sends no request.

        :raises InvalidParameter: such as a description that does not fit beside the mark
        """
        self.driver(driver).check_options(options, self.mark(self.flow.bank_id))

    def driver(self, name: str) -> Driver:
        """The flow's driver of this name."""
        return self.flow.driver(name)

    def now(self) -> str:
        """UTC, ISO 8601, to the second."""
        return self.flow.clock.utcnow().isoformat(timespec="seconds")

    def owner(self) -> str:
        """Karbor's owner id of the bank in this process."""
        return str(self.checkpoint.checkpoint_section.get_owner_id())
