# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with hooks."""

from dataclasses import dataclass

from karbor_manila.common.errors import KarborManilaError, RefusedError, TransientError


@dataclass(eq=False)
class HookError(KarborManilaError):
    """A hook failed.

    ``hook`` is its name in ``hook_drivers``, ``phase`` is ``pre``, ``post`` or ``periodic``,
    ``point`` where it was called, ``why`` a sentence.
    """

    hook: str
    phase: str
    point: str
    why: str

    def _sentence(self) -> str:
        return f"The hook {self.hook!r} failed in its {self.phase} of {self.point}: {self.why}"


@dataclass(eq=False)
class HookSkip(KarborManilaError):
    """A hook's pre wants this to be left out; nothing failed.

    ``why`` is a sentence. Whoever calls the hook fills in ``hook``, its name in ``hook_drivers``.
    """

    why: str
    hook: str = ""

    def _sentence(self) -> str:
        by = f"by the hook {self.hook!r}" if self.hook else "by a hook"
        return f"Left out {by}: {self.why}"


@dataclass(eq=False)
class CommandFailed(KarborManilaError):
    """A command of the hook ``command`` did not end with 0.

    ``option`` is the one that it stands in, ``ended`` how it ended, ``output`` the end of what it
    wrote.
    """

    option: str
    ended: str
    output: str = ""

    def _sentence(self) -> str:
        lines = "; ".join(filter(None, map(str.strip, self.output.splitlines())))
        tail = f" It said: {lines.rstrip('.')}." if lines else ""
        return f"The command of {self.option} {self.ended}.{tail}"


@dataclass(eq=False)
class WebhookTransient(TransientError):
    """A receiver of webhooks did not answer well, and may at the next attempt. ``why`` never has
    the URL: that may be a secret."""

    host: str
    why: str

    def _sentence(self) -> str:
        return f"{self.host} did not take it: {self.why}."

    def gave_up(self, seconds: float) -> "WebhookRefused":
        """As of every transient error."""
        return WebhookRefused(self.host, f"{self.why}, for {seconds:.0f} seconds")


@dataclass(eq=False)
class WebhookRefused(RefusedError):
    """A receiver of webhooks, or the way to it, said no. ``why`` as above."""

    host: str
    why: str

    def _sentence(self) -> str:
        return f"{self.host} did not take it: {self.why}. See webhook_url and what is behind it."


@dataclass(eq=False)
class HookUnusable(KarborManilaError):
    """A hook that the configuration names and that cannot be used. ``name`` is what
    ``hook_drivers`` has, ``why`` a sentence."""

    name: str
    why: str

    def _sentence(self) -> str:
        return (
            f"hook_drivers names {self.name!r}, which cannot be used: {self.why} Install it, or "
            f"take it out."
        )


@dataclass(eq=False)
class GivenUp(KarborManilaError):
    """A call of a hook gave nothing.

    ``why`` is a sentence. ``has_ended``: its thread was ended by what is no ``Exception``; else the
    call may still be running.
    """

    why: str
    has_ended: bool = False

    def _sentence(self) -> str:
        return self.why


@dataclass(eq=False)
class NotAllowed(KarborManilaError):
    """A hook gave what it may not give, which changes nothing. ``why`` is a sentence."""

    why: str

    def _sentence(self) -> str:
        return self.why
