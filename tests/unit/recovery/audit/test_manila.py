# SPDX-License-Identifier: Apache-2.0
"""With a Manila that is away or refuses an audit changes nothing, and can be repeated."""

import dataclasses
from typing import Any

import pytest
from oslo_serialization import jsonutils

from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.manila.errors import (
    ManilaRefused,
    ManilaUnavailable,
    NeedsAdministrator,
    NotAdministrator,
)
from karbor_manila.recovery.audit import ORPHAN
from karbor_manila.service import sessions
from tests.fakes.manila import refused, transient
from tests.unit.karbor_stage import (
    Service,
)
from tests.unit.recovery.audit.stage import (
    audit_of,
    find,
    fix_all,
    orphaned,
    protected,
    snapshot_away,
)


def test_a_user_who_is_no_administrator_sees_nothing_and_judges_nothing(service: Service) -> None:
    protected(service)
    service.karbor_is_administrator = False
    with pytest.raises(NotAdministrator, match="role admin"):
        find(service)


@pytest.mark.parametrize("method", ["require_administrator", "snapshots", "snapshot"])
def test_with_manila_away_nothing_is_said_to_be_lost(service: Service, method: str) -> None:
    share = service.share()
    snapshot_away(service, protected(service, share), share)
    service.cloud.plan(method, transient, times=10**6)
    with pytest.raises(ManilaUnavailable):
        find(service)
    service.cloud.assert_hit()


@pytest.mark.parametrize("method", ["snapshots", "snapshot"])
@pytest.mark.parametrize("status", [400, 401, 403])
def test_with_manila_refusing_nothing_is_said_to_be_lost(
    service: Service, method: str, status: int
) -> None:
    share = service.share()
    snapshot_away(service, protected(service, share), share)
    service.cloud.plan(method, lambda: refused(status), times=10**6)
    with pytest.raises(ManilaRefused):
        find(service)


@pytest.mark.parametrize(
    ("method", "error", "raised"),
    [
        ("snapshot", transient, ManilaUnavailable),
        ("snapshot", lambda: refused(403), ManilaRefused),
        ("delete_snapshot", transient, ManilaUnavailable),
        ("delete_snapshot", lambda: refused(401), ManilaRefused),
        ("delete_snapshot", lambda: refused(409), DeadlineExceeded),
    ],
)
def test_with_manila_away_or_refusing_a_removal_fails_and_can_be_repeated(
    service: Service, method: str, error: Any, raised: type[Exception]
) -> None:
    protected(service)
    orphan = orphaned(service)
    audit = audit_of(service)
    (finding,) = audit.find()
    fault = service.cloud.plan(method, error, times=10**6)
    with pytest.raises(raised):
        audit.fix(finding)
    service.cloud.assert_hit()
    assert orphan in service.cloud.snapshots
    service.cloud.faults.remove(fault)
    assert fix_all(service) == ["removed"]


def test_an_orphan_that_only_an_administrator_can_end_is_named_with_the_command(
    service: Service,
) -> None:
    protected(service)
    orphan = orphaned(service)
    service.cloud.snapshots[orphan]["status"] = "error_deleting"
    with pytest.raises(NeedsAdministrator, match=f"--force {orphan}"):
        fix_all(service)


def test_an_outage_of_a_moment_is_ridden_out(service: Service) -> None:
    protected(service)
    orphaned(service)
    for method in ("require_administrator", "snapshots", "snapshot", "delete_snapshot"):
        service.cloud.plan(method, transient, times=2)
    assert fix_all(service) == ["removed"]
    service.cloud.assert_hit()


def test_manila_is_asked_as_karbor_for_every_project(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    protected(service)
    asked = []
    real = service.connect_as_karbor

    def connect_as_karbor(project_id: str, **kwargs: Any) -> Any:
        asked.append(project_id)
        return real(project_id, **kwargs)

    monkeypatch.setattr(sessions, "connect_as_karbor", connect_as_karbor)
    monkeypatch.setattr(sessions, "connect", None)
    assert find(service) == []
    assert asked == [EVERY_PROJECT]


def test_findings_are_plain(service: Service) -> None:
    protected(service)
    orphaned(service)
    (finding,) = find(service)
    assert jsonutils.loads(jsonutils.dumps(dataclasses.asdict(finding)))["kind"] == ORPHAN
