# SPDX-License-Identifier: Apache-2.0
"""A share is protected by Karbor with the outside hook around it."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from karbor_manila.hooks.terms import Time
from tests.unit.karbor_stage import Service, started


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    # The clock of the stage lets no other thread run.
    at_once = functools.partial(Time, spawn=lambda work: work())
    monkeypatch.setattr("karbor_manila.operations.flow.Time", at_once)
    options = (
        "hook_drivers = lockfile",
        "enable_pre_hooks = true",
        "enable_post_hooks = true",
        f"lockfile_folder = {tmp_path}",
    )
    with started(tmp_path, monkeypatch, options=options) as service:
        yield service


def test_its_file_is_there_while_the_snapshot_is_made_and_not_afterwards(
    service: Service, tmp_path: Path
) -> None:
    share = service.share(metadata={"lockfile": "yes"})
    seen: list[list[str]] = []
    look = lambda: seen.append([path.suffix for path in tmp_path.glob(f"{share}.*")])  # noqa: E731
    service.cloud.meanwhile["create_snapshot"] = [look]
    checkpoint = service.protect(service.plan(share))
    assert checkpoint.status == "available"
    assert seen == [[".lock"]]
    look()
    assert seen[-1] == []
    record = checkpoint.get_resource_bank_section(share).get_object("metadata")
    assert record["hooks"]["annotations"] == {"lockfile": f"{share}.{checkpoint.id}.lock"}
