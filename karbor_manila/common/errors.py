# SPDX-License-Identifier: Apache-2.0
"""The root of our errors, and the few kinds that code catches whatever room raised them.

A leaf is a dataclass of what is known: code decides by its fields and its class. Its sentence is
made of the fields when it is read; it says what was asked, what Manila (or the bank) answered, and
what to do next. None of them ever holds a token or an access key: they are shown to tenants. The
leaves live in the room that raises them.
"""

from dataclasses import KW_ONLY, dataclass
from typing import Any

from karbor_manila.common.visible import visible


class KarborManilaError(Exception):
    """Root of everything that karbor-manila raises on purpose.

    Its sentence is one line, and nothing in it is obeyed by a terminal: names, and what Manila or a
    check answers, are others' words. It can be pickled and copied, without its cause.
    """

    #: Whether what was asked for may be carried out all the same: an earlier request of it had no
    #: answer.
    in_doubt = False

    def _sentence(self) -> str:
        """What a user reads; by default, of a class without fields, what it was raised with."""
        return super().__str__()

    def __str__(self) -> str:
        """The sentence in one line."""
        return visible(self._sentence())

    @property
    def msg(self) -> str:
        """The sentence, where Karbor's own code looks for it: it says "Internal error" of what has
        none (karbor/services/protection/manager.py)."""
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Made again by its fields: an exception's own way calls the class with the positional
        arguments alone."""
        return _made_again, (type(self), self.args), dict(self.__dict__)


def _made_again(kind: type[KarborManilaError], args: tuple[Any, ...]) -> KarborManilaError:
    return kind.__new__(kind, *args)


class TransientError(KarborManilaError):
    """What may be otherwise at the next attempt. ``retry_after`` is in seconds."""

    retry_after: float = 0.0

    def gave_up(self, seconds: float) -> KarborManilaError:
        """The permanent error after retries for so many seconds without success."""
        raise NotImplementedError


class RefusedError(KarborManilaError):
    """A service said no in a way that a repetition cannot change (a 4xx)."""


@dataclass(eq=False)
class InvalidParameter(KarborManilaError):
    """A value that the user gave cannot be used; nothing was touched."""

    parameter: str
    value: Any
    allowed: str

    def _sentence(self) -> str:
        return f"Parameter {self.parameter!r} cannot be {self.value!r}: {self.allowed}."


@dataclass(eq=False)
class CircularNeed(KarborManilaError):
    """Something that the shares of a flow have in common is needed to make itself."""

    key: Any

    def _sentence(self) -> str:
        return (
            f"What the shares of this flow have in common ({self.key!r}) was asked for while it "
            f"was being made, by what makes it. This is an error of karbor-manila itself: report "
            f"it with the log of karbor-protection."
        )


@dataclass(eq=False)
class DeadlineExceeded(KarborManilaError):
    """Something did not happen in the time that the options allow for it.

    ``seconds`` is how long it was waited for, ``last_seen`` what stood there at the end.
    """

    awaited: str
    seconds: float
    last_seen: str

    def _sentence(self) -> str:
        return (
            f"Waited {self.seconds:.0f} seconds for {self.awaited}; last seen: "
            f"{self.last_seen.rstrip('.')}. Ask the administrator of Manila, or raise the timeout "
            f"in the provider's file."
        )


@dataclass(eq=False)
class NotSupported(KarborManilaError):
    """Something that this release or this driver cannot do."""

    what: str
    instead: str

    def _sentence(self) -> str:
        return f"{self.what} is not supported. {self.instead}"


@dataclass(eq=False)
class CheckFailed(KarborManilaError):
    """The operator's command says that a drilled share is not good, or says nothing."""

    command: str
    ended: str
    output: str

    def _sentence(self) -> str:
        lines = "; ".join(filter(None, map(str.strip, self.output.splitlines())))
        tail = f" It said: {lines.rstrip('.')}." if lines else ""
        return (
            f"The check of the restored share {self.ended}.{tail} The share was restored; whether "
            f"its content is good has to be looked at."
        )


@dataclass(eq=False)
class ContentDiffers(KarborManilaError):
    """What a drill has restored is not what was protected. ``named`` are the first of the ``bad``
    files of a sample of ``of``, with what is wrong; their paths are quoted as in a URL."""

    bad: int
    of: int
    named: list[str]

    def _sentence(self) -> str:
        more = ", and others" if self.bad > len(self.named) else ""
        return (
            f"{self.bad} of {self.of} files that were compared are not as they were when the share "
            f"was protected: {', '.join(self.named)}{more}. Do not count on this checkpoint; look "
            f"at its share in Manila's backend."
        )


@dataclass(eq=False)
class ContentUnreadable(KarborManilaError):
    """The content of a share could not be read. ``output`` is what the operator's command said."""

    why: str
    output: str = ""

    def _sentence(self) -> str:
        lines = "; ".join(filter(None, map(str.strip, self.output.splitlines())))
        tail = f" It said: {lines.rstrip('.')}." if lines else ""
        return (
            f"The content could not be read: {self.why}.{tail} Ask the operator (content_command)."
        )


@dataclass(eq=False)
class KeyUnusable(KarborManilaError):
    """A file that should hold a key for signatures. Nothing of what is in it is in ``why``."""

    path: str
    why: str

    def _sentence(self) -> str:
        return (
            f"The key in {self.path} cannot be used: {self.why.rstrip('.')}. Make one with: "
            f"openssl genpkey -algorithm ed25519."
        )


@dataclass(eq=False)
class Taken(KarborManilaError):
    """Another process works on a checkpoint, a restore, a verification or a share.

    ``claim`` is a :class:`karbor_manila.recovery.claim_table.Claim`, or None when it was released
    meanwhile.
    ``alive`` is whether its owner lives; what a dead one left has to be settled first.
    """

    claimed_id: str
    claim: Any
    _: KW_ONLY
    alive: bool = True

    def _sentence(self) -> str:
        since = f"{self.claim.since:%Y-%m-%d %H:%M:%S}" if self.claim else ""
        who = f" ({self.claim.operation} since {since} UTC)" if self.claim else ""
        return (
            f"{self.claimed_id} is in work{who}, and the process that works on it is alive. Wait "
            f"until it ends."
            if self.alive
            else f"{self.claimed_id} is in work{who}; the process that worked on it died, and what "
            f"it left is being settled. Try again in a minute."
        )


@dataclass(eq=False)
class ClaimLost(KarborManilaError):
    """This process may not act on what it had claimed: it was, or may have been, taken for dead.

    A process that gets it stops, writes nothing and rolls back nothing: what there is belongs to
    the process that has taken over.
    """

    claimed_id: str
    why: str

    def _sentence(self) -> str:
        return (
            f"This process stopped its work on {self.claimed_id}: {self.why}. It changes nothing "
            f"any more; the process that has taken over, or the next reconciliation, settles it."
        )


@dataclass(eq=False)
class SpoolFull(KarborManilaError):
    """A spool has as many files as it may; nothing was written."""

    folder: str
    most: int

    def _sentence(self) -> str:
        return (
            f"The spool {self.folder} has {self.most} files, and may have no more. See whether "
            f"karbor-protection runs and reads it (its option watch_spool)."
        )


@dataclass(eq=False)
class SpoolUnsafe(KarborManilaError):
    """A spool to which everybody could write; nothing was read or written."""

    folder: str

    def _sentence(self) -> str:
        return f"Everybody can write to the spool {self.folder}. Take that right away (chmod o-w)."


@dataclass(eq=False)
class FileUnsuitable(KarborManilaError):
    """A file in a spool that no writer of ours has made."""

    name: str
    why: str

    def _sentence(self) -> str:
        return f"{self.name!r} is no file of karbor-manila's: {self.why}."
