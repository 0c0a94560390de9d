# SPDX-License-Identifier: Apache-2.0
"""The green thread that reads what Manila's hook tells, and has it judged.

A file is removed once what it says is written or judged; a process that dies before that is
followed by one that reads it again, and the checkpoint says it once. What cannot be judged yet, the
checkpoint being in work or the bank away, is looked at again later, and is set aside after a day.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import eventlet
from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import FileUnsuitable
from karbor_manila.common.spool import Spool
from karbor_manila.common.turns import taking_turns
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.recovery.audit.told import Told, load
from karbor_manila.recovery.audit.watched import Judged, Verdict, Watched
from karbor_manila.recovery.claims import Claims
from karbor_manila.recovery.errors import ToldInvalid
from karbor_manila.service.watch_listener import Listener

LOG = logging.getLogger(__name__)

_INTERVAL = 1.0  # seconds between two looks at the spool
_MOST = 10_000  # files in our own spool, of notifications
_MOST_A_TURN = 500
_MOST_ASIDE = 100
_FIRST_PAUSE, _LONGEST_PAUSE = (
    2.0,
    60.0,
)  # seconds until the next look at what is to be judged later
_GIVEN_UP = 86400.0  # seconds after which it is not any more
_TRIED = 3600.0  # seconds for which this process has tried by then: none may have run for long
_LEFT = 3600.0  # seconds after which a file that is being written is what a dead process left
_AWAY = 3  # errors of a provider in a turn, after which its bank or Manila is not asked any more

_NOT_ASKED = Judged(Verdict.LATER, "its bank or Manila is away")


class _Later(NamedTuple):
    """A file that was not judged.

    :ivar at: when to look again
    :ivar pause: seconds until the time after that
    :ivar asked: how often its bank or Manila was asked
    :ivar since: when it was first
    """

    at: float = 0.0
    pause: float = _FIRST_PAUSE
    asked: int = 0
    since: float = 0.0


class WatchThread:
    """Reads the spool, as long as the service runs; nothing at all when nothing is configured.

    :param providers: gives Karbor's providers
    :param held: the claims of this process
    :param folder: the spool; empty for none, or for one of our own when there are notifications
    :param notifications: whether to listen for those
    """

    def __init__(
        self,
        providers: Callable[[], Iterable[Any]],
        held: Claims,
        *,
        folder: str,
        notifications: bool,
        clock: Clock | None = None,
    ) -> None:
        self._providers = providers
        self._claims = held
        self._clock = clock or Clock()
        self._is_on = bool(folder or notifications)
        own = Path(cfg.CONF.state_path) / "karbor-manila-watch" if notifications else ""
        self._spool = Spool(folder or own, most=_MOST)
        self._listener = Listener(self._spool.put) if notifications else None
        self._threads: list[Any] = []
        self._later: dict[str, _Later] = {}
        # What is done with and cannot be removed.
        self._done: set[str] = set()
        self._trouble = ""

    def start(self) -> None:
        """Begin, if anything is configured."""
        if not self._is_on:
            return
        self._threads.append(eventlet.spawn(self.run_for_ever))
        if self._listener:
            # Beside it: it waits for the broker.
            self._threads.append(eventlet.spawn(self._listener.start))

    def stop(self) -> None:
        """End it where it waits; what it was at is read again after the next start."""
        if self._listener and self._threads:
            self._listener.stop()
        for thread in self._threads:
            thread.kill()

    def run_for_ever(self) -> None:
        """Turn after turn."""
        while True:
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 - of a folder; the next turn comes all the same
                self._say(f"{type(error).__name__}: {error}")
            eventlet.sleep(_INTERVAL)

    def turn(self) -> None:
        """Judge what there is and is due.

        :raises SpoolUnsafe, OSError: the spool cannot be read
        """
        names = self._spool.names()
        self._forget(set(names))
        now = self._clock.now()
        due = [name for name in names if name not in self._done and self._before(name).at <= now]
        if not due:
            return
        # First what was asked for less often: a few that end in errors hold up no others.
        due.sort(key=lambda name: self._before(name).asked)
        self._spool.tidy(_LEFT)
        with self._judges() as judge:
            for name in taking_turns(due[:_MOST_A_TURN]):
                told = self._read(name)
                if told:
                    self._end(name, told, judge(told))

    # -- one file -------------------------------------------------------------------------------

    def _read(self, name: str) -> Told | None:
        """What a file tells; None for one that is gone, or was set aside."""
        try:
            return load(self._spool.read(name))
        except FileNotFoundError:
            return None
        except (FileUnsuitable, ToldInvalid) as error:
            LOG.warning("%r in %s is set aside: %s", name, self._spool.folder, error)
            self._remove(name, aside=True)
        except OSError as error:
            self._say(f"{name}: {error}")
            self._postpone(name)
        return None

    def _end(self, name: str, told: Told, judged: Judged) -> None:
        verdict, why = judged
        of = told.snapshot_id or told.share_id
        about = (told.mark.resource, told.mark.checkpoint, told.what, of)
        if verdict is Verdict.LATER:
            asked = judged is not _NOT_ASKED
            if asked and self._is_given_up(name):
                LOG.warning("Share %s, checkpoint %s: %s of %s is set aside: %s", *about, why)
                self._remove(name, aside=True)
                return
            self._postpone(name, asked=asked)
            return
        say = {Verdict.WRITTEN: LOG.warning, Verdict.REFUSED: LOG.warning}.get(verdict, LOG.debug)
        say("Share %s, checkpoint %s: %s of %s: %s: %s", *about, verdict.value, why)
        self._remove(name, aside=False)

    def _is_given_up(self, name: str) -> bool:
        before = self._before(name)
        tried = self._clock.now() - before.since if before.asked else 0.0
        return tried > _TRIED and self._spool.age(name) > _GIVEN_UP

    def _postpone(self, name: str, *, asked: bool = False) -> None:
        now, before = self._clock.now(), self._before(name)
        self._later[name] = _Later(
            now + before.pause,
            min(before.pause * 2, _LONGEST_PAUSE),
            before.asked + asked,
            before.since if before.asked else now,
        )

    def _remove(self, name: str, *, aside: bool) -> None:
        self._later.pop(name, None)
        try:
            if aside:
                self._spool.set_aside(name, _MOST_ASIDE)
            else:
                self._spool.remove(name)
        except OSError as error:
            self._done.add(name)
            self._say(f"{name} cannot be taken out of {self._spool.folder}: {error}")

    # -- all of them ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _judges(self) -> Iterator[Callable[[Told], Judged]]:
        """What judges in this turn: by the provider that a mark names."""
        ours = {each.id: each for each in self._providers() if protects_shares(each)}
        watched: dict[str, Watched] = {}
        errors: dict[str, int] = {}

        def judge(told: Told) -> Judged:
            provider_id = told.mark.provider
            if provider_id not in ours:
                return Judged(Verdict.REFUSED, f"its mark is of provider {provider_id}")
            if errors.get(provider_id, 0) >= _AWAY:
                return _NOT_ASKED
            if provider_id not in watched:
                watched[provider_id] = Watched(ours[provider_id], self._claims, self._clock)
            try:
                return watched[provider_id].judge(told)
            except Exception as error:  # noqa: BLE001 - of a bank, the database or Manila; asked again later
                errors[provider_id] = errors.get(provider_id, 0) + 1
                LOG.warning("Checkpoint %s is not judged yet: %s", told.mark.checkpoint, error)
                return Judged(Verdict.LATER, str(error))

        try:
            yield judge
        finally:
            for each in watched.values():
                each.close()

    def _before(self, name: str) -> _Later:
        return self._later.get(name, _Later())

    def _forget(self, names: set[str]) -> None:
        """What another reader has taken away."""
        self._later = {name: when for name, when in self._later.items() if name in names}
        self._done &= names

    def _say(self, trouble: str) -> None:
        """Log what is in the way of reading the spool, each once."""
        if trouble != self._trouble:
            LOG.error("What Manila's hook tells cannot be read: %s", trouble)
        self._trouble = trouble
