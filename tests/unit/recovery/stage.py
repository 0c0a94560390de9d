# SPDX-License-Identifier: Apache-2.0
"""What several tests of this room stand on."""

import datetime

from tests.unit.clock import FakeClock


class Turns(FakeClock):
    """A clock for the whole cloud on which greenlets take turns."""

    def utcnow(self) -> datetime.datetime:
        return datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
            seconds=self.now()
        )
