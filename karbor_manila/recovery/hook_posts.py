# SPDX-License-Identifier: Apache-2.0
"""Calls the posts of hooks that a dead process has begun: what each is told, and how it ends."""

import dataclasses
import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any

from karbor.resource import Resource
from oslo_log import log as logging

from karbor_manila.bank import hook_runs
from karbor_manila.bank.hook_runs import Began, Run
from karbor_manila.bank.record import ShareRecord
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.database.requested import as_karbor
from karbor_manila.hooks import catalogue, deadline
from karbor_manila.hooks.base import INTERRUPTED, Call, Environment, Hook, Outcome
from karbor_manila.manila.views import View
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.plugin import SHARE
from karbor_manila.operations.work import Work
from karbor_manila.recovery.errors import HookNotConfigured
from karbor_manila.recovery.shared_manila import Connect
from karbor_manila.recovery.slots import SideBySide

LOG = logging.getLogger(__name__)

#: What a post is told of its work.
_DIED = "The process that called the hook died, or lost its claim, before the work was over."

#: Starts the thread of one call. Tests put their own in its place.
spawn = deadline.spawn


class Hanging:
    """The calls that were given up and still run: nobody else may call those hooks meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._then: Callable[[], None] | None = None

    def begin(self) -> None:
        """One is called."""
        with self._lock:
            self._calls += 1

    def end(self) -> None:
        """One has ended, in time or not."""
        with self._lock:
            self._calls -= 1
            then = self._then if not self._calls else None
        if then:
            then()

    def when_over(self, then: Callable[[], None]) -> None:
        """Do this once none runs any more; now, if none does."""
        with self._lock:
            if self._calls:
                self._then = then
                return
        then()


class OfFlow(Environment):
    """The environment of a flow that asks Manila for nothing before a hook does: a hook that needs
    no Manila must not wait for one that is away."""

    def __init__(self, flow: FlowContext) -> None:
        object.__setattr__(self, "_flow", flow)

    def __getattr__(self, name: str) -> Any:
        """What the flow has of this name."""
        return getattr(self.__dict__["_flow"], name)

    def __repr__(self) -> str:
        return "OfFlow()"


class Posts:
    """The posts of one run.

    :param provider: fenced, by the claim of the run
    :param checkpoint: Karbor's; None when there is none any more
    """

    def __init__(
        self, run: Run, provider: Any, checkpoint: Any, side_by_side: SideBySide, hanging: Hanging
    ) -> None:
        self._run = run
        self._provider = provider
        self._hanging = hanging

        def connect(usual: Connect) -> Connect:
            manila = side_by_side.manila(provider.id, usual)
            return lambda _context, project_id: manila.client(project_id, self.flow.clock)

        plugin = provider.load_plugins()[SHARE]
        #: With Karbor's own user.
        self.flow: FlowContext = plugin.context_as_karbor(
            run.share_ids, side_by_side.clock, connect
        )
        self.flow.bind(Work(as_karbor(run.project_id), run.project_id, checkpoint))
        self._shares = tuple(_view(run, checkpoint, each) for each in run.share_ids)

    def call_all(self) -> Run:
        """Call them in reverse order; one that fails keeps none of the others from being called.

        :returns: what is left of the run
        :raises ClaimLost: another process has taken over; nothing more is called here
        """
        for began in reversed(self._run.hooks):
            self._provider.hold.confirm()
            if self._call(began):
                self._keep([each for each in self._run.hooks if each is not began])
        return self._run

    def close(self) -> None:
        """All of them are called."""
        self.flow.close()

    def _call(self, began: Began) -> bool:
        """Call one. Returns whether that is over and done with."""
        settings = self.flow.settings
        hook: Hook | None = None
        try:
            if began.name not in settings.hook_drivers:
                raise HookNotConfigured(began.name)
            hook = catalogue.make_one(self._provider._config, began.name)
            work = functools.partial(
                hook.post,
                call=self._call_of(began),
                data=began.data,
                outcome=Outcome(status=INTERRUPTED, error=_DIED),
            )
            self._in_time(work, settings.hook_timeout)
        except ClaimLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a hook raises is its error
            unknown = not isinstance(error, KarborManilaError)
            self._log(LOG.error, began, f"failed: {error}", exc_info=unknown)
            # Who needs his post has something to undo, whether or not its errors count.
            ended = hook is not None and not hook.needs_post
            return ended and bool(settings.suppress_post_hooks_errors)
        self._log(LOG.info, began, "is through")
        return True

    def _in_time(self, work: Callable[[], Any], timeout: float) -> None:
        """:raises GivenUp: it still runs then"""

        def counted() -> Any:
            try:
                return work()
            finally:
                self._hanging.end()

        self._hanging.begin()
        deadline.call(counted, timeout, clock=self.flow.clock, spawn=spawn)

    def _call_of(self, began: Began) -> Call:
        run = self._run

        def remember(values: Mapping[str, Any]) -> None:
            later = dataclasses.replace(began, data=dict(values))
            self._keep([later if each.name == began.name else each for each in self._run.hooks])

        return Call(
            point=run.point,
            scope=run.scope,
            checkpoint_id=run.checkpoint_id,
            provider_id=self._provider.id,
            project_id=run.project_id,
            request_id=run.request_id,
            shares=self._shares,
            environment=OfFlow(self.flow),
            remember=remember,
        )

    def _keep(self, hooks: list[Began]) -> None:
        """Put down which are not through. Raises ClaimLost, BankUnreadable."""
        self._run = dataclasses.replace(self._run, hooks=hooks)
        if hooks:
            hook_runs.put(self._provider.bank, self._provider.id, self._run)

    def _log(self, write: Any, began: Began, what: str, **extra: Any) -> None:
        run = self._run
        write(
            "The post of hook %s at the %s of share %s, checkpoint %s, which a dead process has "
            "left, %s",
            *(began.name, run.point, ", ".join(run.share_ids), run.checkpoint_id, what),
            **extra,
        )


def _view(run: Run, checkpoint: Any, share_id: str) -> View:
    """What the bank tells of a share."""
    known: Mapping[str, Any] = {}
    try:
        if checkpoint is not None:
            share = Resource(type=SHARE, id=share_id, name="")
            section = ShareSection(checkpoint.get_resource_bank_section(share.id), lambda _s: None)
            known = _of_section(section)
    except Exception as error:  # noqa: BLE001 - whatever a bank raises: its id is what counts
        LOG.warning("What the bank tells of share %s is not known: %s", share_id, error)
    return {
        "id": share_id,
        "project_id": known.get("project_id") or run.project_id,
        "name": known.get("share_name"),
        "share_type_name": known.get("share_type_name"),
        "size": known.get("size"),
        "share_proto": known.get("share_proto"),
        "metadata": dict(known.get("metadata") or {}),
    }


def _of_section(section: ShareSection) -> Mapping[str, Any]:
    record: ShareRecord | None = section.record()
    if record is not None:
        return dataclasses.asdict(record)
    intent = section.intent()
    return (intent.share if intent else None) or {}
