# SPDX-License-Identifier: Apache-2.0
"""With ``delete_grace`` what no rule keeps waits as a deletion does, and can be taken back."""

from pathlib import Path

import pytest
from karbor import quota
from oslo_serialization import jsonutils

from karbor_manila.bank import checkpoints
from karbor_manila.common.deferral import PENDING
from tests.unit.karbor_stage import SHARE, Service, started
from tests.unit.service.keep_stage import Days
from tests.unit.service.retention_stage import Stage


def test_a_copy_that_comes_back_is_counted_no_more_than_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, options=("delete_grace = 3600",)) as service:
        days = Days(Stage(service, monkeypatch), monkeypatch, keep_last="1")
        days.order = days.protect(2)
        for each in days.order:
            copy = service.checkpoint(each)
            copy.extra_info = jsonutils.dumps({checkpoints.COPY_OF: each})
            copy.commit()
        before = in_use(service)
        days.turn()
        assert (days.stage.left()[days.order[0]], in_use(service)) == (PENDING, before)
        given = {SHARE: {"depth": "undelete"}}
        assert service.saved(service.verify(days.order[0], given)).status == "success"
        assert (days.stage.left()[days.order[0]], in_use(service)) == ("available", before)


def test_a_failed_copy_that_retention_cleared_comes_back_uncounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, options=("delete_grace = 3600",)) as service:
        stage = Stage(service, monkeypatch)
        plan = service.plan(service.share())
        stage.schedule(plan, max_backups=1)
        failed, good = (service.protect(plan) for _ in range(2))
        for copy in (failed, good):
            copy.extra_info = jsonutils.dumps({checkpoints.COPY_OF: copy.id})
        failed.status = "error"
        failed.commit()
        good.commit()
        before = in_use(service)
        stage.prune(plan, most=1)
        assert stage.left() == {failed.id: PENDING, good.id: "available"}
        given = {SHARE: {"depth": "undelete"}}
        assert service.saved(service.verify(failed.id, given)).status == "success"
        assert (stage.left()[failed.id], in_use(service)) == ("error", before)


def in_use(service: Service) -> int:
    usages = quota.QUOTAS.get_project_quotas(service.context(), service.project_id)
    return int(usages["checkpoints"]["in_use"])


def test_a_removal_waits_as_a_deletion_does_and_can_be_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, options=("delete_grace = 3600",)) as service:
        days = Days(Stage(service, monkeypatch), monkeypatch, keep_last="2")
        days.order = days.protect(4)
        days.turn()
        statuses = days.stage.left()
        assert [statuses[each] for each in days.order] == [PENDING] * 2 + ["available"] * 2
        assert days.stage.snapshots(days.share) == 4
        assert not service.manager.claims.held
        days.turn()  # one that waits counts for nothing, and is not removed twice
        assert days.stage.left() == statuses
