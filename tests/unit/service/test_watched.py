# SPDX-License-Identifier: Apache-2.0
"""The thread that reads what Manila's hook tells: what it keeps, takes away, costs."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg

from karbor_manila.common.spool import ASIDE, Spool
from karbor_manila.recovery.claims import RECONCILE
from karbor_manila.service import watch_listener, watched
from karbor_manila.service.watched import WatchThread
from tests.fakes.manila import transient
from tests.unit.karbor_stage import Service, started
from tests.unit.karbor_stage import told as says
from tests.unit.recovery.audit.stage import everything_in, protected, snapshot_away
from tests.unit.recovery.audit.watching import dump, event


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "watch", most=100)


def thread_of(service: Service, folder: Path | str, **fields: Any) -> WatchThread:
    given = {"folder": str(folder), "notifications": False, "clock": service.cloud.clock}
    runtime = service.manager.runtime
    return WatchThread(runtime.providers, service.manager.claims, **(given | fields))


@pytest.fixture
def thread(service: Service, spool: Spool) -> WatchThread:
    return thread_of(service, spool.folder)


def lost(service: Service, spool: Spool, **fields: Any) -> tuple[Any, str]:
    """A checkpoint that has lost a snapshot, which is told."""
    share, other = service.share(), service.share()
    checkpoint = protected(service, share, other)
    spool.put(dump(event(service, checkpoint, share, **fields)))
    snapshot_away(service, checkpoint, share)
    return checkpoint, share


def known(service: Service, checkpoint: Any) -> dict[str, Any]:
    return says(service.checkpoint(checkpoint.id))


def test_what_is_told_is_written_and_its_file_goes(
    service: Service, spool: Spool, thread: WatchThread
) -> None:
    told = [lost(service, spool) for _ in range(3)]
    thread.turn()
    assert [list(known(service, each)["lost"]) for each, _share in told] == [
        [share] for _each, share in told
    ]
    assert spool.names() == []


def test_a_file_stays_until_what_it_says_is_written(
    service: Service, spool: Spool, thread: WatchThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dies before it is removed is followed by one who reads it again."""
    checkpoint, share = lost(service, spool)
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "remove", lambda *_args: None)
        thread.turn()
    assert len(spool.names()) == 1
    before = everything_in(service)
    thread_of(service.die(), spool.folder).turn()
    assert spool.names() == []
    assert everything_in(service)["shares"] == before["shares"]
    assert list(known(service, checkpoint)["lost"]) == [share]


def test_what_is_in_work_is_looked_at_later_and_ever_more_rarely(
    service: Service, spool: Spool, thread: WatchThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, _share = lost(service, spool)
    claims, bank = service.manager.claims, service.provider.bank
    named = {"provider_id": service.provider.id, "checkpoint_id": checkpoint.id, "bank": bank}
    claims.take(checkpoint.id, RECONCILE, **named)
    looks: list[float] = []
    judge = watched.Watched.judge

    def noting(self: Any, told: Any) -> Any:
        looks.append(service.cloud.clock.now())
        return judge(self, told)

    monkeypatch.setattr(watched.Watched, "judge", noting)
    for _ in range(200):
        thread.turn()
        service.cloud.clock.sleep(1.0)
    pauses = [round(later - sooner) for sooner, later in zip(looks, looks[1:], strict=False)]
    assert pauses == [2, 4, 8, 16, 32, 60, 60]
    claims.release(checkpoint.id)
    service.cloud.clock.sleep(60.0)
    thread.turn()
    assert "lost" in known(service, checkpoint)
    assert spool.names() == []


def test_what_cannot_be_judged_for_a_day_is_set_aside(
    service: Service, spool: Spool, thread: WatchThread
) -> None:
    checkpoint, _share = lost(service, spool)
    service.cloud.plan("snapshot", transient, times=10_000)
    thread.turn()
    (name,) = spool.names()
    at = (spool.folder / name).stat().st_mtime - 86401
    os.utime(spool.folder / name, (at, at))
    service.cloud.clock.sleep(3601.0)
    thread.turn()
    assert spool.names() == []
    assert [path.name for path in (spool.folder / ASIDE).iterdir()] == [name]
    assert "lost" not in known(service, checkpoint)


def test_a_manila_that_is_away_is_asked_for_a_few_and_not_for_all(
    service: Service, spool: Spool, thread: WatchThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(6):
        lost(service, spool)
    judged: list[Any] = []

    def away(_self: Any, told: Any) -> Any:
        judged.append(told)
        raise transient()

    with monkeypatch.context() as patch:
        patch.setattr(watched.Watched, "judge", away)
        thread.turn()
    assert len(judged) == 3
    assert len(spool.names()) == 6
    service.cloud.clock.sleep(60.0)
    thread.turn()
    assert spool.names() == []


def test_what_is_not_understood_is_set_aside_and_named(
    service: Service, spool: Spool, thread: WatchThread, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint, _share = lost(service, spool)
    spool.put(b"{")
    (spool.folder / "notes\x1b[31m.txt").write_text("x")
    thread.turn()
    assert "lost" in known(service, checkpoint)
    assert spool.names() == []
    assert len(list((spool.folder / ASIDE).iterdir())) == 2
    assert caplog.text.count("is set aside") == 2
    assert "\x1b" not in caplog.text


def test_what_is_of_no_provider_of_this_karbor_is_refused_and_logged(
    service: Service, spool: Spool, thread: WatchThread, caplog: pytest.LogCaptureFixture
) -> None:
    share = service.share()
    told = event(service, protected(service, share), share)
    told["mark"]["provider"] = "00000000-0000-0000-0000-0000000000ff"
    spool.put(dump(told))
    before = everything_in(service)["snapshots"]
    thread.turn()
    assert spool.names() == []
    assert "refused" in caplog.text
    assert everything_in(service)["snapshots"] == before


def test_a_file_that_cannot_be_taken_away_is_judged_once(
    service: Service, spool: Spool, thread: WatchThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost(service, spool)
    reads: list[str] = []
    read = Spool.read
    monkeypatch.setattr(Spool, "read", lambda self, name: (reads.append(name), read(self, name))[1])

    def forbidden(*_args: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Spool, "remove", forbidden)
    for _ in range(3):
        thread.turn()
    assert len(reads) == 1


def test_a_file_that_cannot_be_read_is_no_reason_to_read_no_other(
    service: Service, spool: Spool, thread: WatchThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [lost(service, spool) for _ in range(2)]
    first, second = spool.names()
    read = Spool.read

    def forbidden(self: Spool, name: str) -> bytes:
        if name == first:
            raise PermissionError(13, "Permission denied")
        return read(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "read", forbidden)
        thread.turn()
    assert spool.names() == [first]
    service.cloud.clock.sleep(60.0)
    thread.turn()
    assert all("lost" in known(service, checkpoint) for checkpoint, _share in told)


def test_it_reads_and_writes_where_eventlet_has_patched_the_system(tmp_path: Path) -> None:
    """As in karbor-protection and in many a manila-share: eventlet's os.fdopen is another one."""
    script = (
        "import eventlet; eventlet.monkey_patch()\n"
        "from karbor_manila.common.spool import Spool\n"
        f"spool = Spool({str(tmp_path / 'green')!r}, most=5)\n"
        "assert spool.read(spool.put(b'told')) == b'told'\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=120)  # noqa: S603


def test_a_spool_that_cannot_be_read_is_one_line_in_the_log(
    thread: WatchThread,
    spool: Spool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spool.folder.mkdir()
    spool.folder.chmod(0o777)
    turns = iter(range(5))

    def rest(_seconds: float) -> None:
        next(turns)

    monkeypatch.setattr(watched.eventlet, "sleep", rest)
    with pytest.raises(StopIteration):
        thread.run_for_ever()
    assert caplog.text.count("Everybody can write") == 1


# -- what it costs ----------------------------------------------------------------------------


def test_without_a_spool_or_notifications_there_is_no_thread(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_args: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(watched.eventlet, "spawn", never)
    thread = service.manager.runtime.watched
    thread.start()
    thread.stop()


def test_an_empty_spool_costs_no_bank_and_no_manila(
    service: Service, thread: WatchThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "Watched", None)
    monkeypatch.setattr(thread, "_providers", None)
    thread.turn()


def test_it_is_started_and_stopped(
    service: Service, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Any] = []

    class Green:
        def __init__(self, run: Any) -> None:
            self.run = run

        def kill(self) -> None:
            ended.append(self.run)

    monkeypatch.setattr(watched.eventlet, "spawn", Green)
    thread = thread_of(service, spool.folder)
    thread.start()
    thread.stop()
    assert ended == [thread.run_for_ever]


# -- notifications ----------------------------------------------------------------------------


def listening(service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WatchThread:
    monkeypatch.setattr(watched.eventlet, "spawn", lambda run: run)
    cfg.CONF.set_override("state_path", str(tmp_path / "state"))
    try:
        return thread_of(service, "", notifications=True)
    finally:
        cfg.CONF.clear_override("state_path")


def test_a_notification_is_put_away_and_judged(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over oslo.messaging's in-memory driver."""
    share, other = service.share(), service.share()
    checkpoint = protected(service, share, other)
    told = event(service, checkpoint, share)
    snapshot_away(service, checkpoint, share)
    thread = listening(service, monkeypatch, tmp_path)
    transport = oslo_messaging.get_notification_transport(cfg.CONF, url="fake://")
    given = {"publisher_id": "share.host", "driver": "messagingv2", "retry": 0}
    notifier = oslo_messaging.Notifier(transport, topics=[watch_listener.TOPIC], **given)
    monkeypatch.setattr(oslo_messaging, "get_notification_transport", lambda _conf: transport)
    real = oslo_messaging.get_notification_listener
    servers: list[Any] = []

    def by_threads(*args: Any, **kwargs: Any) -> Any:
        servers.append(real(*args, **{**kwargs, "executor": "threading"}))
        return servers[-1]

    monkeypatch.setattr(oslo_messaging, "get_notification_listener", by_threads)
    assert thread._listener
    put = Spool.put
    arrived = threading.Event()

    def noting(self: Spool, content: bytes) -> str:
        name = put(self, content)
        arrived.set()
        return name

    monkeypatch.setattr(thread._listener, "_put", lambda content: noting(thread._spool, content))
    thread._listener.start()
    notifier.info({}, "karbor_manila.watch.delete_snapshot", told)
    assert arrived.wait(30)
    servers[0].stop()
    servers[0].wait()
    thread.turn()
    assert list(known(service, checkpoint)["lost"]) == [share]
    assert thread._spool.names() == []
    assert thread._spool.folder == tmp_path / "state" / "karbor-manila-watch"


def test_a_message_that_cannot_be_put_away_stays_in_the_broker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch_listener.eventlet, "sleep", lambda _seconds: None)
    errors: list[Exception] = [OSError(28, "full")]
    put: list[bytes] = []

    def store(content: bytes) -> None:
        if errors:
            raise errors.pop()
        put.append(content)

    listener = watch_listener.Listener(store)
    message = ({}, "share.host", "karbor_manila.watch.failed", {"a": 1}, {})
    assert listener.info(*message) == oslo_messaging.NotificationResult.REQUEUE
    assert listener.info(*message) == oslo_messaging.NotificationResult.HANDLED
    assert [json.loads(each) for each in put] == [{"a": 1}]
    long = (*message[:3], {"a": "x" * 70000}, {})
    assert listener.info(*long) == oslo_messaging.NotificationResult.HANDLED
    assert len(put) == 1


def test_a_broker_that_cannot_be_reached_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(_conf: Any) -> None:
        raise oslo_messaging.InvalidTransportURL("x", "no such driver")

    monkeypatch.setattr(oslo_messaging, "get_notification_transport", away)
    listener = watch_listener.Listener(lambda _content: None)
    listener.start()
    listener.stop()
    assert "are not listened to" in caplog.text
