# SPDX-License-Identifier: Apache-2.0
"""Why a command ends without an answer."""

from dataclasses import dataclass

from karbor_manila.common.errors import KarborManilaError, RefusedError, TransientError


@dataclass(eq=False)
class NoProvider(KarborManilaError):
    """Karbor's configuration has nothing for a command to look at.

    ``wanted`` says which provider, ``known`` are the names of those that there are.
    """

    wanted: str
    known: list[str]

    def _sentence(self) -> str:
        return (
            f"Karbor's configuration has no {self.wanted} (there are: "
            f"{', '.join(self.known) or 'none'}). Check --config-file, and provider_config_dir in "
            f"karbor.conf; Karbor leaves out a provider that it cannot load."
        )


@dataclass(eq=False)
class WrongUser(KarborManilaError):
    """A command that would write into a bank what its service cannot read.

    :ivar owner: the user that the bank's folder belongs to, by name if it has one
    :ivar command: the words of the command line behind ``karbor-manila``
    """

    provider: str
    folder: str
    owner: str
    command: str

    def _sentence(self) -> str:
        return (
            f"The bank of provider {self.provider} ({self.folder}) belongs to user {self.owner}, "
            f"and karbor-protection could not read what another user writes there. Nothing was "
            f"done in it. Run the command as that user: sudo -u {self.owner} karbor-manila "
            f"{self.command}."
        )


@dataclass(eq=False)
class KarborRefused(RefusedError):
    """Karbor (or Keystone, on the way to it) said no. Asking again would not help.

    ``status`` is that of HTTP, 0 when there was no answer to have one.
    """

    asked: str
    status: int
    answer: str

    def _sentence(self) -> str:
        why = self.answer.rstrip(".")
        return (
            f"Karbor refused to {self.asked}: HTTP {self.status}, {why}."
            if self.status
            else f"Karbor could not be asked to {self.asked}: {why}."
        )


@dataclass(eq=False)
class KarborTransient(TransientError):
    """Karbor (or Keystone) did not answer, or with a transient error."""

    asked: str
    cause: str

    def _sentence(self) -> str:
        cause = self.cause.rstrip(".")
        return f"Karbor could not be asked to {self.asked}: {cause}. Try again later."


@dataclass(eq=False)
class SharesRefused(RefusedError):
    """Manila (or Keystone, on the way to it) said no, or is not in the catalogue."""

    asked: str
    cause: str

    def _sentence(self) -> str:
        return f"Manila refused to {self.asked}: {self.cause.rstrip('.')}."


@dataclass(eq=False)
class SharesTransient(TransientError):
    """Manila (or Keystone) did not answer, or with a transient error."""

    asked: str
    cause: str

    def _sentence(self) -> str:
        return f"Manila could not be asked to {self.asked}: {self.cause.rstrip('.')}."


@dataclass(eq=False)
class NotWritten(KarborManilaError):
    """A page, or a list, could not be put where it was wanted.

    :ivar where: a file, or an address with its port
    """

    where: str
    why: str
    what: str = "The page"

    def _sentence(self) -> str:
        return f"{self.what} could not be put at {self.where}: {self.why.rstrip('.')}."


@dataclass(eq=False)
class CloudRefused(KarborManilaError):
    """Another service of the cloud did not give what a check asked it for.

    :ivar service: its name
    :ivar why: what it answered, or what became of the request
    """

    service: str
    asked: str
    why: str

    def _sentence(self) -> str:
        return f"{self.service} could not be asked to {self.asked}: {self.why.rstrip('.')}."


@dataclass(eq=False)
class StillGoing(KarborManilaError):
    """A command waited long enough; what it waited for goes on.

    ``seconds`` is how long; ``look`` the command that shows it; ``trouble`` why the last look
    failed, if it did.
    """

    what: str
    seconds: float
    look: str
    trouble: str = ""

    def _sentence(self) -> str:
        last = f" The last look failed: {self.trouble}" if self.trouble else ""
        return (
            f"{self.what} did not end within {self.seconds:.0f} seconds and goes on in Karbor. "
            f"Look again with: {self.look}.{last}"
        )


@dataclass(eq=False)
class CannotListen(KarborManilaError):
    """Nobody can be served on an address and a port of this host."""

    address: str
    port: int
    why: str

    def _sentence(self) -> str:
        return (
            f"{self.address} port {self.port} cannot be listened on: {self.why}. Name another one "
            f"(--listen, --port), or end what has it."
        )


@dataclass(eq=False)
class NotKnown(KarborManilaError):
    """A check cannot tell, because of something that another check reports.

    :ivar why: what is missing, and why, a phrase
    """

    why: str

    def _sentence(self) -> str:
        return f"This was not looked at: {self.why.rstrip('.')}."


class WrongUsage(KarborManilaError):
    """What was written on the command line cannot be meant (exit code 2)."""
