# SPDX-License-Identifier: Apache-2.0
"""Why a request to Karbor's service comes to nothing."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.drilled_once import NOT_AGAIN
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila.errors import ManilaTransient, Misconfigured

# Of what a plan means and cannot be protected: so many are named in a sentence.
_MOST_NAMED = 5


@dataclass(eq=False)
class OperationLacking(KarborManilaError):
    """A resource in a checkpoint whose plugin lacks an operation of Karbor's.

    ``passed_over`` is whether the others are worked on without it.
    """

    provider: str
    operation: str
    resource_type: str
    resource_id: str
    _: KW_ONLY
    passed_over: bool

    def _sentence(self) -> str:
        end = (
            "It is passed over."
            if self.passed_over
            else "Nothing was begun; the operator can name another plugin for it in the provider."
        )
        return (
            f"Provider {self.provider!r} has a plugin for {self.resource_type} that knows no "
            f"operation {self.operation!r}, and the checkpoint holds {self.resource_type} "
            f"{self.resource_id}. {end}"
        )


@dataclass(eq=False)
class DrillUnderWay(KarborManilaError):
    """A drill that is asked for when the last one is old, while another one is going on.

    ``since`` (UTC) is None when that has just ended.
    """

    plan_id: str
    since: datetime.datetime | None

    def _sentence(self) -> str:
        since = f" since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        return f"Plan {self.plan_id} is being drilled{since}. {NOT_AGAIN}"


@dataclass(eq=False)
class DrilledAlready(KarborManilaError):
    """As above, after a good one. ``began`` is UTC."""

    checkpoint_id: str
    verification_id: str
    began: datetime.datetime

    def _sentence(self) -> str:
        return (
            f"Checkpoint {self.checkpoint_id} was drilled by verification {self.verification_id}, "
            f"begun at {self.began:%Y-%m-%d %H:%M:%S} UTC, and was good. {NOT_AGAIN}"
        )


@dataclass(eq=False)
class CaFileMissing(Misconfigured):
    """A CA file of the configuration that cannot be read."""

    option: str
    path: str
    why: str

    def _sentence(self) -> str:
        return (
            f"Manila was not asked, because {self.option} of [manila_client] in karbor.conf is "
            f"{self.path}, which cannot be read: {self.why.rstrip('.')}. Put the CA file there, or "
            f"correct the option."
        )


@dataclass(eq=False)
class SessionUnavailable(ManilaTransient):
    """Karbor could not make a session for the user of this operation.

    It does not say why (ClientFactory swallows the reason). Keystone may only be away for a moment,
    so it counts as a transient error. ``project_id`` None stands for Karbor's own user.
    """

    asked: str = field(init=False, default="do anything")
    cause: str = field(init=False)
    retry_after: float = field(init=False, default=0.0)
    project_id: str | None

    def __post_init__(self) -> None:
        whom = f"project {self.project_id}" if self.project_id else "Karbor's own user"
        self.cause = (
            f"no Keystone session could be made for {whom}; check that Keystone answers, and "
            f"[trustee] and [keystone_authtoken] in karbor.conf"
        )


@dataclass(eq=False)
class BankTakesNothing(BankUnreadable):
    """The bank did not take a new checkpoint: no space, no permission, a read-only file system."""

    what: str = field(init=False, default="take a new checkpoint")
    cause: str = field(init=False)
    provider_id: str
    provider: str
    why: str

    def __post_init__(self) -> None:
        self.cause = self.why

    def _sentence(self) -> str:
        return (
            f"The bank of provider {self.provider!r} ({self.provider_id}) did not take the new "
            f"checkpoint: {self.why.rstrip('.')}. Nothing was protected. An administrator has to "
            f"mend the bank; ask again afterwards."
        )


@dataclass(eq=False)
class StaysForRetention(KarborManilaError):
    """Karbor's retention asked to delete what it never removes."""

    checkpoint_id: str

    def _sentence(self) -> str:
        return (
            f"Checkpoint {self.checkpoint_id} stays: no newer one of its plan holds for certain "
            f"all that it may hold, or it is stamped later than now. Retention goes on with its "
            f"next run; a user can delete it by hand."
        )


@dataclass(eq=False)
class KeptForRules(KarborManilaError):
    """Karbor's retention asked to delete what a keep rule of its plan keeps."""

    checkpoint_id: str

    def _sentence(self) -> str:
        return (
            f"Checkpoint {self.checkpoint_id} stays: a keep rule of its plan keeps it. Retention "
            f"goes on with its next run; a user can delete it by hand."
        )


@dataclass(eq=False)
class NothingProtected(KarborManilaError):
    """Nothing that a plan means could be put into a checkpoint.

    ``left_out`` are the entries of the checkpoint's ``left_out``.
    """

    plan: str
    left_out: Sequence[Mapping[str, Any]]

    def _sentence(self) -> str:
        reasons = [
            " ".join(str(item[field]) for field in ("type", "id") if item.get(field))
            + f": {item['reason']}"
            for item in self.left_out[:_MOST_NAMED]
        ]
        more = len(self.left_out) - _MOST_NAMED
        reasons += [f"and {more} more, which the checkpoint names"] if more > 0 else []
        why = "; ".join(reasons) or "there is nothing in its project that could be protected"
        return (
            f"Plan {self.plan} protects nothing at present, so no checkpoint of it is complete "
            f"({why}). Mend that, or give the plan what can be protected, and protect it again."
        )


@dataclass(eq=False)
class NoSuchRecord(KarborManilaError):
    """A report was asked for of what Karbor does not know."""

    record_id: str

    def _sentence(self) -> str:
        return (
            f"Karbor's database has neither a restore nor a verification {self.record_id} of a "
            f"provider that is configured. karbor-manila show lists those of a checkpoint."
        )


@dataclass(eq=False)
class RunMissed(KarborManilaError):
    """A run of a schedule made no checkpoint. ``due`` is UTC, ``why`` a sentence."""

    operation_id: str
    name: str
    due: datetime.datetime
    why: str

    def _sentence(self) -> str:
        return (
            f"The run of scheduled operation {self.name!r} ({self.operation_id}) that was due at "
            f"{self.due:%Y-%m-%d %H:%M} UTC made no checkpoint. {self.why}"
        )


@dataclass(eq=False)
class NoUse(KarborManilaError):
    """The user who has made a schedule, or the project, is gone from Keystone or disabled."""

    kind: str
    id: str
    is_gone: bool

    def _sentence(self) -> str:
        whose = "who has made it" if self.kind == "user" else "that it is of"
        if self.is_gone:
            return (
                f"The {self.kind} {whose} ({self.id}) is not in Keystone any more, and Karbor can "
                f"act for nobody. Delete the operation, and make another one as a user of the "
                f"project."
            )
        return (
            f"The {self.kind} {whose} ({self.id}) is disabled. It runs again by itself once an "
            f"administrator of Keystone enables the {self.kind}."
        )


@dataclass(eq=False)
class TrustGone(KarborManilaError):
    """The trust with which Karbor acts for the maker of a schedule is not there any more."""

    user_id: str

    def _sentence(self) -> str:
        return (
            f"The trust that user {self.user_id} gave Karbor for it is not in Keystone any more: "
            f"it was revoked or has run out. Karbor uses one trust for all scheduled operations of "
            f"a user in a project: have another user of the project, or an administrator, delete "
            f"them, have the operator restart karbor-operationengine, and make them again."
        )


@dataclass(eq=False)
class RolesLost(KarborManilaError):
    """The maker of a schedule does not have the roles any more that Karbor acts with."""

    user_id: str
    project_id: str
    roles: Sequence[str]

    def _sentence(self) -> str:
        return (
            f"User {self.user_id}, who has made it, does not have {', '.join(self.roles)} in "
            f"project {self.project_id} any more, with which Karbor acts. It runs again by itself "
            f"once an administrator of Keystone grants that again; or delete it, and make another "
            f"one as a user who has."
        )


@dataclass(eq=False)
class BeganTooLate(KarborManilaError):
    """A run that could not begin within the window of its trigger. ``began`` is UTC."""

    began: datetime.datetime

    def _sentence(self) -> str:
        return (
            f"Karbor came to it only at {self.began:%Y-%m-%d %H:%M:%S} UTC, after the window of "
            f"its trigger. The next run comes at its time; a larger window allows later starts."
        )


@dataclass(eq=False)
class PlanGone(KarborManilaError):
    """What a schedule protects is not there any more."""

    plan_id: str

    def _sentence(self) -> str:
        return f"Its plan {self.plan_id} was deleted. Delete the operation and its trigger, too."


@dataclass(eq=False)
class UnknownCause(KarborManilaError):
    """Nothing is wrong now with what a run needs."""

    def _sentence(self) -> str:
        return (
            "Karbor does not keep why: its API refused the request, or it or Keystone was away. "
            "Ask for a checkpoint of the plan to see whether it is refused; the operator finds the "
            "rest in the log of Karbor's API."
        )
