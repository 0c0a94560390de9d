# SPDX-License-Identifier: Apache-2.0
"""Some troubles of ``python -m tests.crash --layout cluster``, which has all of them.

They need a cluster: ``apt-get install -y --no-install-recommends mariadb-server rabbitmq-server``.
"""

from collections.abc import Iterator

import pytest

from sandbox.cluster import processes
from sandbox.errors import ProgramMissing
from tests.crash.cluster.command import made
from tests.crash.cluster.harness import Harness
from tests.crash.cluster.troubles import TROUBLES

PAIRS = [
    ("a worker killed", "protect"),
    ("a worker paused", "in place"),
    ("a rolling restart", "restore"),
]


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    try:
        processes.check({})
    except ProgramMissing as missing:
        pytest.skip(str(missing))
    stack = made(tmp_path_factory.mktemp("cluster") / "state")
    with stack:
        yield Harness(stack)
    stack.destroy()


@pytest.mark.parametrize(("trouble", "operation"), PAIRS)
def test_ten_plans_come_to_an_end(harness: Harness, trouble: str, operation: str) -> None:
    outcome = harness.run(TROUBLES[trouble], operation)
    assert not outcome.findings, str(outcome)
