# SPDX-License-Identifier: Apache-2.0
"""Why a request to Karbor's service comes to nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila.errors import ManilaTransient, Misconfigured


class OperationLacking(KarborManilaError):
    """A resource in a checkpoint whose plugin lacks an operation of Karbor's."""

    def __init__(
        self,
        provider: str,
        operation: str,
        resource_type: str,
        resource_id: str,
        *,
        passed_over: bool,
    ) -> None:
        self.provider = provider
        self.operation = operation
        self.resource_type = resource_type
        self.resource_id = resource_id
        self.passed_over = passed_over
        end = (
            "It is passed over."
            if passed_over
            else "Nothing was begun; the operator can name another plugin for it in the provider."
        )
        super().__init__(
            f"Provider {provider!r} has a plugin for {resource_type} that knows no operation "
            f"{operation!r}, and the checkpoint holds {resource_type} {resource_id}. {end}"
        )


class CaFileMissing(Misconfigured):
    """A CA file of the configuration that cannot be read."""

    def __init__(self, option: str, path: str, why: str) -> None:
        self.option = option
        self.path = path
        self.why = why
        super().__init__(
            f"Manila was not asked, because {option} of [manila_client] in karbor.conf is {path}, "
            f"which cannot be read: {why.rstrip('.')}. Put the CA file there, or correct the "
            f"option."
        )


class SessionUnavailable(ManilaTransient):
    """Karbor could not make a session for the user of this operation.

    It does not say why (ClientFactory swallows the reason). Keystone may only be away for a moment,
    so it counts as a transient error.
    """

    def __init__(self, project_id: str | None) -> None:
        self.project_id = project_id
        whom = f"project {project_id}" if project_id else "Karbor's own user"
        super().__init__(
            "do anything",
            f"no Keystone session could be made for {whom}; check that Keystone "
            f"answers, and [trustee] and [keystone_authtoken] in karbor.conf",
        )


class BankTakesNothing(BankUnreadable):
    """The bank did not take a new checkpoint: no space, no permission, a read-only file system."""

    def __init__(self, provider_id: str, provider: str, why: str) -> None:
        self.provider_id = provider_id
        self.provider = provider
        self.what = "take a new checkpoint"
        self.cause = why
        KarborManilaError.__init__(
            self,
            f"The bank of provider {provider!r} ({provider_id}) did not take the new checkpoint: "
            f"{why.rstrip('.')}. Nothing was protected. An administrator has to mend the bank; ask "
            f"again afterwards.",
        )


class StaysForRetention(KarborManilaError):
    """Karbor's retention asked to delete what it never removes."""

    def __init__(self, checkpoint_id: str) -> None:
        self.checkpoint_id = checkpoint_id
        super().__init__(
            f"Checkpoint {checkpoint_id} stays: no newer one of its plan holds for certain all "
            f"that it may hold. Retention goes on with its next run; a user can delete it by hand."
        )


class NothingProtected(KarborManilaError):
    """Nothing that a plan means could be put into a checkpoint.

    ``left_out`` are the entries of the checkpoint's ``left_out``.
    """

    _MOST = 5

    def __init__(self, plan: str, left_out: Sequence[Mapping[str, Any]]) -> None:
        self.plan = plan
        self.left_out = left_out
        said = [
            " ".join(str(item[field]) for field in ("type", "id") if item.get(field))
            + f": {item['reason']}"
            for item in left_out[: self._MOST]
        ]
        more = len(left_out) - self._MOST
        said += [f"and {more} more, which the checkpoint names"] if more > 0 else []
        why = "; ".join(said) or "there is nothing in its project that could be protected"
        super().__init__(
            f"Plan {plan} protects nothing at present, so no checkpoint of it is complete ({why}). "
            f"Mend that, or give the plan what can be protected, and protect it again."
        )


class NoSuchRecord(KarborManilaError):
    """A report was asked for of what Karbor does not know."""

    def __init__(self, record_id: str) -> None:
        self.record_id = record_id
        super().__init__(
            f"Karbor's database has neither a restore nor a verification {record_id} of a provider "
            f"that is configured. karbor-manila show lists those of a checkpoint."
        )
