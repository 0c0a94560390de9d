# SPDX-License-Identifier: Apache-2.0
"""Each operation on Manilas of different ages: what works is whole, what is missing is named.

The proxy makes the Manila an older one, under the running Karbor: see
``sandbox/proxy/microversions.py``. What is seen is compared with the table in
``doc/operating/manila.md``; with ``KARBOR_MANILA_WRITE_TABLE=1`` it is written there.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from karborclient.common.apiclient import exceptions as karbor_errors

from sandbox.info import StackInfo
from sandbox.proxy.control import Proxy
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.microversion_table import Table
from tests.functional.microversions import KINDS, Trial

PAGE = Path(__file__).parents[2] / "doc" / "operating" / "manila.md"
NEWEST = "newest"
#: From new to old, as a Manila under a running Karbor is noticed to be older and not to be newer.
VERSIONS = (NEWEST, "2.91", "2.80", "2.72", "2.54", "2.37")


@pytest.fixture(scope="module")
def replaced(stack: Stack, info: StackInfo) -> Iterator[Proxy]:
    """The Manila of which Karbor knows that it is the newest again at the end."""
    proxy = Proxy(info.proxy_control_url)
    yield proxy
    proxy.reset()
    stack.restart("karbor")


def become(proxy: Proxy, stack: Stack, tenant: Tenant, newest: str) -> None:
    """Replace Manila by an older one, and have Karbor notice: by one request that fails."""
    log = stack.state.log("karbor")
    before = log.stat().st_size
    proxy.limit(newest)

    def listed() -> bool:
        try:
            tenant.karbor.protectables.list_instances(SHARE)
        except karbor_errors.ClientException:
            return False
        return True

    wait(f"a list in {newest}", listed, bool, 120)
    with log.open(errors="replace") as stream:
        stream.seek(before)
        assert f"is spoken to in microversion {newest}\n" in stream.read()


def tried(tenant: Tenant, kind: str) -> dict[str, str]:
    """What each operation with a share of its own comes to."""
    return Trial(tenant, kind).results()


@pytest.mark.parametrize("version", VERSIONS)
def test_what_works_is_whole_and_what_is_missing_is_named(
    replaced: Proxy, stack: Stack, alpha: Tenant, beta: Tenant, version: str
) -> None:
    if version == NEWEST:
        replaced.reset()
    else:
        become(replaced, stack, alpha, version)
    with ThreadPoolExecutor(len(KINDS)) as pool:
        # Each in a project of its own: a trial looks at all that its project has.
        trials = zip(KINDS, (alpha, beta), strict=True)
        jobs = {kind: pool.submit(tried, tenant, kind) for kind, tenant in trials}
    seen = {kind: job.result() for kind, job in jobs.items()}
    table = Table.read(PAGE)
    print(f"{version}: {seen}")  # noqa: T201 - shown by pytest -rP
    if os.environ.get("KARBOR_MANILA_WRITE_TABLE"):
        table.put(version, seen).write(PAGE)
    else:
        assert table.column(version) == seen


def test_an_even_older_manila_is_refused_by_name_and_nothing_is_made(
    replaced: Proxy, stack: Stack, alpha: Tenant
) -> None:
    share = alpha.make_share("too old")
    replaced.limit("2.36")
    ended = alpha.protect(alpha.plan_of_shares([share]), status="error")
    assert "Manila microversion 2.37 is the oldest that can be used" in ended.extra_info
    assert alpha.snapshots(share.id) == []
