# SPDX-License-Identifier: Apache-2.0
"""What the bank does not give back, or does not take."""

from dataclasses import dataclass, field

from karbor_manila.common.errors import KarborManilaError


@dataclass(eq=False)
class RecordInvalid(KarborManilaError):
    """A record in the bank that cannot be understood. ``driver`` is what it says of its driver, if
    so much of it can be read."""

    what: str
    why: str
    driver: str | None = None

    def _sentence(self) -> str:
        return f"The {self.what} in the bank cannot be used: {self.why}."


class RecordForeign(RecordInvalid):
    """A record or an intent that is whole, and that this installation cannot read: what it names is
    there and is not to be touched on a guess."""


@dataclass(eq=False, init=False)
class RecordVersionUnknown(RecordForeign):
    """A record of a later release. ``driver`` is what it says of its driver, if it says any."""

    version: object = field(init=False)

    # Its own: the version stands before the driver, which no order of the fields gives.
    def __init__(self, what: str, version: object, driver: str | None = None) -> None:
        self.version = version
        wrote = f", with share driver {driver!r}" if driver else ""
        super().__init__(
            what,
            f"a later release of karbor-manila wrote it (its version is {version!r}{wrote}). "
            f"Nothing was changed or removed. Upgrade karbor-manila here, then ask again",
            driver,
        )


@dataclass(eq=False)
class BankUnreadable(KarborManilaError):
    """The bank did not give back what it holds, or did not take what it was given.

    ``what`` follows "failed to"; ``cause`` is what a tenant may read of the bank's own error.
    """

    what: str
    cause: str

    def _sentence(self) -> str:
        return f"The bank failed to {self.what}: {self.cause.rstrip('.')}."


@dataclass(eq=False)
class BankNotOurs(BankUnreadable):
    """What is there in the place of a provider's bank is not that bank: it is not mounted, or it is
    another one. Nothing is judged by it and nothing is written into it.

    :ivar expected: the id that Karbor's database knows, or None when it knows checkpoints alone
    :ivar found: the id that is there, or None
    :ivar held: the checkpoints that it must hold, for the sentence, when no id is expected
    """

    what: str = field(init=False, default="be the bank of its provider")
    cause: str = field(init=False)
    provider_id: str
    expected: str | None
    found: str | None
    held: str = ""

    def __post_init__(self) -> None:
        there = f"bank {self.found}" if self.found else "a bank without an id"
        self.cause = f"{there} is there"

    def _sentence(self) -> str:
        wanted = f"bank {self.expected}" if self.expected else f"a bank that holds {self.held}"
        there = f"bank {self.found}" if self.found else "one without an id, such as an empty folder"
        return (
            f"The bank of provider {self.provider_id} is not the one that Karbor's database knows: "
            f"expected is {wanted}, found is {there}. Nothing was done. An administrator has to "
            f"see that the right bank is mounted, or, if it was changed on purpose, to say so: "
            f"karbor-manila bank accept {self.provider_id}."
        )


def checkpoints_named(ids: list[str]) -> str:
    """Checkpoints for a sentence: the first three by id, and how many more there are."""
    rest = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return f"checkpoint{'s' if len(ids) > 1 else ''} {', '.join(ids[:3])}{rest}"
