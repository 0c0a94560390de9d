# SPDX-License-Identifier: Apache-2.0
"""What can go wrong. One root; each leaf carries its facts and builds its own sentence.

A sentence says what was asked, what Manila (or the bank) answered, and what to do next. None of
them ever holds a token or an access key: they are shown to tenants.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from karbor_manila.common.visible import visible


class KarborManilaError(Exception):
    """Root of everything that karbor-manila raises on purpose.

    Its sentence is one line, and nothing in it is obeyed by a terminal: names, and what Manila or a
    check answers, are others' words.
    """

    def __init__(self, *told: Any) -> None:
        super().__init__(*(visible(part) if isinstance(part, str) else part for part in told))

    @property
    def msg(self) -> str:
        """The sentence, where Karbor's own code looks for it: it says "Internal error" of what has
        none (karbor/services/protection/manager.py)."""
        return str(self)


def _at(endpoint: str) -> str:
    """Where Manila was asked, for a sentence; empty when nobody knows."""
    return f" at {endpoint}" if endpoint else ""


class InvalidParameter(KarborManilaError):
    """A value that the user gave cannot be used; nothing was touched."""

    def __init__(self, parameter: str, value: Any, allowed: str) -> None:
        self.parameter = parameter
        self.value = value
        self.allowed = allowed
        super().__init__(f"Parameter {parameter!r} cannot be {value!r}: {allowed}.")


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


class CircularNeed(KarborManilaError):
    """Something that the shares of a flow have in common is needed to make itself."""

    def __init__(self, key: Any) -> None:
        self.key = key
        super().__init__(
            f"What the shares of this flow have in common ({key!r}) was asked for while it was "
            f"being made, by what makes it. This is an error of karbor-manila itself: report it "
            f"with the log of karbor-protection."
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


class NotCopyable(KarborManilaError):
    """Something in a checkpoint that cannot be copied; nothing was touched."""

    def __init__(self, what: str, why: str) -> None:
        self.what = what
        self.why = why
        super().__init__(f"{what} cannot be copied: {why.rstrip('.')}. Nothing was copied.")


class ManilaRefused(KarborManilaError):
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


class ManilaPassing(KarborManilaError):
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


class SessionUnavailable(ManilaPassing):
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


class DeadlineExceeded(KarborManilaError):
    """Something did not happen in the time that the options allow for it."""

    def __init__(self, awaited: str, seconds: float, last_seen: str) -> None:
        self.awaited = awaited
        self.seconds = seconds
        self.last_seen = last_seen
        super().__init__(
            f"Waited {seconds:.0f} seconds for {awaited}; last seen: {last_seen.rstrip('.')}. "
            f"Ask the administrator of Manila, or raise the timeout in the provider's file."
        )


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


class RecordMissing(KarborManilaError):
    """The checkpoint has no complete record of a share."""

    def __init__(self, checkpoint_id: str, share_id: str) -> None:
        self.checkpoint_id = checkpoint_id
        self.share_id = share_id
        super().__init__(
            f"Checkpoint {checkpoint_id} has no complete record of share {share_id}: its "
            f"protection did not succeed. Use another checkpoint."
        )


class RecordInvalid(KarborManilaError):
    """A record in the bank that cannot be understood. ``driver`` is what it says of its driver, if
    so much of it can be read."""

    driver: str | None = None

    def __init__(self, what: str, why: str, driver: str | None = None) -> None:
        self.what = what
        self.why = why
        self.driver = driver or self.driver
        super().__init__(f"The {what} in the bank cannot be used: {why}.")


class RecordForeign(RecordInvalid):
    """A record or an intent that is whole, and that this installation cannot read: what it names is
    there and is not to be touched on a guess."""


class RecordVersionUnknown(RecordForeign):
    """A record of a later release. ``driver`` is what it says of its driver, if it says any."""

    def __init__(self, what: str, version: object, driver: str | None = None) -> None:
        self.version = version
        self.driver = driver
        wrote = f", with share driver {driver!r}" if driver else ""
        super().__init__(
            what,
            f"a later release of karbor-manila wrote it (its version is {version!r}{wrote}). "
            f"Nothing was changed or removed. Upgrade karbor-manila here, then ask again",
        )


class RecordDriverMissing(RecordForeign):
    """A record of a share driver that is not installed here."""

    def __init__(self, what: str, driver: str, known: list[str]) -> None:
        self.driver = driver
        self.known = known
        super().__init__(
            what,
            f"share driver {driver!r} wrote it, which is not installed here (there are: "
            f"{', '.join(known) or 'none'}). Nothing was changed or removed. Install the package "
            f"that has this driver where karbor-protection runs, then ask again",
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


class SnapshotSacrificed(SnapshotDoubtful):
    """The snapshot of a checkpoint was removed so that an older one could be put back."""

    def __init__(self, snapshot_id: str, checkpoint_id: str) -> None:
        self.checkpoint_id = checkpoint_id
        super().__init__(
            snapshot_id,
            f"it was removed, as asked for (remove_newer), when the share was restored in place "
            f"from the older checkpoint {checkpoint_id}",
        )


class SnapshotGoing(SnapshotDoubtful):
    """The snapshot of a checkpoint is about to be removed so that an older one can be put back."""

    def __init__(self, snapshot_id: str, checkpoint_id: str) -> None:
        self.checkpoint_id = checkpoint_id
        super().__init__(
            snapshot_id,
            f"it is being removed, as asked for (remove_newer), so that the share can be restored "
            f"in place from the older checkpoint {checkpoint_id}",
        )


class NotSupported(KarborManilaError):
    """Something that this release or this driver cannot do."""

    def __init__(self, what: str, instead: str) -> None:
        self.what = what
        self.instead = instead
        super().__init__(f"{what} is not supported. {instead}")


class DriverUnknown(KarborManilaError):
    """A driver that is configured or recorded but not installed."""

    def __init__(self, name: str, known: list[str]) -> None:
        self.name = name
        self.known = known
        super().__init__(
            f"Share driver {name!r} is not installed (there are: {', '.join(known) or 'none'}). "
            f"Check share_type_drivers and default_driver in the provider's file."
        )


class BankUnreadable(KarborManilaError):
    """The bank did not give back what it holds, or did not take what it was given."""

    def __init__(self, what: str, cause: str) -> None:
        self.what = what
        self.cause = cause
        super().__init__(f"The bank failed to {what}: {cause.rstrip('.')}.")


class BankNotOurs(BankUnreadable):
    """What is there in the place of a provider's bank is not that bank: it is not mounted, or it is
    another one. Nothing is judged by it and nothing is written into it.

    :ivar expected: the id that Karbor's database knows, or None when it knows checkpoints alone
    :ivar found: the id that is there, or None
    """

    def __init__(
        self, provider_id: str, expected: str | None, found: str | None, held: str = ""
    ) -> None:
        self.provider_id = provider_id
        self.expected = expected
        self.found = found
        self.what = "be the bank of its provider"
        self.cause = f"bank {found} is there" if found else "a bank without an id is there"
        wanted = f"bank {expected}" if expected else f"a bank that holds {held}"
        there = f"bank {found}" if found else "one without an id, such as an empty folder"
        KarborManilaError.__init__(
            self,
            f"The bank of provider {provider_id} is not the one that Karbor's database knows: "
            f"expected is {wanted}, found is {there}. Nothing was done. An administrator has to "
            f"see that the right bank is mounted, or, if it was changed on purpose, to say so: "
            f"karbor-manila bank accept {provider_id}.",
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


class DatabaseUnreadable(KarborManilaError):
    """Karbor's database did not give what it holds."""

    def __init__(self, what: str, cause: str) -> None:
        self.what = what
        self.cause = cause
        super().__init__(
            f"Karbor's database could not be asked for {what} ({cause}). Try again when it answers."
        )


class Unsettled(KarborManilaError):
    """Work of which it is not known here whether it is complete: nothing of it was removed.

    ``followed`` tells whether the reconciliation will bring it to its end.
    """

    def __init__(self, share_id: str, cause: str, *, followed: bool) -> None:
        self.share_id = share_id
        self.cause = cause
        self.followed = followed
        after = (
            "The reconciliation completes it, or removes it, once the bank answers."
            if followed
            else "Deleting the checkpoint removes it."
        )
        super().__init__(
            f"Whether share {share_id} is kept completely could not be made sure of, so nothing of "
            f"it was removed. {after} What happened: {cause}"
        )


class CheckFailed(KarborManilaError):
    """The operator's command says that a drilled share is not good, or says nothing."""

    def __init__(self, command: str, ended: str, output: str) -> None:
        self.command = command
        self.ended = ended
        self.output = output
        lines = "; ".join(filter(None, map(str.strip, output.splitlines())))
        said = f" It said: {lines.rstrip('.')}." if lines else ""
        super().__init__(
            f"The check of the restored share {ended}.{said} The share was restored; whether its "
            f"content is good has to be looked at."
        )


class Interrupted(KarborManilaError):
    """Work on a share that a dead process had not got far enough with to be completed."""

    def __init__(self, work: str, share_id: str, advice: str) -> None:
        self.work = work
        self.share_id = share_id
        self.advice = advice
        super().__init__(
            f"The process that worked on it died before the {work} of share {share_id} was under "
            f"way, and nothing is on record that it made. {advice}"
        )


class HalfCopied(KarborManilaError):
    """A copy of which there is only the share; without its snapshot it is nothing."""

    def __init__(self, share_id: str) -> None:
        self.share_id = share_id
        super().__init__(
            f"The process that copied share {share_id} died before the copy was complete. What it "
            f"had made is removed. Copy the plan again."
        )


class Taken(KarborManilaError):
    """Somebody is at work on a checkpoint, a restore, a verification or a share.

    ``claim`` is a :class:`karbor_manila.recovery.claim_table.Claim`, or None when it was released
    meanwhile.
    ``alive`` is whether its owner lives; what a dead one left has to be settled first.
    """

    def __init__(self, thing: str, claim: Any, *, alive: bool = True) -> None:
        self.thing = thing
        self.claim = claim
        self.alive = alive
        who = f" ({claim.operation} since {claim.since:%Y-%m-%d %H:%M:%S} UTC)" if claim else ""
        super().__init__(
            f"{thing} is in work{who}, and the process that works on it is alive. Wait until it "
            f"ends."
            if alive
            else f"{thing} is in work{who}; the process that worked on it died, and what it left "
            f"is being settled. Try again in a minute."
        )


class ClaimLost(KarborManilaError):
    """This process may not act on what it had claimed: it was, or may have been, taken for dead.

    Whoever gets it stops, writes nothing and undoes nothing: what there is belongs to whoever has
    taken over.
    """

    def __init__(self, thing: str, why: str) -> None:
        self.thing = thing
        self.why = why
        super().__init__(
            f"This process stopped its work on {thing}: {why}. It changes nothing any more; "
            f"whoever has taken over, or the next reconciliation, brings it to its end."
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


class NoProvider(KarborManilaError):
    """Karbor's configuration has nothing for a command to look at."""

    def __init__(self, wanted: str, known: list[str]) -> None:
        self.wanted = wanted
        self.known = known
        super().__init__(
            f"Karbor's configuration has no {wanted} (there are: {', '.join(known) or 'none'}). "
            f"Check --config-file, and provider_config_dir in karbor.conf; Karbor leaves out a "
            f"provider that it cannot load."
        )


class BankSuspect(KarborManilaError):
    """A bank on whose word nothing is judged: it may be the wrong one, or not all of it."""

    def __init__(self, provider: str, why: str) -> None:
        self.provider = provider
        self.why = why
        super().__init__(
            f"The bank of provider {provider} cannot be trusted to know its checkpoints: {why}. "
            f"Nothing was judged or removed. Check that it is mounted and is the right one."
        )


class BankOlder(BankSuspect):
    """A bank that was put back from a copy: the database knows checkpoints that it never held.

    :ivar missing: their ids, the newest first
    """

    def __init__(self, provider: str, provider_id: str, missing: list[str]) -> None:
        self.provider_id = provider_id
        self.missing = missing
        KarborManilaError.__init__(
            self,
            f"The bank of provider {provider} is older than Karbor's database, or another one: it "
            f"has never held {checkpoints_named(missing)}, which the database knows as made and "
            f"not deleted. Nothing was judged or removed. Put the newer bank back; if these are "
            f"given up, say so: karbor-manila bank accept {provider_id}. From then on their "
            f"snapshots are orphans.",
        )
        self.provider = provider
        self.why = "it is older than Karbor's database"


class ManilaSuspect(KarborManilaError):
    """A Manila that shows nothing at all of what the records of a bank name."""

    def __init__(self, provider: str, named: int) -> None:
        self.provider = provider
        self.named = named
        super().__init__(
            f"Manila shows none of the {named} snapshots that the checkpoints of provider "
            f"{provider} name, nor any of their shares: it may be another region or endpoint, or "
            f"not all of it. Nothing was judged or changed. Check [manila_client] in karbor.conf. "
            f"If they are gone for good, delete the checkpoints."
        )


class ManilaShowsNothing(KarborManilaError):
    """A Manila that shows nothing of what it is asked to tell the end of a snapshot by."""

    def __init__(self, share_id: str, snapshot_id: str, checkpoint_id: str) -> None:
        self.share_id = share_id
        self.snapshot_id = snapshot_id
        self.checkpoint_id = checkpoint_id
        super().__init__(
            f"Manila shows neither share {share_id} nor any snapshot of this bank: it may be "
            f"another region or endpoint. So it is not known what became of snapshot {snapshot_id} "
            f"of checkpoint {checkpoint_id}, and nothing was said of it. Check [manila_client] in "
            f"karbor.conf. If they are gone for good, delete checkpoint {checkpoint_id}."
        )


class WrongUser(KarborManilaError):
    """A command that would write into a bank what its service cannot read.

    :ivar owner: the user that the bank's folder belongs to, by name if it has one
    """

    def __init__(self, provider: str, folder: str, owner: str, command: str) -> None:
        self.provider = provider
        self.folder = folder
        self.owner = owner
        super().__init__(
            f"The bank of provider {provider} ({folder}) belongs to user {owner}, and "
            f"karbor-protection could not read what another user writes there. Nothing was done "
            f"in it. Run the command as that user: sudo -u {owner} karbor-manila {command}."
        )


class KarborRefused(KarborManilaError):
    """Karbor (or Keystone, on the way to it) said no. Asking again would not help.

    ``status`` is that of HTTP, 0 when there was no answer to have one.
    """

    def __init__(self, asked: str, status: int, answer: str) -> None:
        self.asked = asked
        self.status = status
        said = answer.rstrip(".")
        super().__init__(
            f"Karbor refused to {asked}: HTTP {status}, {said}."
            if status
            else f"Karbor could not be asked to {asked}: {said}."
        )


class KarborPassing(KarborManilaError):
    """Karbor (or Keystone) did not answer, or with a transient error."""

    def __init__(self, asked: str, cause: str) -> None:
        self.asked = asked
        self.cause = cause
        super().__init__(
            f"Karbor could not be asked to {asked}: {cause.rstrip('.')}. Try again later."
        )


class StillGoing(KarborManilaError):
    """A command waited long enough; what it waited for goes on. ``seconds`` is how long."""

    def __init__(self, what: str, seconds: float, look: str, trouble: str = "") -> None:
        self.what = what
        self.seconds = seconds
        last = f" The last look failed: {trouble}" if trouble else ""
        super().__init__(
            f"{what} did not end within {seconds:.0f} seconds and goes on in Karbor. "
            f"Look again with: {look}.{last}"
        )


class WrongUsage(KarborManilaError):
    """What was written on the command line cannot be meant (exit code 2)."""


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


class PublicShare(RevertRefused):
    """Other projects may have snapshots of a public share, and nobody in this one sees them."""

    def __init__(self, share_id: str) -> None:
        super().__init__(
            share_id,
            "it is public: other projects may have newer snapshots of it, which do not show here, "
            "so that nothing is removed for it (remove_newer)",
            "Make it private, or remove the newer checkpoints yourself, or restore into a new "
            "share: leave share_id out.",
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


class SnapshotOfClone(RevertRefused):
    """A copied checkpoint keeps a snapshot of a clone, and Manila reverts a share to its own."""

    def __init__(self, share_id: str, clone_id: str) -> None:
        self.clone_id = clone_id
        super().__init__(
            share_id,
            f"the checkpoint is a copy, whose snapshot belongs to the clone {clone_id}, and Manila "
            f"reverts a share to its own snapshots alone",
            "Restore into a new share (leave share_id out), or use the checkpoint that was copied.",
        )


class NewerSnapshots(RevertRefused):
    """Manila reverts a share to its newest snapshot alone.

    ``newer`` says of each that is in the way what it is; ``removable`` whether ``remove_newer``
    would help.
    """

    def __init__(
        self, share_id: str, snapshot_id: str, newer: list[str], *, removable: bool
    ) -> None:
        self.snapshot_id = snapshot_id
        self.newer = newer
        self.removable = removable
        advice = (
            "With remove_newer they are removed first, and their checkpoints lose this share."
            if removable
            else "remove_newer removes none as long as one of them belongs to somebody else; "
            "remove that one yourself if it is not needed."
        )
        super().__init__(
            share_id,
            f"Manila puts back a share's newest snapshot alone, and newer than {snapshot_id} are: "
            + "; ".join(newer),
            f"{advice} Or restore into a new share: leave share_id out.",
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


class RevertUnknown(KarborManilaError):
    """Whether a revert was carried out cannot be told."""

    def __init__(self, share_id: str, snapshot_id: str) -> None:
        self.share_id = share_id
        self.snapshot_id = snapshot_id
        super().__init__(
            f"The process that restored share {share_id} in place died when it had asked Manila to "
            f"revert it, or was about to. The share is available; whether it holds what snapshot "
            f"{snapshot_id} holds or what it held before is not known. Look at it, and ask for the "
            f"restore again if need be: it is not repeated by itself, because the share may have "
            f"been written to since."
        )


def checkpoints_named(ids: list[str]) -> str:
    """Checkpoints for a sentence: the first three by id, and how many more there are."""
    rest = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return f"checkpoint{'s' if len(ids) > 1 else ''} {', '.join(ids[:3])}{rest}"
