# SPDX-License-Identifier: Apache-2.0
"""Which listeners karbor.conf names: found and checked before anything is started."""

import subprocess
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from typing import ClassVar

import pytest
from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.telemetry import events, listening, metrics
from karbor_manila.telemetry.dispatch import Delivery, Dispatcher, Listener
from tests.unit.telemetry.listeners import Keeping, event, settings

HERE = "tests.unit.telemetry.test_listening"


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    """After each test nobody listens."""
    yield
    events.listen(None)


def make(*names: str, **values: object) -> list[Listener]:
    return listening.make(settings(event_listeners=list(names), **values), opts.GROUP)


def test_none_is_configured_by_default() -> None:
    assert make() == []


def test_the_shipped_ones_are_found_by_their_names() -> None:
    assert {"metrics", "notifications"} <= set(listening.names())
    (found,) = make("metrics")
    assert (type(found), found.name) == (metrics.MetricsListener, "metrics")


@pytest.mark.parametrize(
    "name", ["tests.unit.telemetry.listeners:Keeping", "tests.unit.telemetry.listeners.Keeping"]
)
def test_a_class_of_the_operator_is_named_by_its_place(name: str) -> None:
    (found,) = make(name)
    assert isinstance(found, Keeping)


def test_one_that_is_named_twice_is_told_once() -> None:
    assert len(make("metrics", "metrics")) == 1


class Half(Listener):
    """Is no whole listener."""


class Choosy(Keeping):
    """Has an option of its own, and refuses a value of it."""

    options: ClassVar[Collection[cfg.Opt]] = (cfg.IntOpt("choosy_port", default=1, min=1),)

    def check(self) -> None:
        if self.settings.choosy_port == 13:
            raise cfg.Error("choosy_port: not 13")


class Broken(Keeping):
    """Cannot be made."""

    def __init__(self, *, name: str, settings: object) -> None:
        raise KeyError("home")


class Careless(Keeping):
    """Raises what it should not."""

    def check(self) -> None:
        raise RuntimeError("no home")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (f"{HERE}:Broken", f"event_listeners = {HERE}:Broken: .* KeyError: 'home'"),
        (f"{HERE}:Careless", f"event_listeners = {HERE}:Careless: .* RuntimeError: no home"),
        ("mail", r"event_listeners = mail: there is no such listener \(there are: .*metrics"),
        ("no.such:Thing", "event_listeners = no.such:Thing: it could not be loaded"),
        (f"{HERE}:Half", "is no whole"),
        (f"{HERE}:make", "is no whole"),
        ("oslo_config.cfg:Opt", "is no whole"),
    ],
)
def test_what_cannot_be_used_keeps_the_service_from_starting(name: str, said: str) -> None:
    with pytest.raises(cfg.Error, match=said):
        make(name)


def test_a_listener_has_its_own_options_and_refuses_what_it_cannot_take() -> None:
    conf = settings(event_listeners=[f"{HERE}:Choosy"])
    (found,) = listening.make(conf, opts.GROUP)
    assert found.settings.choosy_port == 1
    conf.set_override("choosy_port", 13, opts.GROUP)
    with pytest.raises(cfg.Error, match="not 13"):
        listening.make(conf, opts.GROUP)


def test_an_option_out_of_its_bounds_is_refused_at_the_start(tmp_path: object) -> None:
    path = f"{tmp_path}/karbor.conf"
    with open(path, "w") as file:  # noqa: PTH123 - tmp_path is any path
        file.write(f"[{opts.GROUP}]\nevent_listeners = {HERE}:Choosy\nchoosy_port = 0\n")
    conf = cfg.ConfigOpts()
    conf(["--config-file", path])
    opts.register_service_opts(conf)
    with pytest.raises(cfg.ConfigFileValueError, match="choosy_port"):
        listening.make(conf, opts.GROUP)


class Told(Keeping):
    """Keeps what each of its instances gets."""

    got: ClassVar[list[events.Event]] = []

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        self.got.extend(each.event for each in deliveries)


def test_a_command_has_told_all_when_it_ends() -> None:
    Told.got.clear()
    conf = settings(event_listeners=[f"{HERE}:Told"], event_stop_timeout=60.0)
    with listening.while_running(conf, opts.GROUP):
        for _ in range(100):
            events.emit(event)
    assert len(Told.got) == 100
    assert not events.is_heard()


def test_a_command_that_fails_has_told_all_too() -> None:
    Told.got.clear()
    conf = settings(event_listeners=[f"{HERE}:Told"], event_stop_timeout=60.0)
    with pytest.raises(RuntimeError), listening.while_running(conf, opts.GROUP):
        events.emit(event)
        raise RuntimeError
    assert len(Told.got) == 1


@pytest.mark.parametrize("starts", [1, 2])
def test_a_process_that_ends_has_told_all_although_nobody_stops_it(starts: int) -> None:
    """As Karbor, which calls no cleanup_host at a SIGTERM, and starts again at a SIGHUP."""
    script = (
        "import eventlet; eventlet.monkey_patch()\n"
        "import atexit\n"
        "from karbor_manila import opts\n"
        "from karbor_manila.telemetry import events, listening\n"
        f"from {HERE} import Told\n"
        "from tests.unit.telemetry.listeners import event, settings\n"
        "atexit.register(lambda: print(len(Told.got)))\n"
        f"conf = settings(event_listeners=['{HERE}:Told'], event_stop_timeout=60.0)\n"
        "told = listening.Listening(conf, opts.GROUP)\n"
        f"for _ in range({starts}): told.start()\n"
        "for _ in range(100): events.emit(event)\n"
    )
    ran = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert ran.stdout.strip() == "100"


def test_with_none_there_is_no_thread_no_dispatcher_and_no_sink(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[object] = []
    monkeypatch.setattr(Dispatcher, "__init__", lambda self, *_, **__: made.append(self))
    before = set(threading.enumerate())  # one of another test may end meanwhile
    with listening.while_running(settings(), opts.GROUP):
        assert (made, events.is_heard()) == ([], False)
        assert set(threading.enumerate()) <= before


def test_no_library_of_a_listener_is_loaded_for_who_does_not_name_it() -> None:
    code = (
        "import sys; from karbor_manila.telemetry import listening, metrics; "
        "print([name for name in sys.modules if name.startswith(('oslo_messaging', 'zaqar', "
        "'prometheus', 'karbor.'))])"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_the_options_of_all_installed_ones_are_in_the_sample() -> None:
    assert "notifications_topics" in {option.name for option in listening.options_of_all()}
