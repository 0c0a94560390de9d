# SPDX-License-Identifier: Apache-2.0
"""What Karbor's database does not give, or does not take."""

from dataclasses import dataclass

from karbor_manila.common.errors import KarborManilaError


@dataclass(eq=False)
class DatabaseUnreadable(KarborManilaError):
    """Karbor's database did not give what it holds.

    ``cause`` is the kind of its error alone: a statement may hold values.
    """

    what: str
    cause: str

    def _sentence(self) -> str:
        return (
            f"Karbor's database could not be asked for {self.what} ({self.cause}). Try again when "
            f"it answers."
        )


@dataclass(eq=False)
class SchemaNewer(DatabaseUnreadable):
    """A later release has upgraded our tables."""

    found: str
    known: str

    def __init__(self, found: str, known: str) -> None:
        self.found = found
        self.known = known
        super().__init__("what karbor-manila keeps there", f"its tables are of version {found}")

    def _sentence(self) -> str:
        return (
            f"The tables of karbor-manila in Karbor's database are of version {self.found}; this "
            f"release knows version {self.known} and no later one. A later release has upgraded "
            f"them: install that one here, too."
        )


@dataclass(eq=False)
class UpgradeFailed(DatabaseUnreadable):
    """Our tables are older than this release and could not be changed."""

    before: str | None
    wanted: str

    def __init__(self, before: str | None, wanted: str, cause: str) -> None:
        self.before = before
        self.wanted = wanted
        super().__init__("what karbor-manila keeps there", cause)

    def _sentence(self) -> str:
        return (
            f"The tables of karbor-manila in Karbor's database could not be upgraded from "
            f"{self.before or 'no version'} to {self.wanted} ({self.cause}; the log has more). Run "
            f"'karbor-manila db upgrade' with a configuration file whose database user may create "
            f"and alter tables."
        )


@dataclass(eq=False)
class PlanNotPutBack(KarborManilaError):
    """A plan that Karbor's database does not take.

    ``reason`` is what is in its way, after "because of".
    """

    plan_id: str
    reason: str

    def _sentence(self) -> str:
        return (
            f"Plan {self.plan_id} is not put back into Karbor's database because of {self.reason}. "
            f"Nothing of it was written there."
        )
