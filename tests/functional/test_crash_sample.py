# SPDX-License-Identifier: Apache-2.0
"""Some kills of ``python -m tests.crash``, others in each run; ``tox -e crash`` has them all.

The seed is in the id of the test. ``KARBOR_MANILA_SEED=4711`` repeats the sample of a run.
"""

import os
import random
import re
from collections.abc import Collection
from pathlib import Path

import pytest

from sandbox.karbor import providers
from sandbox.stack import Stack
from tests.crash import hooked, points, report
from tests.crash.scenario import Harness
from tests.crash.ways import WAYS
from tests.crash.world import World

SEED = int(os.environ.get("KARBOR_MANILA_SEED") or random.randrange(1_000_000))
#: So many kills; each driver's operations have points of their own.
SIZES = {"snapshot": 3, "group": 2, "backup": 2}
#: Of so many of a driver's operations: to find the points of one, it is done twice.
OPERATIONS = {"snapshot": 2, "group": 1, "backup": 1}
#: So many of those between quiesce and thaw.
HOOKED = 2
SETTLE_SECONDS = 90


@pytest.mark.parametrize("seed", [pytest.param(SEED, id=f"seed-{SEED}")])
@pytest.mark.parametrize("driver", WAYS)
@pytest.mark.usefixtures("empty_alpha")
def test_the_promise_is_kept_wherever_karbor_dies(stack: Stack, driver: str, seed: int) -> None:
    before = dict(stack.state.settings().share_options)
    options = {**before, **WAYS[driver].share_options()}
    # A bank that can end Karbor, for as long as this test runs.
    stack.restart("karbor", mortal_bank=True, share_options=options)
    try:
        harness = Harness(World(stack, providers.OURS, driver=driver), SETTLE_SECONDS)
        choice = random.Random(seed)  # noqa: S311 - a sample, not a secret
        operations = choice.sample(sorted(harness.operations), OPERATIONS[driver])
        _kill(harness, operations, SIZES[driver], seed)
    finally:
        stack.restart("karbor", mortal_bank=False, share_options=before)


@pytest.mark.parametrize("seed", [pytest.param(SEED, id=f"seed-{SEED}")])
@pytest.mark.usefixtures("empty_alpha")
def test_nothing_stays_frozen_wherever_karbor_dies(stack: Stack, tmp_path: Path, seed: int) -> None:
    before = dict(stack.state.settings().share_options)
    options = {**before, **hooked.options(tmp_path)}
    stack.restart("karbor", mortal_bank=True, share_options=options)
    try:
        harness = hooked.Hooked.on(stack, SETTLE_SECONDS, providers.OURS, tmp_path)
        _kill(harness, harness.operations, HOOKED, seed, of="hook|access|POST /v2/snapshots")
    finally:
        stack.restart("karbor", mortal_bank=False, share_options=before)


def _kill(
    harness: Harness, operations: Collection[str], size: int, seed: int, of: str = ""
) -> None:
    """:param of: a regular expression that is found in the points among which is chosen"""
    found = [each for each in harness.discover(operations) if re.search(of, str(each))]
    chosen = points.sample(found, size, seed)
    outcomes = [harness.run(point) for point in chosen]
    broken = [report.line(outcome) for outcome in outcomes if outcome.findings]
    assert not broken, "\n".join([f"KARBOR_MANILA_SEED={seed}", *broken])
