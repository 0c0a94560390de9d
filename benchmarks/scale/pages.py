# SPDX-License-Identifier: Apache-2.0
"""A bank with many checkpoints, and their list page by page through Karbor's REST API.

One checkpoint is made by Karbor; the rest are copies of its objects under other ids, as Karbor
would have named them (karbor/services/protection/checkpoint.py).
"""

import time
import uuid
from pathlib import Path
from typing import Any

from benchmarks.scale.measured import Pages
from benchmarks.scale.usage import Usage
from sandbox.stack import Stack
from sandbox.tenant import Tenant

_LIMIT = 1000


def fill(bank: Path, checkpoint_id: str, count: int) -> int:
    """Copy a checkpoint until there are so many; how many there are.

    :param bank: the folder of the file-system bank
    """
    sources = [path for path in bank.rglob("*") if path.is_file() and checkpoint_id in str(path)]
    texts = [(path, path.read_text()) for path in sources]
    for _ in range(count - 1):
        copied = str(uuid.uuid4())
        for path, text in texts:
            target = Path(str(path).replace(checkpoint_id, copied))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text.replace(checkpoint_id, copied))
    return count


def measure(stack: Stack, count: int) -> list[Pages]:
    """The whole list, and that of one plan, with ``limit`` and ``marker``."""
    tenant = Tenant(stack.info, "alpha")
    stack.restart("karbor")
    stack.simulator.clear()
    stack.simulator.seed(tenant.project_id, 1)
    plan = tenant.plan_of_project()
    checkpoint = tenant.protect(plan)
    fill(stack.info.bank, checkpoint.id, count)
    pid = stack.status()["karbor"]
    assert pid, "Karbor does not run"
    filters = {"none": {}, "plan_id": {"plan_id": plan.id}}
    return [_read(tenant, Usage(pid), name, wanted, count) for name, wanted in filters.items()]


def _read(tenant: Tenant, usage: Usage, name: str, filters: dict[str, Any], count: int) -> Pages:
    usage.forget_peak()
    baseline, cpu = usage.resident(), usage.cpu()
    pages: list[float] = []
    seen: set[str] = set()
    marker, failed = None, ""
    while len(pages) <= count // _LIMIT:
        began = time.monotonic()
        try:
            page = tenant.karbor.checkpoints.list(
                tenant.provider, search_opts=filters, limit=_LIMIT, marker=marker
            )
        except Exception as error:  # noqa: BLE001 - whatever Karbor's client raises is a figure
            failed = f"{type(error).__name__}: {error}"
            break
        pages.append(time.monotonic() - began)
        fresh = {each.id for each in page} - seen
        if not fresh:
            break
        seen |= fresh
        marker = page[-1].id
    if not failed and len(seen) < count:
        failed = f"{len(seen)} of {count} were listed"
    return Pages(
        checkpoints=count,
        limit=_LIMIT,
        filtered=name,
        pages=pages,
        cpu=usage.cpu() - cpu,
        baseline=baseline,
        peak=usage.peak(),
        failed=failed,
    )
