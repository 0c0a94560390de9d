# SPDX-License-Identifier: Apache-2.0
"""One sandbox for all functional tests: real Keystone, Manila and Karbor, and two tenants.

With ``-n 3`` each worker of pytest-xdist has one of its own, on ports of its own. The tests wait
more than they work, so three workers take little more than a third of the time of one.
"""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import ports
from sandbox.info import StackInfo
from sandbox.manila import releases
from sandbox.proxy.control import Proxy
from sandbox.stack import Stack
from sandbox.tenant import Tenant
from tests.functional import sampling
from tests.functional.ending import Ending
from tests.functional.operator_command import Command, run_command

PLUGINS = Path(__file__).parent / "plugins"
ENDING = pytest.StashKey[Ending]()
#: Files whose tests take longest: a worker that is left with one of them at the end is alone.
LONGEST_FIRST = (
    "test_crash_sample",
    "test_two_processes",
    "test_fault_table",
    "test_cluster_crash",
    "test_cluster",
    "test_zaqar",  # the first time, its venv is made
)

#: Run on an older Manila alone.
collect_ignore = [] if releases.chosen() else ["test_older_manila.py"]


def pytest_configure(config: pytest.Config) -> None:
    """What all workers have to agree on, and what each has to have for itself."""
    os.environ.setdefault("KARBOR_MANILA_SEED", str(random.randrange(1_000_000)))
    worker = getattr(config, "workerinput", None)
    if worker:
        number = int(worker["workerid"].removeprefix("gw"))
        os.environ[ports.RANGE_VARIABLE] = ports.share_of(number, worker["workercount"])


def pytest_report_header() -> str:
    return f"KARBOR_MANILA_SEED={sampling.seed()}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.functional)
    out = sampling.left_out(config, items)
    if out:
        config.hook.pytest_deselected(items=sorted(out, key=lambda item: item.nodeid))
    items[:] = sorted((item for item in items if item not in out), key=_turn)


def _turn(item: pytest.Item) -> int:
    """The place of a test's file; the tests of a file stay in their order."""
    file = item.path.stem
    return LONGEST_FIRST.index(file) if file in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """What a worker does in one go: a file, whose fixtures are dear; of the table of faults a
    function, and of the kills, which take longest and share nothing, one test."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - not there without -n

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            if "test_crash_sample" in file:
                return nodeid
            function = test.partition("[")[0] if "test_fault_table" in file else ""
            return f"{file}::{function}"

    return ByFile(config, log)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Whoever runs tests, a worker or the only process, leaves no services behind."""
    config = session.config
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        config.stash[ENDING] = Ending(config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    if ENDING in config.stash:
        config.stash[ENDING].begin()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A sandbox from nothing. Karbor loads the tests' tiny protectable too."""
    stack = Stack(
        tmp_path_factory.mktemp("sandbox") / "state",
        say=lambda line: print(line, file=sys.stderr),  # noqa: T201 - progress of a long start
        pythonpath=[PLUGINS],
        # Tests take snapshots away by hand, for the audit to find; test_watch turns it on.
        karbor_options={
            "manila_share_protection/listing_timeout": 30,
            "manila_share_protection/plans_interval": 20,
            # Nothing asks Manila by itself in the middle of a test that counts what is asked,
            # however long the run takes (test_leftovers turns it on).
            "manila_share_protection/gc_interval": 0,
            "manila_share_protection/watch_spool": "",
            # A schedule that comes due begins at once (tests.functional.schedules).
            "DEFAULT/trigger_poll_interval": 1,
        },
        share_options={
            "undo_timeout": 30,
            "request_settle_time": 3,
            "share_type_drivers": "backed:backup",
            "karbor_manila_driver_backup/backup_type": "directories",
            "karbor_manila_driver_backup/progress_timeout": 20,
        },
    )
    stack.start()
    yield stack
    stack.destroy()


@pytest.fixture(autouse=True)
def karbor_lives(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that killed or stopped Karbor and failed then leaves none dead to the tests after it.

    Before the test, too: a fixture of a whole file that fails is not followed by our end.
    """
    if "stack" not in request.fixturenames:
        yield
        return
    stack: Stack = request.getfixturevalue("stack")
    stack.start_service("karbor")
    yield
    stack.start_service("karbor")


@pytest.fixture(autouse=True)
def backend_works(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that failed while Manila's backend was slow or faulty leaves it so to none after it.

    Before the test, too, as above.
    """
    if "stack" not in request.fixturenames:
        yield
        return
    stack: Stack = request.getfixturevalue("stack")
    _lift_knobs(stack)
    yield
    _lift_knobs(stack)


def _lift_knobs(stack: Stack) -> None:
    for name in ("delays.json", "faults.json"):
        (stack.state.directory("manila") / name).unlink(missing_ok=True)


@pytest.fixture(scope="session")
def info(stack: Stack) -> StackInfo:
    return stack.info


@pytest.fixture
def proxy(info: StackInfo) -> Iterator[Proxy]:
    """The proxy between Karbor and Manila, without counts and rules."""
    proxy = Proxy(info.proxy_control_url)
    proxy.reset()
    yield proxy
    proxy.reset()


@pytest.fixture
def command(stack: Stack) -> Command:
    """Runs karbor-manila as an operator does on Karbor's host."""
    return lambda *argv: run_command(stack, stack.state.directory("karbor") / "karbor.conf", *argv)


@pytest.fixture(scope="session")
def alpha(info: StackInfo) -> Tenant:
    """A plain member of the project alpha."""
    return Tenant(info, "alpha")


@pytest.fixture(scope="session")
def beta(info: StackInfo) -> Tenant:
    """A plain member of another project."""
    return Tenant(info, "beta")


@pytest.fixture(scope="module")
def few_checkpoints(alpha: Tenant, beta: Tenant, info: StackInfo) -> None:
    """None is left of other files: an audit judges nothing by a driver of whose things Manila shows
    none any more, such as groups that another test has cleaned away. And nothing bears a mark of
    one that is gone, such as a snapshot that has gone over to the administrator with its share."""
    for tenant in (alpha, beta):
        tenant.delete_checkpoints()
    for tenant in (alpha, beta, Tenant(info, "admin")):
        tenant.clean()


@pytest.fixture
def empty_alpha(alpha: Tenant) -> Iterator[Tenant]:
    """The project alpha with no shares in it, for plans on the whole project."""
    alpha.clean()
    yield alpha
    alpha.clean()
