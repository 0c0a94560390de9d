# SPDX-License-Identifier: Apache-2.0
"""What an operation costs Manila, counted by the proxy."""

from sandbox.proxy.control import Proxy
from sandbox.tenant import Tenant

SHARES = 20


def test_an_operation_on_many_shares_asks_little_more_than_it_must(
    empty_alpha: Tenant, proxy: Proxy
) -> None:
    for number in range(SHARES):
        empty_alpha.manila.shares.create("NFS", 1, name=f"s{number}")
    for share in empty_alpha.shares():
        empty_alpha.wait_share(share.id)
    plan = empty_alpha.plan_of_project()
    proxy.clear_counts()
    checkpoint = empty_alpha.protect(plan)
    # A POST and the access rules of each share, which Manila lists for one share at a time.
    assert proxy.total() <= 3 * SHARES, proxy.counts()
    proxy.clear_counts()
    empty_alpha.delete(checkpoint)
    # Of each snapshot its DELETE; whose they are, and that they are gone, by lists for all of them.
    assert proxy.total() <= 2 * SHARES, proxy.counts()
