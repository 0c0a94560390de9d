# SPDX-License-Identifier: Apache-2.0
"""Why a command ends without an answer."""

from karbor_manila.common.errors import KarborManilaError, RefusedError, TransientError


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


class KarborRefused(RefusedError):
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


class KarborTransient(TransientError):
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
