# SPDX-License-Identifier: Apache-2.0
"""What Manila's hook told and cannot be judged yet is neither given up nor held up by others."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.common.spool import Spool
from karbor_manila.service import watched
from karbor_manila.service.watched import WatchThread
from tests.fakes.manila import transient
from tests.unit.karbor_stage import Service, started, told
from tests.unit.recovery.audit.stage import protected, snapshot_away
from tests.unit.recovery.audit.watching import dump, event


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "watch", most=100)


@pytest.fixture
def thread(service: Service, spool: Spool) -> WatchThread:
    return WatchThread(
        service.manager.runtime.providers,
        service.manager.claims,
        folder=str(spool.folder),
        notifications=False,
        clock=service.cloud.clock,
    )


def lost(service: Service, spool: Spool) -> Any:
    """A checkpoint that has lost a snapshot, which is told."""
    share, other = service.share(), service.share()
    checkpoint = protected(service, share, other)
    spool.put(dump(event(service, checkpoint, share)))
    snapshot_away(service, checkpoint, share)
    return checkpoint


def test_what_was_told_while_nobody_ran_is_not_given_up_at_the_first_look(
    service: Service, spool: Spool, thread: WatchThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bank or Manila may be as late as we are."""
    checkpoint = lost(service, spool)
    (name,) = spool.names()
    at = (spool.folder / name).stat().st_mtime - 3 * 86400
    os.utime(spool.folder / name, (at, at))

    def away(_self: Any, _told: Any) -> Any:
        raise transient()

    with monkeypatch.context() as patch:
        patch.setattr(watched.Watched, "judge", away)
        thread.turn()
    service.cloud.clock.sleep(60.0)
    thread.turn()
    assert "lost" in told(service.checkpoint(checkpoint.id))


def test_a_few_that_always_end_in_errors_hold_up_no_others(
    service: Service, spool: Spool, thread: WatchThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as those of a driver whose own service is away."""
    bad = {lost(service, spool).id for _ in range(4)}
    good = lost(service, spool)
    judge = watched.Watched.judge

    def judging(self: Any, about: Any) -> Any:
        if about.mark.checkpoint in bad:
            raise transient()
        return judge(self, about)

    monkeypatch.setattr(watched.Watched, "judge", judging)
    for _ in range(2):
        thread.turn()
        service.cloud.clock.sleep(60.0)
    assert "lost" in told(service.checkpoint(good.id))
    assert len(spool.names()) == 4
