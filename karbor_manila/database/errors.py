# SPDX-License-Identifier: Apache-2.0
"""What Karbor's database does not give."""

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
