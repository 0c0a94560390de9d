# SPDX-License-Identifier: Apache-2.0
"""The root of our errors, and the few kinds that code catches whatever room raised them.

A sentence says what was asked, what Manila (or the bank) answered, and what to do next. None of
them ever holds a token or an access key: they are shown to tenants. The leaves live in the room
that raises them.
"""

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


class TransientError(KarborManilaError):
    """What may be otherwise at the next attempt. ``retry_after`` is in seconds."""

    retry_after: float = 0.0

    def gave_up(self, seconds: float) -> KarborManilaError:
        """The permanent error of whoever retried for so many seconds and never got through."""
        raise NotImplementedError


class RefusedError(KarborManilaError):
    """A service said no in a way that a repetition cannot change (a 4xx)."""


class InvalidParameter(KarborManilaError):
    """A value that the user gave cannot be used; nothing was touched."""

    def __init__(self, parameter: str, value: Any, allowed: str) -> None:
        self.parameter = parameter
        self.value = value
        self.allowed = allowed
        super().__init__(f"Parameter {parameter!r} cannot be {value!r}: {allowed}.")


class CircularNeed(KarborManilaError):
    """Something that the shares of a flow have in common is needed to make itself."""

    def __init__(self, key: Any) -> None:
        self.key = key
        super().__init__(
            f"What the shares of this flow have in common ({key!r}) was asked for while it was "
            f"being made, by what makes it. This is an error of karbor-manila itself: report it "
            f"with the log of karbor-protection."
        )


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


class NotSupported(KarborManilaError):
    """Something that this release or this driver cannot do."""

    def __init__(self, what: str, instead: str) -> None:
        self.what = what
        self.instead = instead
        super().__init__(f"{what} is not supported. {instead}")


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
