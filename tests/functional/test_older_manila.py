# SPDX-License-Identifier: Apache-2.0
"""Every operation on a real older Manila: what works is whole, what is missing is named.

Run by ``tox -e compat`` alone. On a newer Manila that the proxy makes look older, the same is tried
at every change (``test_microversions.py``).
"""

from concurrent.futures import ThreadPoolExecutor

from sandbox.info import StackInfo
from sandbox.stack import Stack
from sandbox.tenant import Tenant
from tests.functional.microversions import KINDS, OPERATIONS, YES, Trial


def test_what_works_is_whole_and_what_is_missing_is_named(
    stack: Stack, info: StackInfo, alpha: Tenant, beta: Tenant
) -> None:
    with ThreadPoolExecutor(len(KINDS)) as pool:
        trials = zip(KINDS, (alpha, beta), strict=True)
        jobs = {kind: pool.submit(Trial(tenant, kind).results) for kind, tenant in trials}
    assert {kind: job.result() for kind, job in jobs.items()} == {
        "snapshot": dict.fromkeys(OPERATIONS, YES),
        "backup": dict.fromkeys(OPERATIONS, "2.80"),
    }
    spoken = f"is spoken to in microversion {info.manila_microversion}\n"
    assert spoken in stack.state.log("karbor").read_text(errors="replace")
