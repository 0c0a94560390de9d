# SPDX-License-Identifier: Apache-2.0
"""The temporary share groups of restores that nobody ended are collected, and no group else is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from karbor_manila.drivers.group import GroupDriver
from karbor_manila.recovery import gc
from karbor_manila.recovery.gc import Leftovers
from tests.unit.karbor_stage import Service, started


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with started(tmp_path, monkeypatch, options=("default_driver = group|snapshot",)) as service:
        monkeypatch.setattr(gc, "Clock", lambda: service.cloud.clock)
        yield service


def test_a_temporary_group_of_an_ended_restore_goes_and_what_it_gave_back_stays(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = service.cloud.add_group(service.project_id)
    shares = [service.share(share_group_id=group["id"]) for _ in range(2)]
    checkpoint = service.protect(service.plan(*shares))
    assert checkpoint.status == "available"
    with monkeypatch.context() as forgetful:
        forgetful.setattr(GroupDriver, "forget_restore", lambda *_args, **_kwargs: None)
        restore = service.restore(checkpoint.id)
    assert restore.status == "success"
    given_back = {key.partition("#")[2] for key in restore.resources_status}
    temporary = service.cloud.groups.keys() - {group["id"]}
    snapshots = dict(service.cloud.group_snapshots)
    assert temporary

    held, clock = service.manager.claims, service.cloud.clock
    young = Leftovers(service.provider, held, grace=3600.0, clock=clock).find()
    assert [(each.id, each.removable) for each in young] == [(each, False) for each in temporary]
    for each in temporary:
        service.cloud.groups[each]["created_at"] = "2020-01-01T00:00:00"
    gc.sweep(service.provider, held, grace=0.0)
    assert set(service.cloud.groups) == {group["id"]}
    # The members of the temporary group go with it.
    assert set(service.cloud.shares) == {*shares, *given_back}
    assert len(given_back - set(shares)) == 2
    assert service.cloud.group_snapshots.keys() == snapshots.keys()
    assert service.restore(checkpoint.id).status == "success"
