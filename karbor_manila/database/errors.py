# SPDX-License-Identifier: Apache-2.0
"""What Karbor's database does not give."""

from karbor_manila.common.errors import KarborManilaError


class DatabaseUnreadable(KarborManilaError):
    """Karbor's database did not give what it holds."""

    def __init__(self, what: str, cause: str) -> None:
        self.what = what
        self.cause = cause
        super().__init__(
            f"Karbor's database could not be asked for {what} ({cause}). Try again when it answers."
        )
