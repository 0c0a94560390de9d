# SPDX-License-Identifier: Apache-2.0
"""Events in a real Zaqar on a real Redis, and what becomes of the work when either is down."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from keystoneauth1 import service_token
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import access as access_plugin
from keystoneauth1.identity import v3
from oslo_config import cfg

from karbor_manila.telemetry import zaqar, zaqar_post
from karbor_manila.telemetry.dispatch import Dispatcher
from karbor_manila.telemetry.events import ShareEvent
from sandbox import paths
from sandbox.keystone.content import DOMAIN
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from sandbox.zaqar import redis
from tests.functional.conftest import PLUGINS
from tests.functional.zaqar_reader import Reader

QUEUE = "share-protection"
GROUP = "manila_share_protection"


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file in which another listener writes each event."""
    return tmp_path_factory.mktemp("events") / "events"


@pytest.fixture(scope="module")
def posting(tmp_path_factory: pytest.TempPathFactory, heard: Path) -> Iterator[Stack]:
    """A sandbox with a Zaqar, whose Karbor posts events into a queue of its own project."""
    if shutil.which(redis.PROGRAM) is None:
        missing = f"{redis.PROGRAM} is not installed: {redis.INSTALL}"
        # CI installs it.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with Stack(
        tmp_path_factory.mktemp("zaqar") / "state",
        say=lambda line: print(line, file=sys.stderr),  # noqa: T201 - progress of a long start
        zaqar=True,
        pythonpath=[PLUGINS],
        karbor_options=options(heard),
    ) as stack:
        yield stack


def options(heard: Path, **more: Any) -> dict[str, Any]:
    ours = {
        "event_listeners": "zaqar,event_file:EventFileListener",
        "event_file_path": str(heard),
        "zaqar_retry_timeout": 1,
        "zaqar_timeout": 30,
        **more,
    }
    return {f"{GROUP}/{name}": value for name, value in ours.items()}


@pytest.fixture
def alpha(posting: Stack) -> Iterator[Tenant]:
    tenant = Tenant(posting.info, "alpha")
    yield tenant
    tenant.delete_checkpoints()
    tenant.clean()


@pytest.fixture
def karbor(posting: Stack, heard: Path) -> Reader:
    """Reads Karbor's own queues, in which nothing is."""
    for name in ("redis", "zaqar"):
        posting.kill(name, signal.SIGCONT)
        posting.start_service(name)
    reader = Reader.of_karbor(posting)
    reader.forget(QUEUE)
    heard.unlink(missing_ok=True)
    return reader


def told(heard: Path) -> list[dict[str, Any]]:
    """The events that the other listener got."""
    return [json.loads(line) for line in heard.read_text().splitlines()] if heard.exists() else []


def types_of(checkpoint_id: str, bodies: list[dict[str, Any]]) -> list[str]:
    """The types of the events of a checkpoint, without what all of them begin with."""
    return [
        body["event_type"].partition(".")[2]
        for body in bodies
        if body["payload"]["checkpoint_id"] == checkpoint_id
    ]


def events_of(checkpoint_id: str, reader: Reader, last: str, queue: str = QUEUE) -> list[Any]:
    """What is in the queue, once it has the last event of a checkpoint."""
    return wait(
        f"{last} of checkpoint {checkpoint_id} in {queue}",
        lambda: reader.bodies(queue),
        lambda bodies: last in types_of(checkpoint_id, bodies),
        120,
    )


def test_a_whole_life_of_a_checkpoint_can_be_read_back_in_order(
    posting: Stack, karbor: Reader, alpha: Tenant, heard: Path
) -> None:
    shares = [alpha.make_share(f"z{number}") for number in range(2)]
    checkpoint = alpha.protect(alpha.plan_of_shares(shares))
    alpha.verify(checkpoint)
    alpha.restore(checkpoint)
    alpha.delete(checkpoint)
    bodies = wait(
        "the end of the deletion in the queue",
        lambda: karbor.bodies(QUEUE),
        lambda bodies: bodies == told(heard) and flows(bodies)[-1:] == ["delete.end"],
        120,
    )
    assert flows(bodies) == [
        f"{flow}.{phase}"
        for flow in ("protect", "verify", "restore", "delete")
        for phase in ("start", "end")
    ]
    types = types_of(checkpoint.id, bodies)
    for operation in ("protect", "verify", "restore", "delete"):
        for phase in ("start", "end"):
            assert types.count(f"{operation}.{phase}") == len(shares), types
    assert {body["payload"]["project_id"] for body in bodies} == {alpha.project_id}
    assert len({body["event_id"] for body in bodies}) == len(bodies)
    assert not any(body.get("truncated") for body in bodies)


def flows(bodies: list[dict[str, Any]]) -> list[str]:
    """What Karbor's flows tell, in their order, such as ``protect.start``."""
    return [
        f"{body['payload']['flow']}.{body['event_type'].rpartition('.')[2]}"
        for body in bodies
        if ".checkpoint." in body["event_type"]
    ]


def test_a_protect_ends_well_while_nothing_can_be_posted_and_events_flow_again(
    posting: Stack, karbor: Reader, alpha: Tenant, heard: Path
) -> None:
    plan = alpha.plan_of_shares([alpha.make_share("z")])
    log = posting.info.logs["karbor"]
    before, began = log.stat().st_size, time.monotonic()

    def lines() -> int:
        return log.read_bytes()[before:].count(b"The listener zaqar could not take events")

    for service, number in (
        ("redis", signal.SIGKILL),
        ("redis", signal.SIGSTOP),
        ("zaqar", signal.SIGSTOP),
    ):
        posting.kill(service, number)
        checkpoint = alpha.protect(plan)  # raises unless it becomes available
        wait("events for the other listener", lambda: told(heard), done_for(checkpoint.id), 60)
        wait("a line of the log that says that events are lost", lines, bool, 120)
        posting.kill(service, signal.SIGCONT)
        posting.start_service(service)
    again = alpha.protect(plan)
    bodies = events_of(again.id, karbor, "checkpoint.end")
    assert types_of(again.id, bodies) == types_of(again.id, told(heard))
    assert lines() <= 1 + (time.monotonic() - began) / 60  # one a minute


def test_what_waits_when_karbor_is_ended_is_posted_still(
    posting: Stack, karbor: Reader, alpha: Tenant
) -> None:
    plan = alpha.plan_of_shares([alpha.make_share("z")])
    posting.kill("zaqar", signal.SIGSTOP)
    checkpoint = alpha.protect(plan)
    posting.kill("karbor", signal.SIGTERM)
    posting.kill("zaqar", signal.SIGCONT)
    wait("the end of Karbor", lambda: posting.running("karbor"), lambda runs: not runs, 120)
    posting.start_service("karbor")
    found = types_of(checkpoint.id, karbor.bodies(QUEUE))
    assert found == ["checkpoint.start", "protect.start", "protect.end", "checkpoint.end"]


def done_for(checkpoint_id: str) -> Any:
    return lambda bodies: "checkpoint.end" in types_of(checkpoint_id, bodies)


def test_with_the_tenant_s_credentials_the_queue_is_in_the_tenant_s_project(
    posting: Stack, karbor: Reader, alpha: Tenant, heard: Path
) -> None:
    posting.restart("karbor", karbor_options=options(heard, zaqar_credentials="tenant"))
    try:
        own = Reader.of_tenant(posting.info, "alpha")
        checkpoint = alpha.protect(alpha.plan_of_shares([alpha.make_share("z")]))
        bodies = events_of(checkpoint.id, own, "checkpoint.end")
        assert types_of(checkpoint.id, bodies) == types_of(checkpoint.id, told(heard))
        assert QUEUE in own.queues()
        assert types_of(checkpoint.id, karbor.bodies(QUEUE)) == []
        assert Reader.of_tenant(posting.info, "beta").queues() == []
    finally:
        posting.restart("karbor", karbor_options=options(heard))


def test_a_trust_of_the_tenant_is_enough(posting: Stack, karbor: Reader, alpha: Tenant) -> None:
    """As a scheduled operation has one: Karbor's user acts for the tenant."""
    own = karbor_auth(posting)
    trust = alpha.session.post(
        f"{posting.info.auth_url}/OS-TRUST/trusts",
        json={
            "trust": {
                "trustor_user_id": alpha.session.get_user_id(),
                "trustee_user_id": keystone_session.Session(auth=own).get_user_id(),
                "project_id": alpha.project_id,
                "impersonation": True,
                "roles": [{"name": "member"}],
            }
        },
    ).json()["trust"]["id"]
    asked = keystone_session.Session(auth=karbor_auth(posting, trust_id=trust))
    # What Karbor makes of the context of such a request (client_factory.py, _generate_session).
    plugin = access_plugin.AccessInfoPlugin(asked.auth.get_access(asked), posting.info.auth_url)
    session = keystone_session.Session(auth=service_token.ServiceTokenAuthWrapper(plugin, own))
    event = an_event(0).as_dict()
    zaqar_post.post(
        session,
        "of-a-trust",
        [{"ttl": 60, "body": event}],
        client_id=str(uuid.uuid4()),
        interface="public",
        region=None,
    )
    assert Reader.of_tenant(posting.info, "alpha").bodies("of-a-trust") == [event]
    assert "of-a-trust" not in karbor.queues()


def karbor_auth(stack: Stack, **scope: Any) -> v3.Password:
    """How Karbor's own user logs in, to its project or by a trust."""
    project = {} if scope else {"project_name": "service", "project_domain_id": DOMAIN}
    return v3.Password(
        auth_url=stack.info.auth_url,
        username="karbor",
        password=stack.state.passwords()["karbor"],
        user_domain_id=DOMAIN,
        **project,
        **scope,
    )


@pytest.fixture
def webhook() -> Iterator[subprocess.Popen[str]]:
    """The webhook of the documents; its first line is its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox.zaqar.webhook"],
        cwd=paths.REPO,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.terminate()


def test_zaqar_s_subscriptions_send_events_as_mail_and_to_a_webhook(
    posting: Stack, karbor: Reader, webhook: subprocess.Popen[str]
) -> None:
    assert webhook.stdout is not None
    karbor.subscribe(QUEUE, webhook.stdout.readline().strip())
    karbor.subscribe(QUEUE, "mailto:operator@example.org")
    event = an_event(0)
    with_dispatcher(posting, [event])
    message = json.loads(webhook.stdout.readline())
    assert message["body"] == event.as_dict()
    assert message["queue_name"] == QUEUE
    mails = posting.state.directory("zaqar") / "mails"
    text = wait("the mail", lambda: mails.exists() and mails.read_text(), bool, 60)
    assert "to: operator@example.org" in text
    assert event.event_id in text


def test_redis_killed_under_a_burst_is_waited_for_and_the_order_stays(
    posting: Stack, karbor: Reader
) -> None:
    events = [an_event(number) for number in range(600)]

    def in_the_middle(number: int) -> None:
        if number == 200:
            posting.kill("redis")
        if number == 400:
            posting.start_service("redis")

    counts = with_dispatcher(posting, events, in_the_middle)
    assert counts.delivered + counts.failed + counts.dropped == len(events)
    assert counts.delivered > 0
    # What was in Redis is gone with it; what came after it is there, in order.
    found = [body["event_id"] for body in karbor.bodies(QUEUE)]
    order = {event.event_id: number for number, event in enumerate(events)}
    numbers = [order[event_id] for event_id in found]
    assert numbers == sorted(numbers)
    assert numbers[-1] == len(events) - 1


def test_what_cannot_be_posted_in_time_is_counted(posting: Stack, karbor: Reader) -> None:
    posting.kill("redis")
    counts = with_dispatcher(
        posting, [an_event(number) for number in range(5)], patience=1.0, timeout=2.0
    )
    assert (counts.delivered, counts.failed) == (0, 5)


def an_event(number: int) -> ShareEvent:
    return ShareEvent(
        operation="protect",
        phase="end",
        provider_id="provider",
        checkpoint_id=str(uuid.UUID(int=number)),
        project_id="0" * 32,
        share_id="share",
    )


def with_dispatcher(
    stack: Stack,
    events: list[ShareEvent],
    step: Any = lambda number: None,
    patience: float = 60.0,
    timeout: float = 30.0,
) -> Any:
    """Have these events told by a dispatcher of this process, as Karbor's user; what came of it."""
    conf = cfg.ConfigOpts()
    conf([])
    conf.register_opts(zaqar.OPTIONS, GROUP)
    conf.set_override("zaqar_timeout", timeout, GROUP)
    conf.set_override("zaqar_retry_timeout", patience, GROUP)
    auth = karbor_auth(stack)
    listener = zaqar.ZaqarListener(
        name="zaqar",
        settings=conf[GROUP],
        sessions=lambda context: keystone_session.Session(auth=auth, timeout=timeout),
    )
    listener.check()
    dispatcher = Dispatcher([listener], size=10000)
    dispatcher.start()
    try:
        for number, event in enumerate(events):
            step(number)
            dispatcher.put(event, None)
    finally:
        assert dispatcher.stop(120)
    return dispatcher.counts()["zaqar"]
