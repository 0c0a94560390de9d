# SPDX-License-Identifier: Apache-2.0
"""What is told of Karbor's real flows: each begins and ends, with what came of its shares."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor.services.protection.flows import protect as flow_protect
from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.telemetry import events
from karbor_manila.telemetry.events import Event
from tests.fakes.manila import Died, refused
from tests.unit.karbor_stage import SHARE, TOKEN, Service, started
from tests.unit.service.flow_stage import raising
from tests.unit.telemetry.listeners import heard, types

SAMPLES = Path(__file__).resolve().parents[3] / "doc" / "reference" / "event_samples"


def shape(value: Any) -> Any:
    """The names in it, at every depth."""
    return {name: shape(each) for name, each in value.items()} if isinstance(value, dict) else None


def checkpoint_event(told: list[Any]) -> Any:
    (found,) = (
        each for each in told if types([each]) in (["checkpoint.end"], ["checkpoint.error"])
    )
    return found


def test_a_whole_life_is_told_in_its_order(service: Service) -> None:
    share = service.share()
    with heard() as told:
        checkpoint = service.protect(service.plan(share))
        service.verify(checkpoint.id)
        service.verify(checkpoint.id, {SHARE: {"depth": "drill"}})
        service.restore(checkpoint.id)
        service.delete(checkpoint.id)
    assert types(told) == [
        f"{name}.{phase}"
        for kind in ("protect", "verify", "drill", "restore", "delete")
        for name, phase in (
            ("checkpoint", "start"),
            (kind, "start"),
            (kind, "end"),
            ("checkpoint", "end"),
        )
    ]
    flows = [each for each in told if each.operation == "checkpoint"]
    assert [(each.flow, each.status) for each in flows if each.phase == "end"] == [
        ("protect", "available"),
        ("verify", "success"),
        ("verify", "success"),
        ("restore", "success"),
        ("delete", "deleted"),
    ]
    assert all((each.shares, each.ok, each.failed) == (1, 1, 0) for each in flows[1::2])


def test_each_looks_like_its_sample_and_has_no_token(service: Service) -> None:
    with heard() as told:
        checkpoint = service.protect(service.plan(service.share()))
        service.restore(checkpoint.id)
        service.delete(checkpoint.id)
    for each in told:
        sample = json.loads((SAMPLES / f"{each.type}.json").read_text(encoding="utf-8"))
        assert shape(each.as_dict()) == shape(sample)
        assert TOKEN not in json.dumps(each.as_dict())
        assert each.project_id == service.project_id
        assert each.plan_id == checkpoint.protection_plan["id"]


def test_a_flow_of_which_a_share_failed_tells_how_many_and_why(service: Service) -> None:
    shares = [service.share() for _ in range(3)]
    service.cloud.plan("create_snapshot", lambda: refused(413))
    with heard() as told:
        service.protect(service.plan(*shares))
    end = checkpoint_event(told)
    assert (end.type, end.status) == ("share_protection.checkpoint.error", "error")
    assert (end.shares, end.ok, end.failed, end.left_out) == (3, 2, 1, 0)
    assert "413" in end.reason
    assert not end.followed


def test_a_flow_that_fails_outside_its_shares_is_told(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_protect.CompleteProtectTask, "execute", raising(OSError("secret")))
    with heard() as told:
        service.protect(service.plan(service.share()))
    end = checkpoint_event(told)
    assert (end.phase, end.ok, end.failed) == ("error", 1, 0)
    assert end.reason.startswith("An unexpected error (OSError)")
    assert "secret" not in end.reason


def test_a_flow_that_cannot_be_built_is_told_once(service: Service) -> None:
    project = {"type": "OS::Keystone::Project", "id": service.project_id, "name": "empty"}
    with heard() as told, pytest.raises(Exception, match="."):
        service.protect(service.plan(resources=[project]))
    assert types(told) == ["checkpoint.error"]
    assert told[0].reason
    assert (told[0].ok, told[0].shares) == (None, 0)


def test_of_a_flow_that_is_killed_no_end_is_told(service: Service) -> None:
    service.cloud.plan("create_snapshot", Died)
    with heard() as told, pytest.raises(Died):
        service.protect(service.plan(service.share()))
    assert {each.phase for each in told} == {"start"}


def test_whose_request_it_is_goes_with_every_event_of_a_flow(service: Service) -> None:
    contexts: list[Any] = []
    events.listen(lambda _event, context: contexts.append(context))
    try:
        service.protect(service.plan(service.share()))
    finally:
        events.listen(None)
    assert {context.project_id for context in contexts} == {service.project_id}


@pytest.fixture
def no_event(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Event]]:
    """The events that are made."""
    made: list[Event] = []
    monkeypatch.setattr(events.Event, "__post_init__", made.append)
    yield made
    events.listen(None)


def test_with_nobody_configured_no_event_is_made(service: Service, no_event: list[Event]) -> None:
    service.manager.init_host(service_id=1)
    checkpoint = service.protect(service.plan(service.share(), service.share()))
    service.restore(checkpoint.id)
    service.delete(checkpoint.id)
    service.manager.cleanup_host()
    assert no_event == []


KEEPING = "tests.unit.telemetry.listeners:Keeping"


@pytest.fixture
def named() -> Iterator[Callable[[str], None]]:
    """Names a listener in karbor.conf, before a service starts; :func:`started` forgets it."""

    def name(listener: str) -> None:
        opts.register_service_opts(cfg.CONF)
        cfg.CONF.set_override("event_listeners", [listener], opts.GROUP)
        cfg.CONF.set_override("event_stop_timeout", 60.0, opts.GROUP)

    yield name
    events.listen(None)


def test_the_service_tells_whom_its_file_names_from_its_start_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: Callable[[str], None]
) -> None:
    named(KEEPING)
    with started(tmp_path, monkeypatch) as service:
        assert not events.is_heard()
        service.manager.init_host(service_id=1)
        assert events.is_heard()
        service.protect(service.plan(service.share()))
        service.manager.cleanup_host()
        assert not events.is_heard()
        assert service.manager.runtime.listening.counts()[KEEPING].delivered == 4


def test_a_listener_that_is_not_there_keeps_the_service_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: Callable[[str], None]
) -> None:
    named("mail")
    unusable = pytest.raises(cfg.Error, match="event_listeners = mail")
    with unusable, started(tmp_path, monkeypatch):
        pass
