# SPDX-License-Identifier: Apache-2.0
"""One sandbox for all functional tests: real Keystone, Manila and Karbor, and two tenants."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.info import StackInfo
from sandbox.proxy.control import Proxy
from sandbox.stack import Stack
from sandbox.tenant import Tenant

PLUGINS = Path(__file__).parent / "plugins"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.functional)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A sandbox from nothing. Karbor loads the tests' tiny protectable too."""
    stack = Stack(
        tmp_path_factory.mktemp("sandbox") / "state",
        say=lambda line: print(line, file=sys.stderr),  # noqa: T201 - progress of a long start
        pythonpath=[PLUGINS],
        karbor_options={"manila_share_protection/listing_timeout": 5},
        share_options={"undo_timeout": 30, "request_settle_time": 3},
    )
    stack.start()
    yield stack
    stack.destroy()


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


@pytest.fixture(scope="session")
def alpha(info: StackInfo) -> Tenant:
    """A plain member of the project alpha."""
    return Tenant(info, "alpha")


@pytest.fixture(scope="session")
def beta(info: StackInfo) -> Tenant:
    """A plain member of another project."""
    return Tenant(info, "beta")


@pytest.fixture
def empty_alpha(alpha: Tenant) -> Iterator[Tenant]:
    """The project alpha with no shares in it, for plans on the whole project."""
    alpha.clean()
    yield alpha
    alpha.clean()
