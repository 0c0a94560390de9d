# SPDX-License-Identifier: Apache-2.0
"""Some kills of ``python -m tests.crash``, others in each run; ``tox -e crash`` has them all.

The seed is in the id of the test. ``KARBOR_MANILA_SEED=4711`` repeats the sample of a run.
"""

import os
import random
from collections.abc import Iterator

import pytest

from sandbox.karbor import providers
from sandbox.stack import Stack
from sandbox.tenant import Tenant
from tests.crash import points, report
from tests.crash.operations import OPERATIONS
from tests.crash.scenario import Harness
from tests.crash.world import World

SEED = int(os.environ.get("KARBOR_MANILA_SEED") or random.randrange(1_000_000))
SIZE = 8
SETTLE_SECONDS = 90


@pytest.fixture
def harness(stack: Stack, empty_alpha: Tenant) -> Iterator[Harness]:
    """The sandbox of all tests, with a bank that can end Karbor for as long as this test runs."""
    stack.restart("karbor", mortal_bank=True)
    yield Harness(World(stack, providers.OURS), SETTLE_SECONDS)
    stack.restart("karbor", mortal_bank=False)


@pytest.mark.parametrize("seed", [pytest.param(SEED, id=f"seed-{SEED}")])
def test_the_promise_is_kept_wherever_karbor_dies(harness: Harness, seed: int) -> None:
    chosen = points.sample(harness.discover(OPERATIONS), SIZE, seed)
    outcomes = [harness.run(point) for point in chosen]
    broken = [report.line(outcome) for outcome in outcomes if outcome.findings]
    assert not broken, "\n".join([f"KARBOR_MANILA_SEED={seed}", *broken])
