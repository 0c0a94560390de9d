# SPDX-License-Identifier: Apache-2.0
"""What listeners raise: it is counted and logged, and nobody's operation fails by it."""

from dataclasses import dataclass

from karbor_manila.common.errors import KarborManilaError


@dataclass(eq=False)
class NotSent(KarborManilaError):
    """An event did not reach those who are to get it."""

    event_type: str
    why: str

    def _sentence(self) -> str:
        return f"The event {self.event_type} could not be sent: {self.why.rstrip('.')}."
