# SPDX-License-Identifier: Apache-2.0
"""What Manila answers instead of what was asked for, or that it does not answer.

``endpoint`` is always the URL of Manila that was asked, empty when it is not known.
"""

from dataclasses import KW_ONLY, dataclass

from karbor_manila.common.errors import KarborManilaError, RefusedError, TransientError


def at(endpoint: str) -> str:
    """Where Manila was asked, for a sentence."""
    return f" at {endpoint}" if endpoint else ""


def reason(detail: str, none: str = "") -> str:
    """What Manila says of a failure, as a sentence behind another one."""
    return f" Manila says: {detail.rstrip('.')}." if detail else none


_NO_GOOD_TOKEN = 401


@dataclass(eq=False)
class ManilaRefused(RefusedError):
    """Manila said no in a way that a repetition cannot change (a 4xx).

    ``status`` is that of HTTP, 0 when the request did not get there (``answer`` says why).
    """

    asked: str
    status: int
    answer: str
    request_id: str | None = None
    _: KW_ONLY
    endpoint: str = ""

    def _sentence(self) -> str:
        tail = f" (request {self.request_id})" if self.request_id else ""
        answer = f"{self.answer.rstrip('.')}{tail}."
        if self.status == _NO_GOOD_TOKEN:
            answer += (
                " The token of who asked is no good: the user or the project may have been "
                "disabled or deleted meanwhile, or the trust of a schedule revoked."
            )
        return (
            f"Manila{at(self.endpoint)} refused to {self.asked}: HTTP {self.status}, {answer}"
            if self.status
            else f"Manila{at(self.endpoint)} could not be asked to {self.asked}: {answer}"
        )


@dataclass(eq=False)
class ManilaTransient(TransientError):
    """A transient error: a 5xx, a 429, a broken connection, or an answer that is not Manila's own.

    The request may have been carried out. ``status`` is that of HTTP in an answer of Manila's own,
    else 0; ``retry_after`` is in seconds.
    """

    asked: str
    cause: str
    retry_after: float = 0.0
    _: KW_ONLY
    status: int = 0
    endpoint: str = ""

    def _sentence(self) -> str:
        cause = self.cause.rstrip(".")
        return f"Manila{at(self.endpoint)} could not be asked to {self.asked}: {cause}."

    def gave_up(self, seconds: float) -> "ManilaUnavailable":
        """The outage went on for too long."""
        return ManilaUnavailable(self.asked, seconds, self.cause, endpoint=self.endpoint)


@dataclass(eq=False)
class ManilaUnavailable(KarborManilaError):
    """Transient errors that went on until the outage timeout was over, for ``seconds``."""

    asked: str
    seconds: float
    cause: str
    _: KW_ONLY
    endpoint: str = ""

    def _sentence(self) -> str:
        return (
            f"Manila{at(self.endpoint)} could not be asked to {self.asked} for "
            f"{self.seconds:.0f} seconds; the last answer was: {self.cause.rstrip('.')}. Try again "
            f"when Manila is back."
        )


@dataclass(eq=False)
class ManilaFailing(ManilaUnavailable):
    """Manila answers HTTP 500 to this one request, while it answers others.

    As with every answer that is none, what was asked for may have been carried out. ``times`` is
    how often it was asked, ``seconds`` in what time; ``unusual`` says which values of the request
    are out of the ordinary, empty when none is.
    """

    _: KW_ONLY
    times: int
    unusual: str = ""

    def _sentence(self) -> str:
        advice = (
            f"Unusual in the request: {self.unusual}. Try again without."
            if self.unusual
            else "Its log says why: ask the administrator of Manila."
        )
        return (
            f"Manila{at(self.endpoint)} answers others and fails at the request to {self.asked}: "
            f"{self.times} times in {self.seconds:.0f} seconds it said: "
            f"{self.cause.rstrip('.')}. {advice}"
        )


class Misconfigured(KarborManilaError):
    """Manila cannot be asked, or not believed, as it is configured; nothing is known of it."""


@dataclass(eq=False)
class ManilaTooOld(Misconfigured):
    """The server and this client have no microversion in common that suffices."""

    needed: str
    offered: str
    _: KW_ONLY
    endpoint: str = ""

    def _sentence(self) -> str:
        return (
            f"Manila microversion {self.needed} is the oldest that can be used, and this "
            f"Manila{at(self.endpoint)} offers {self.offered}. Upgrade Manila."
        )


@dataclass(eq=False)
class ManilaReplaced(Misconfigured):
    """An older Manila answers where a newer one did: this request was refused unread (HTTP 406).

    ``spoke`` and ``speaks`` are microversions.
    """

    asked: str
    spoke: str
    speaks: str
    _: KW_ONLY
    endpoint: str = ""

    def _sentence(self) -> str:
        return (
            f"Manila{at(self.endpoint)} could not be asked to {self.asked}: it spoke microversion "
            f"{self.spoke} a while ago, and speaks {self.speaks} now. What it does not have is "
            f"known from now on: try again."
        )


@dataclass(eq=False)
class ManilaElsewhere(Misconfigured):
    """Another Manila is asked than the one in which a share is kept: it shows nothing of it.

    ``kept_at`` and ``endpoint`` are the URLs of both.
    """

    share_id: str
    kept_at: str
    _: KW_ONLY
    endpoint: str

    def _sentence(self) -> str:
        return (
            f"Share {self.share_id} was protected in the Manila at {self.kept_at}. The one"
            f"{at(self.endpoint)} shows neither what keeps it, nor the share, nor its type: it may "
            f"be another one. Nothing was changed. The operator checks region_id, manila_endpoint "
            f"and the rest of [manila_client] in karbor.conf; then try again."
        )


@dataclass(eq=False)
class EndpointMissing(Misconfigured):
    """The catalog has no Manila v2 endpoint that fits the configuration."""

    service_types: list[str]
    interface: str
    region: str | None

    def _sentence(self) -> str:
        return (
            f"Keystone's catalog has no {self.interface} endpoint of Manila's v2 API "
            f"({', '.join(self.service_types)}) in {self.region or 'any region'}. Check the "
            f"catalog and [manila_client] in karbor.conf."
        )


@dataclass(eq=False)
class EndpointUnsuitable(Misconfigured):
    """A URL at which there is no v2 API of Manila, from the catalog or from the configuration."""

    endpoint: str
    why: str

    def _sentence(self) -> str:
        return (
            f"{self.endpoint} is not the endpoint of Manila's v2 API: {self.why.rstrip('.')}. Set "
            f"the endpoint in Keystone's catalog, or manila_endpoint of [manila_client] in "
            f"karbor.conf, to the URL that ends in /v2."
        )


@dataclass(eq=False)
class NotAdministrator(Misconfigured):
    """The user may not see what another project has, so that nothing proves its absence.

    ``project_id`` is that project; None says that Karbor's own user asked.
    """

    answer: str
    project_id: str | None = None

    def _sentence(self) -> str:
        why = self.answer.rstrip(".")
        return (
            f"This is of project {self.project_id}, and the user who asks is not an administrator "
            f"of Manila, who alone sees what another project has: {why}. Nothing was changed. Let "
            f"a user of that project do it, or an administrator of Manila."
            if self.project_id
            else f"Karbor's own user is not an administrator of Manila: {why}. Give the user of "
            f"[trustee] in karbor.conf the role admin in its default project."
        )


@dataclass(eq=False)
class ResourceFailed(KarborManilaError):
    """Something in Manila ended in a status from which it will not recover by itself."""

    kind: str
    resource_id: str
    status: str
    detail: str = ""

    def _sentence(self) -> str:
        why = reason(self.detail, " Manila gives no reason.")
        return f"{self.kind.capitalize()} {self.resource_id} is in status {self.status!r}.{why}"


@dataclass(eq=False)
class NeedsAdministrator(KarborManilaError):
    """Something that only an administrator of Manila can mend; a retry can end it afterwards.

    ``command`` is what that administrator runs.
    """

    kind: str
    resource_id: str
    status: str
    command: str

    def _sentence(self) -> str:
        return (
            f"{self.kind.capitalize()} {self.resource_id} is in status {self.status!r}, which only "
            f"an administrator can end: {self.command}. Delete the checkpoint again afterwards."
        )
