# SPDX-License-Identifier: Apache-2.0
"""What the bank does not give back, or does not take."""

from karbor_manila.common.errors import KarborManilaError


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


def checkpoints_named(ids: list[str]) -> str:
    """Checkpoints for a sentence: the first three by id, and how many more there are."""
    rest = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return f"checkpoint{'s' if len(ids) > 1 else ''} {', '.join(ids[:3])}{rest}"
