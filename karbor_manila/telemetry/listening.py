# SPDX-License-Identifier: Apache-2.0
"""The listeners that karbor.conf names: found, checked, and listening while something runs.

A listener's module is imported when it is named, and not before: its library costs nobody else
anything.
"""

import atexit
import contextlib
import inspect
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import stevedore
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import importutils

from karbor_manila.telemetry import metrics
from karbor_manila.telemetry.dispatch import Counts, Dispatcher, Listener

LOG = logging.getLogger(__name__)

#: Entry points of installed listeners: classes that are a :class:`~.dispatch.Listener`.
NAMESPACE = "karbor_manila.listeners"


def names() -> list[str]:
    """The names of the installed listeners; none is loaded for that."""
    installed: Any = stevedore.NamedExtensionManager(NAMESPACE, names=[])
    return sorted(set(installed.entry_points_names()))


def load(name: str) -> type[Listener]:
    """The class of a listener.

    :param name: that of an entry point, ``module:Class`` or ``module.Class``
    :raises cfg.Error: there is none of this name, or none that can be used
    """
    known = names()
    dotted = name.replace(":", ".", 1)
    if name not in known and "." not in dotted:
        raise cfg.Error(
            f"event_listeners = {name}: there is no such listener (there are: "
            f"{', '.join(known) or 'none'}). Check its spelling, or install its package."
        )
    try:
        found: Any = (
            stevedore.DriverManager(NAMESPACE, name).driver
            if name in known
            else importutils.import_class(dotted)
        )
    except Exception as error:  # whatever another package raises when it is imported
        LOG.exception("Listener %s", name)
        raise cfg.Error(f"event_listeners = {name}: it could not be loaded: {error}") from error
    if not (inspect.isclass(found) and issubclass(found, Listener)) or inspect.isabstract(found):
        raise cfg.Error(
            f"event_listeners = {name}: {found!r} is no whole "
            f"karbor_manila.telemetry.dispatch.Listener"
        )
    listener: type[Listener] = found
    return listener


def make(conf: cfg.ConfigOpts, group: str, also: Collection[str] = ()) -> list[Listener]:
    """The listeners that are named, with options that they can take; none of them is started.

    :param conf: with the options of :mod:`.options` in this group
    :param also: the names of others
    :raises cfg.Error: a name or an option cannot be as it is
    """
    made = []
    for name in dict.fromkeys([*conf[group].event_listeners, *also]):
        kind = load(name)
        conf.register_opts(list(kind.options), group)
        for option in kind.options:
            _check(conf, group, option)
        made.append(_made(kind, name, conf[group]))
    return made


def _made(kind: type[Listener], name: str, settings: Any) -> Listener:
    try:
        listener = kind(name=name, settings=settings)
        listener.check()
    except cfg.Error:
        raise
    except Exception as error:  # whatever another package raises: the start says whose it is
        LOG.exception("Listener %s", name)
        why = f"{type(error).__name__}: {error}"
        raise cfg.Error(f"event_listeners = {name}: it could not be made: {why}") from error
    return listener


def _check(conf: cfg.ConfigOpts, group: str, option: cfg.Opt) -> None:
    try:
        conf[group][option.dest]  # a value that is refused is refused now
    except ValueError as error:
        raise cfg.ConfigFileValueError(f"[{group}] {option.name}: {error}") from error


def options_of_all() -> list[cfg.Opt]:
    """The options of all installed listeners that can be loaded; for the sample."""
    listed: list[cfg.Opt] = []
    for name in names():
        try:
            listed += load(name).options
        except cfg.Error as error:
            LOG.warning("Its options are not listed: %s", error)
    return listed


class Listening:
    """What is told to whom while a service runs.

    :param conf: as of :func:`make`
    :raises cfg.Error: as :func:`make`
    """

    def __init__(self, conf: cfg.ConfigOpts, group: str, also: Collection[str] = ()) -> None:
        self._timeout = float(conf[group].event_stop_timeout)
        self._dispatcher: Dispatcher | None = None
        if listeners := make(conf, group, also):
            self._dispatcher = Dispatcher(listeners, size=conf[group].event_queue_size)

    def start(self) -> None:
        """Tell the listeners from now on; nothing is begun when there are none."""
        if self._dispatcher:
            metrics.METRICS.watch(self.counts)
            self._dispatcher.start()
            # Karbor calls no cleanup_host when its service ends (karbor/service.py, Service.stop).
            atexit.register(self.stop)

    def stop(self) -> None:
        """Tell them what waits, for ``event_stop_timeout`` seconds at most, and nothing more."""
        if self._dispatcher:
            atexit.unregister(self.stop)
            self._dispatcher.stop(self._timeout)

    def counts(self) -> Mapping[str, Counts]:
        """What became of the events, by the name of the listener."""
        return self._dispatcher.counts() if self._dispatcher else {}


@contextlib.contextmanager
def while_running(conf: cfg.ConfigOpts, group: str) -> Iterator[None]:
    """The same around a command. Raises cfg.Error as :func:`make`."""
    listening = Listening(conf, group)
    listening.start()
    try:
        yield
    finally:
        listening.stop()
