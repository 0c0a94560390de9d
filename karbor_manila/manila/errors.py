# SPDX-License-Identifier: Apache-2.0
"""What Manila answers, and what its rules refuse."""

from karbor_manila.common.errors import KarborManilaError, RefusedError, TransientError


def _at(endpoint: str) -> str:
    """Where Manila was asked, for a sentence; empty when nobody knows."""
    return f" at {endpoint}" if endpoint else ""


class ShareNotProtectable(KarborManilaError):
    """A share that cannot be protected as it is."""

    def __init__(self, share_id: str, why: str, advice: str) -> None:
        self.share_id = share_id
        self.why = why
        self.advice = advice
        super().__init__(f"Share {share_id} cannot be protected: {why}. {advice}")


class ShareGone(ShareNotProtectable):
    """A share that is not there to be protected any more, or is on its way out.

    ``endpoint`` is where Manila was asked for it.
    """

    def __init__(
        self,
        share_id: str,
        why: str = "",
        advice: str = "Take it out of the plan, if it was deleted or went to another project.",
        *,
        endpoint: str = "",
    ) -> None:
        self.endpoint = endpoint
        missing = f"Manila{_at(endpoint)} has no such share in this project"
        super().__init__(share_id, why or missing, advice)


class NotRestorable(ShareNotProtectable):
    """A share whose snapshots could never be given back: its type allows neither way."""

    def __init__(self, share_id: str, share_type: str | None) -> None:
        self.share_type = share_type
        super().__init__(
            share_id,
            f"its type {share_type} has neither create_share_from_snapshot_support nor "
            f"revert_to_snapshot_support, so that a snapshot of it could never be given back",
            "Leave it out of the plan, or migrate it to a share type that has one of them.",
        )


class QuotaTooSmall(KarborManilaError):
    """The project's quota does not suffice for everything that was asked."""

    def __init__(self, what: str, needed: int, left: int, limit: int) -> None:
        self.what = what
        self.needed = needed
        self.left = left
        self.limit = limit
        super().__init__(
            f"{needed} {what} are needed but Manila's quota leaves {left} of {limit}. Nothing was "
            f"created. Delete old checkpoints or ask for a larger quota."
        )


class ManilaRefused(RefusedError):
    """Manila said no in a way that a repetition cannot change (a 4xx).

    ``endpoint`` is the URL that was asked, as far as it is known.
    """

    def __init__(
        self,
        asked: str,
        status: int,
        answer: str,
        request_id: str | None = None,
        *,
        endpoint: str = "",
    ) -> None:
        self.asked = asked
        self.status = status
        self.answer = answer
        self.request_id = request_id
        self.endpoint = endpoint
        tail = f" (request {request_id})" if request_id else ""
        said = f"{answer.rstrip('.')}{tail}."
        super().__init__(
            f"Manila{_at(endpoint)} refused to {asked}: HTTP {status}, {said}"
            if status
            else f"Manila{_at(endpoint)} could not be asked to {asked}: {said}"
        )


class ManilaTransient(TransientError):
    """A transient error: a 5xx, a 429, a broken connection, or an answer that is not Manila's own.

    The request may have been carried out. ``status`` is that of HTTP in an answer of Manila's own,
    else 0; ``retry_after`` is in seconds.
    """

    def __init__(
        self,
        asked: str,
        cause: str,
        retry_after: float = 0.0,
        *,
        status: int = 0,
        endpoint: str = "",
    ) -> None:
        self.asked = asked
        self.cause = cause
        self.retry_after = retry_after
        self.status = status
        self.endpoint = endpoint
        super().__init__(
            f"Manila{_at(endpoint)} could not be asked to {asked}: {cause.rstrip('.')}."
        )

    def gave_up(self, seconds: float) -> "ManilaUnavailable":
        """The outage went on for too long."""
        return ManilaUnavailable(self.asked, seconds, self.cause, endpoint=self.endpoint)


class ManilaUnavailable(KarborManilaError):
    """Transient errors that went on until the outage timeout was over."""

    def __init__(self, asked: str, seconds: float, cause: str, *, endpoint: str = "") -> None:
        self.asked = asked
        self.seconds = seconds
        self.cause = cause
        self.endpoint = endpoint
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        return (
            f"Manila{_at(self.endpoint)} could not be asked to {self.asked} for "
            f"{self.seconds:.0f} seconds; the last answer was: {self.cause.rstrip('.')}. Try again "
            f"when Manila is back."
        )


class ManilaFailing(ManilaUnavailable):
    """Manila answers HTTP 500 to this one request, while it answers others.

    As with every answer that is none, what was asked for may have been carried out. ``times`` is
    how often it was asked, ``seconds`` in what time; ``unusual`` says which values of the request
    are out of the ordinary, empty when none is.
    """

    def __init__(
        self,
        asked: str,
        seconds: float,
        cause: str,
        *,
        times: int,
        unusual: str = "",
        endpoint: str = "",
    ) -> None:
        self.times = times
        self.unusual = unusual
        super().__init__(asked, seconds, cause, endpoint=endpoint)

    def _sentence(self) -> str:
        advice = (
            f"Unusual in the request: {self.unusual}. Try again without."
            if self.unusual
            else "Its log says why: ask the administrator of Manila."
        )
        return (
            f"Manila{_at(self.endpoint)} answers others and fails at the request to {self.asked}: "
            f"{self.times} times in {self.seconds:.0f} seconds it said: "
            f"{self.cause.rstrip('.')}. {advice}"
        )


class Misconfigured(KarborManilaError):
    """Manila cannot be asked, or not believed, as it is configured; nothing is known of it."""


class ManilaTooOld(Misconfigured):
    """The server and this client have no microversion in common that suffices."""

    def __init__(self, needed: str, offered: str, *, endpoint: str = "") -> None:
        self.needed = needed
        self.offered = offered
        self.endpoint = endpoint
        super().__init__(
            f"Manila microversion {needed} is the oldest that can be used, and this "
            f"Manila{_at(endpoint)} offers {offered}. Upgrade Manila."
        )


class EndpointMissing(Misconfigured):
    """The catalog has no Manila v2 endpoint that fits the configuration."""

    def __init__(self, service_types: list[str], interface: str, region: str | None) -> None:
        self.service_types = service_types
        self.interface = interface
        self.region = region
        super().__init__(
            f"Keystone's catalog has no {interface} endpoint of Manila's v2 API "
            f"({', '.join(service_types)}) in {region or 'any region'}. Check the catalog and "
            f"[manila_client] in karbor.conf."
        )


class EndpointUnsuitable(Misconfigured):
    """A URL at which there is no v2 API of Manila, from the catalog or from the configuration."""

    def __init__(self, endpoint: str, why: str) -> None:
        self.endpoint = endpoint
        self.why = why
        super().__init__(
            f"{endpoint} is not the endpoint of Manila's v2 API: {why.rstrip('.')}. Set the "
            f"endpoint in Keystone's catalog, or manila_endpoint of [manila_client] in "
            f"karbor.conf, to the URL that ends in /v2."
        )


class NotAdministrator(Misconfigured):
    """Whoever asks may not see what another project has, so that nothing proves its absence.

    ``project_id`` is that project; None says that Karbor's own user asked.
    """

    def __init__(self, answer: str, project_id: str | None = None) -> None:
        self.answer = answer
        self.project_id = project_id
        said = answer.rstrip(".")
        super().__init__(
            f"This is of project {project_id}, and the user who asks is not an administrator of "
            f"Manila, who alone sees what another project has: {said}. Nothing was changed. Let a "
            f"user of that project do it, or an administrator of Manila."
            if project_id
            else f"Karbor's own user is not an administrator of Manila: {said}. Give the user of "
            f"[trustee] in karbor.conf the role admin in its default project."
        )


class ResourceFailed(KarborManilaError):
    """Something in Manila ended in a status from which it will not recover by itself."""

    def __init__(self, kind: str, resource_id: str, status: str, detail: str = "") -> None:
        self.kind = kind
        self.resource_id = resource_id
        self.status = status
        self.detail = detail
        said = f" Manila says: {detail.rstrip('.')}." if detail else " Manila gives no reason."
        super().__init__(f"{kind.capitalize()} {resource_id} is in status {status!r}.{said}")


class NeedsAdministrator(KarborManilaError):
    """Something that only an administrator of Manila can mend; a retry can end it afterwards."""

    def __init__(self, kind: str, resource_id: str, status: str, command: str) -> None:
        self.kind = kind
        self.resource_id = resource_id
        self.status = status
        self.command = command
        super().__init__(
            f"{kind.capitalize()} {resource_id} is in status {status!r}, which only an "
            f"administrator can end: {command}. Delete the checkpoint again afterwards."
        )


class SnapshotDoubtful(KarborManilaError):
    """The snapshot is there, but it is not what the record says."""

    def __init__(self, snapshot_id: str, why: str) -> None:
        self.snapshot_id = snapshot_id
        self.why = why
        super().__init__(f"Snapshot {snapshot_id} cannot be used: {why}.")


class SnapshotGone(SnapshotDoubtful):
    """The snapshot of a checkpoint is not in its project in Manila any more."""

    def __init__(self, snapshot_id: str, *, endpoint: str = "") -> None:
        self.endpoint = endpoint
        super().__init__(
            snapshot_id,
            f"Manila{_at(endpoint)} does not show it in this project any more. It was removed "
            f"there, or its share was transferred to another project, so this checkpoint cannot "
            f"give the share back; delete it and use another one",
        )


class ParentMissing(SnapshotDoubtful):
    """The share that a snapshot belongs to is not in Manila, although its snapshot is."""

    def __init__(self, snapshot_id: str, share_id: str) -> None:
        self.share_id = share_id
        super().__init__(
            snapshot_id,
            f"share {share_id}, which it belongs to, is not there or not in this project, and "
            f"Manila makes no new share from a snapshot without it. Nothing was created. Ask the "
            f"administrator of Manila what became of the share",
        )


class RevertRefused(KarborManilaError):
    """A share whose content cannot be put back in place as it is now; nothing was changed."""

    def __init__(self, share_id: str, why: str, advice: str = "") -> None:
        self.share_id = share_id
        self.why = why
        self.advice = advice
        instead = advice or "Restore into a new share instead: leave share_id out."
        super().__init__(
            f"Share {share_id} cannot be restored in place: {why}. Nothing was changed. {instead}"
        )


class TargetMissing(RevertRefused):
    """The protected share is not there any more, or not in this project."""

    def __init__(self, share_id: str, *, endpoint: str = "") -> None:
        self.endpoint = endpoint
        super().__init__(share_id, f"Manila{_at(endpoint)} has no such share in this project")


class TargetNotAvailable(RevertRefused):
    """Manila reverts a share that is available alone."""

    def __init__(self, share_id: str, status: str) -> None:
        self.status = status
        super().__init__(
            share_id,
            f"its status is {status!r}, and Manila reverts an available share alone",
            "Wait until it is available, or restore into a new share: leave share_id out.",
        )


class TargetBusy(RevertRefused):
    """A long task, such as a migration, is under way on the share."""

    def __init__(self, share_id: str, task: str) -> None:
        self.task = task
        super().__init__(
            share_id,
            f"a task is under way on it ({task})",
            "Wait until that has ended, or restore into a new share: leave share_id out.",
        )


class RevertUnsupported(RevertRefused):
    """The share's type does not allow reverts."""

    def __init__(self, share_id: str, share_type: str | None) -> None:
        self.share_type = share_type
        super().__init__(
            share_id, f"its type {share_type!r} does not have revert_to_snapshot_support"
        )


class CopyUnsupported(RevertRefused):
    """The share's type does not allow a new share from a snapshot."""

    def __init__(self, share_id: str, share_type: str | None) -> None:
        self.share_type = share_type
        super().__init__(
            share_id,
            f"no copy of it can be made (safety_copy): its type {share_type!r} does not have "
            f"create_share_from_snapshot_support",
            "Restore it in place without safety_copy, if its present content is not needed.",
        )


class CloneUnsupported(KarborManilaError):
    """The type of a snapshot's share does not allow a new share from it.

    ``revertible`` is whether it allows the share to be put back in place.
    """

    def __init__(self, share_id: str, share_type: str | None, *, revertible: bool) -> None:
        self.share_id = share_id
        self.share_type = share_type
        self.revertible = revertible
        lacks = f"its type {share_type!r} does not have create_share_from_snapshot_support"
        #: A phrase of which the share is the subject.
        self.why = (
            f"it can only be restored in place (share_id): {lacks}, so that Manila makes no new "
            f"share from its snapshots"
            if revertible
            else f"it cannot be restored now: {lacks}, nor revert_to_snapshot_support"
        )
        cure = (
            ""
            if revertible
            else " Ask the administrator of Manila for a type that has one of them."
        )
        super().__init__(
            f"Share {share_id} {self.why.removeprefix('it ')}. Nothing was created.{cure}"
        )


class AccessRulesNotActive(RevertRefused):
    """Manila reverts no share with an access rule that is not in force, such as one in error."""

    def __init__(self, share_id: str, state: str) -> None:
        self.state = state
        super().__init__(
            share_id,
            f"its access rules are in state {state!r}, and Manila reverts a share alone whose "
            f"rules are all active",
            "Remove the rules that are in error, or wait until the others are in force.",
        )


class RevertFailed(KarborManilaError):
    """Manila gave up in the middle of a revert."""

    def __init__(self, share_id: str, status: str, detail: str = "") -> None:
        self.share_id = share_id
        self.status = status
        self.detail = detail
        said = f" Manila says: {detail.rstrip('.')}." if detail else ""
        super().__init__(
            f"Share {share_id} is in status {status!r}: its revert failed, and its content may be "
            f"in between.{said} An administrator has to look at it and reset it (openstack share "
            f"set --status available {share_id}); restore it again afterwards."
        )
