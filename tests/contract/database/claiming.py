# SPDX-License-Identifier: Apache-2.0
"""Claims to be put into a table."""

import datetime
import uuid

from karbor_manila.recovery.claim_table import Claim

SINCE = datetime.datetime(2026, 11, 26, 21, 0, 1, tzinfo=datetime.UTC)


def claim(thing: str, checkpoint: str | None = None) -> Claim:
    """Another one at each call."""
    return Claim(
        id=thing,
        operation="protect",
        provider_id=str(uuid.UUID(int=1)),
        checkpoint_id=checkpoint or thing,
        owner=str(uuid.uuid4()),
        token=str(uuid.uuid4()),
        since=SINCE,
    )
