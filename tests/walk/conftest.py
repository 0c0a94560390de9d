# SPDX-License-Identifier: Apache-2.0
"""How long a walk is, how it is repeated, and what it has seen.

    KARBOR_MANILA_WALK_STEPS=20000 python -m pytest tests/walk       longer
    KARBOR_MANILA_WALK_SEED=7 python -m pytest tests/walk            another one; any number
    KARBOR_MANILA_WALK_SHRINK=1 ...                                  minutes, for the shortest one

    ... python -m pytest tests/walk -k GroupWalk                     shares of groups; or BackupWalk

CI walks the same way each time, so that a change is blamed for what it breaks and nothing else is.
"""

import os
from collections import Counter
from typing import Any

import hypothesis
import pytest

pytest.register_assert_rewrite("tests.walk.accounts", "tests.walk.walk", "tests.walk.world")

STEPS_OF_A_WALK = 30

STEPS = int(os.environ.get("KARBOR_MANILA_WALK_STEPS", "900"))
SHRINK = bool(os.environ.get("KARBOR_MANILA_WALK_SHRINK"))
SEED = int(os.environ.get("KARBOR_MANILA_WALK_SEED", "1"))

#: What all walks of this run have seen.
TALLY: Counter[str] = Counter()

hypothesis.settings.register_profile(
    "walk",
    max_examples=max(1, STEPS // STEPS_OF_A_WALK),
    stateful_step_count=STEPS_OF_A_WALK,
    deadline=None,
    database=None,
    phases=(
        hypothesis.Phase.generate,
        *((hypothesis.Phase.shrink,) if SHRINK else ()),
    ),
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands over what its walks have seen."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["walk"] = dict(TALLY)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What the workers' walks have seen is told by the process that prints; a worker that was
    killed hands over nothing."""
    TALLY.update(getattr(node, "workeroutput", {}).get("walk", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if TALLY:
        seen = ", ".join(f"{number} {name}" for name, number in TALLY.most_common())
        terminalreporter.write_line(f"random walk, seed {SEED}: {seen}")
        terminalreporter.write_line(
            f"to repeat it: KARBOR_MANILA_WALK_SEED={SEED} KARBOR_MANILA_WALK_STEPS={STEPS} "
            f"python -m pytest tests/walk"
        )
