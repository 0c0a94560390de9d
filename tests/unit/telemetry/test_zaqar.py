# SPDX-License-Identifier: Apache-2.0
"""The listener that posts to Zaqar: which queue, in whose name, in which order, how long."""

import subprocess
import sys
import uuid
from types import SimpleNamespace

import pytest
from oslo_config import cfg

from karbor_manila.telemetry import zaqar
from karbor_manila.telemetry.dispatch import Delivery
from karbor_manila.telemetry.errors import (
    QueueNameUnusable,
    ZaqarRefused,
    ZaqarTransient,
    ZaqarUnavailable,
)
from karbor_manila.telemetry.events import ShareEvent
from tests.unit.clock import FakeClock

GROUP = "manila_share_protection"


def settings(**values):
    conf = cfg.ConfigOpts()
    conf([])
    conf.register_opts(zaqar.OPTIONS, GROUP)
    for name, value in values.items():
        conf.set_override(name, value, GROUP)
    return conf[GROUP]


def delivery(number=0, project="alpha", context=None, **fields):
    ids = {"provider_id": "provider", "checkpoint_id": f"cp-{number}", "share_id": "share"}
    event = ShareEvent(operation="protect", phase="end", project_id=project, **ids, **fields)
    return Delivery(event, context)


class Zaqar:
    """What was posted, and what goes wrong: an error each for the next posts, None for none."""

    def __init__(self, clock):
        self.clock = clock
        self.posts = []
        self.failures = []
        self.attempts = []
        self.takes = 0.0

    def post(self, session, queue, messages, **more):
        self.attempts.append(self.clock.now())
        self.clock.sleep(self.takes)
        failure = self.failures.pop(0) if self.failures else None
        if failure:
            raise failure
        self.posts.append((session, queue, [each["body"] for each in messages], more))

    def checkpoints(self, queue=None):
        return [
            body["payload"]["checkpoint_id"]
            for _, posted, bodies, _ in self.posts
            for body in bodies
            if queue in (None, posted)
        ]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def service(clock):
    return Zaqar(clock)


@pytest.fixture
def listener(service, clock):
    """Makes a listener with these options; its ``logins`` are those for whom a session was made."""

    def make(**options):
        logins = []

        def log_in(context):
            logins.append(context)
            return f"session {len(logins)}"

        made = zaqar.ZaqarListener(
            name="zaqar",
            settings=settings(**options),
            sessions=log_in,
            post=service.post,
            clock=clock,
        )
        made.check()
        made.start()
        made.logins = logins
        return made

    return make


def transient():
    return ZaqarTransient("post 1 events to the queue share-protection", "HTTP 503, no")


def test_events_are_posted_whole_in_order_and_several_at_once(listener, service):
    deliveries = [delivery(number) for number in range(5)]
    listener(zaqar_batch_size=2).deliver(deliveries)
    assert [len(bodies) for _, _, bodies, _ in service.posts] == [2, 2, 1]
    bodies = [body for _, _, bodies, _ in service.posts for body in bodies]
    assert bodies == [each.event.as_dict() for each in deliveries]
    assert {queue for _, queue, _, _ in service.posts} == {"share-protection"}


def test_the_client_id_is_a_uuid_and_stays(listener, service):
    made = listener()
    made.deliver([delivery()])
    made.deliver([delivery()])
    (client,) = {more["client_id"] for *_, more in service.posts}
    assert str(uuid.UUID(client)) == client
    assert listener().client_id != client


def test_karbor_s_own_session_is_made_once_and_no_token_of_a_tenant_is_used(listener, service):
    made = listener()
    made.deliver([delivery(context=SimpleNamespace(auth_token="t"))])
    made.deliver([delivery(), delivery(project="beta")])
    assert made.logins == [None]
    assert {session for session, *_ in service.posts} == {"session 1"}
    made.stop()
    assert made._own is None


def test_events_of_all_projects_keep_their_order_in_the_one_queue(listener, service):
    projects = ["alpha", "beta", "alpha", "beta"]
    listener().deliver([delivery(n, project) for n, project in enumerate(projects)])
    assert service.checkpoints() == ["cp-0", "cp-1", "cp-2", "cp-3"]
    assert len(service.posts) == 1


def test_a_template_gives_each_project_a_queue_of_its_own(listener, service):
    projects = ["alpha", "beta", "alpha"]
    listener(zaqar_queue="news-{project_id}").deliver(
        [delivery(n, project) for n, project in enumerate(projects)]
    )
    assert service.checkpoints("news-alpha") == ["cp-0", "cp-2"]
    assert service.checkpoints("news-beta") == ["cp-1"]


def test_a_tenant_s_events_are_posted_in_the_name_of_who_asked(listener, service):
    one, other = (SimpleNamespace(auth_token=token) for token in ("one", "other"))
    made = listener(zaqar_credentials="tenant")
    made.deliver([delivery(0, context=one), delivery(1, context=other), delivery(2, context=one)])
    assert made.logins == [one, other]
    assert [session for session, *_ in service.posts] == ["session 1", "session 2"]
    assert service.checkpoints() == ["cp-0", "cp-2", "cp-1"]


def test_a_tenant_s_session_does_not_outlive_the_delivery(listener):
    context = SimpleNamespace(auth_token="one")
    made = listener(zaqar_credentials="tenant")
    made.deliver([delivery(0, context=context)])
    made.deliver([delivery(1, context=context)])
    assert made.logins == [context, context]
    held = [value for value in vars(made).values() if value is context or value == "session 1"]
    assert held == []


def test_what_nobody_asked_for_is_posted_by_karbor_itself(listener, service):
    made = listener(zaqar_credentials="tenant")
    made.deliver([delivery(0, context=None)])
    assert made.logins == [None]
    assert service.checkpoints() == ["cp-0"]


def test_a_zaqar_that_is_away_for_a_while_gets_all_in_order(listener, service):
    service.failures = [transient(), transient(), None]
    listener(zaqar_batch_size=1).deliver([delivery(0), delivery(1)])
    assert service.checkpoints() == ["cp-0", "cp-1"]


def test_the_patience_ends_and_the_rest_is_not_tried_one_by_one(listener, service, clock):
    service.failures = [transient() for _ in range(1000)]
    began = clock.now()
    with pytest.raises(ZaqarUnavailable, match="for 30 seconds"):
        listener(zaqar_batch_size=1).deliver([delivery(number) for number in range(50)])
    assert 29 <= clock.now() - began <= 36
    assert service.posts == []


def test_one_patience_is_enough_for_all_queues_of_a_delivery(listener, service, clock):
    service.failures = [transient() for _ in range(1000)]
    made = listener(zaqar_queue="{project_id}")
    began = clock.now()
    with pytest.raises(ZaqarUnavailable):
        made.deliver([delivery(n, f"p{n}") for n in range(50)])
    assert clock.now() - began <= 36


def test_a_slow_zaqar_ends_with_the_patience_too(listener, service, clock):
    service.failures = [transient() for _ in range(1000)]
    service.takes = 10.0
    began = clock.now()
    with pytest.raises(ZaqarUnavailable):
        listener().deliver([delivery()])
    assert clock.now() - began <= 60


def test_a_no_is_not_tried_again_and_the_other_queues_are_posted(listener, service):
    service.failures = [ZaqarRefused("post", "Forbidden", 403)]
    with pytest.raises(ZaqarRefused):
        listener(zaqar_queue="{project_id}").deliver([delivery(0, "alpha"), delivery(1, "beta")])
    assert service.checkpoints("beta") == ["cp-1"]
    assert len(service.attempts) == 2


def test_a_no_to_one_queue_costs_the_others_no_patience(listener, service):
    service.failures = [ZaqarRefused("post", "Forbidden", 403), transient(), transient()]
    with pytest.raises(ZaqarRefused):
        listener(zaqar_queue="{project_id}").deliver([delivery(0, "alpha"), delivery(1, "beta")])
    assert service.checkpoints("beta") == ["cp-1"]


def test_after_an_outage_events_flow_again(listener, service):
    service.failures = [transient() for _ in range(1000)]
    made = listener()
    with pytest.raises(ZaqarUnavailable):
        made.deliver([delivery(0)])
    service.failures = []
    made.deliver([delivery(1)])
    assert service.checkpoints() == ["cp-1"]


def test_a_session_that_cannot_be_made_now_is_tried_again(service, clock):
    answers = [transient(), "session"]

    def log_in(context):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    made = zaqar.ZaqarListener(
        name="zaqar", settings=settings(), sessions=log_in, post=service.post, clock=clock
    )
    made.deliver([delivery(0)])
    assert service.checkpoints() == ["cp-0"]


def test_a_project_whose_id_makes_no_name_of_a_queue_harms_no_other(listener, service):
    made = listener(zaqar_queue="news-{project_id}")
    with pytest.raises(QueueNameUnusable, match="news-a/b"):
        made.deliver([delivery(0, "a/b"), delivery(1, "beta")])
    assert service.checkpoints() == ["cp-1"]


def test_a_large_event_is_cut_and_small_requests_are_made(listener, service):
    made = listener(zaqar_request_size=4096)
    made.deliver([delivery(n, reason="é" * 1000) for n in range(3)])
    bodies = [body for _, _, bodies, _ in service.posts for body in bodies]
    assert [body.get("truncated") for body in bodies] == [True] * 3
    assert service.checkpoints() == ["cp-0", "cp-1", "cp-2"]


@pytest.mark.parametrize(
    "queue", ["", "a b", "a.b", "x" * 65, "{project_id}" * 3, "{tenant}", "{", "{}", "{0.x}"]
)
def test_a_queue_that_cannot_be_is_refused_at_start(listener, queue):
    with pytest.raises(cfg.Error, match="zaqar_queue"):
        listener(zaqar_queue=queue)


def test_a_ca_file_that_cannot_be_read_is_refused_at_start(listener, tmp_path):
    with pytest.raises(cfg.Error, match="zaqar_ca_file = /no/such"):
        listener(zaqar_ca_file="/no/such/ca.pem")
    there = tmp_path / "ca.pem"
    there.touch()
    listener(zaqar_ca_file=str(there))


def test_a_missing_client_is_a_clear_error_at_start(monkeypatch):
    monkeypatch.setitem(sys.modules, "zaqarclient.queues.v2", None)
    monkeypatch.delitem(sys.modules, "karbor_manila.telemetry.zaqar_post", raising=False)
    made = zaqar.ZaqarListener(name="zaqar", settings=settings(), sessions=lambda context: None)
    with pytest.raises(cfg.Error, match=r"pip install 'karbor-manila\[zaqar\]'"):
        made.check()


def test_without_the_option_the_client_is_not_imported():
    look = (
        "import sys, karbor_manila.service.zaqar\n"
        "sys.exit(any(name.startswith('zaqarclient') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", look], check=False).returncode == 0


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("zaqar_ttl", 59),
        ("zaqar_ttl", 1209601),
        ("zaqar_batch_size", 0),
        ("zaqar_timeout", 0),
        ("zaqar_credentials", "nobody"),
        ("zaqar_request_size", 10),
    ],
)
def test_what_zaqar_does_not_take_is_no_value(option, wrong):
    with pytest.raises(ValueError):  # noqa: PT011 - oslo.config's words
        settings(**{option: wrong})
