# SPDX-License-Identifier: Apache-2.0
"""The contract of a hook: what an operator runs before and after the calls of a driver."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from oslo_config import cfg

from karbor_manila.common.clock import Clock
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.shares import Shares
from karbor_manila.manila.views import View

PROTECT = "protect"
RESTORE = "restore"
REVERT = "revert"
DRILL = "drill"
COPY = "copy"
DELETE = "delete"

#: Each point at which hooks are called: the calls of a driver that lie between pre and post.
POINTS: Mapping[str, str] = MappingProxyType(
    {
        PROTECT: "`protect` until `wait` is over: what keeps the share is complete.",
        RESTORE: "`restore` until `complete_restore` is over: the new share has its content.",
        REVERT: "The safety copy and the removal of newer snapshots, if they were asked for "
        "(`protect`, `wait`, `restore`, `complete_restore`, `delete`), and `revert` with "
        "`wait_reverted`, or `restore_into` with `wait_restored_into`.",
        DRILL: "`restore` and `complete_restore` of a temporary share, and its check. It is "
        "removed after the post.",
        COPY: "`restore`, `complete_restore`, `protect` and `wait` of the share that a copy makes.",
        DELETE: "`delete` of what keeps the share, until it is gone.",
    }
)

#: A hook is called for each share, or once for all shares of a checkpoint.
SHARE = "share"
CHECKPOINT = "checkpoint"

#: How the work between pre and post has ended.
SUCCESS = "success"
FAILED = "failed"
#: It goes on, but the freeze time is over.
TIMED_OUT = "timed_out"
#: Its process died, or has lost its claim; the reconciliation calls the post.
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Environment:
    """What a hook works with: Manila as the flow uses it, with its session and time, and the
    provider's options."""

    client: FlowClient
    shares: Shares
    clock: Clock
    settings: Any


@dataclass(frozen=True, kw_only=True)
class Call:
    """What hooks are called for.

    :ivar point: one of :data:`POINTS`
    :ivar scope: :data:`SHARE` or :data:`CHECKPOINT`
    :ivar request_id: of Karbor's restore or verification; empty where there is none
    :ivar shares: one in scope share. Their views in Manila as far as they are there (protect,
        revert), else what their records tell: ``id``, ``name``, ``share_type_name``, ``metadata``
    :ivar remember: stores JSON values, in place of those before, and returns once they are in the
        bank: the post gets them even if the process dies in the pre. What can only be undone by
        knowing how it was before is remembered before it is changed
    """

    point: str
    scope: str
    checkpoint_id: str
    provider_id: str
    project_id: str
    request_id: str = ""
    shares: tuple[View, ...]
    environment: Environment
    remember: Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a post is told.

    :ivar status: :data:`SUCCESS`, :data:`FAILED`, :data:`TIMED_OUT` or :data:`INTERRUPTED`
    :ivar error: why it failed, a sentence
    :ivar pre_error: why this hook's own pre failed, if it did
    :ivar result: what came of it, as the posts before have amended it: of the share, or in scope
        checkpoint by the ids of the shares
    """

    status: str
    error: str = ""
    pre_error: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)


class Hook:
    """An operator's own steps.

    An object serves one flow, or more, and is called side by side for many shares: Karbor makes its
    plugins anew for each flow. What belongs to one call is in its :class:`Call`, and what its post
    has to know is what its pre gives or remembers. Each call has a deadline, the option
    ``hook_timeout``. A call that hangs is given up; a pre that ends after that all the same is
    followed by its post.

    The post of every pre that began is called in reverse order, whatever became of the pre and of
    the work. It may be called again, and after a crash by another process: undoing what is undone
    already is success.

    Arguments are passed by keyword alone. Whatever a method raises is an error of the hook.
    """

    #: Options in the provider's file, group ``[manila_share_protection]``; their names begin with a
    #: word of the hook's own.
    options: ClassVar[Collection[cfg.Opt]] = ()
    #: Whether the post undoes what the pre did, so that none may be without the other.
    needs_post: ClassVar[bool] = False

    def __init__(self, *, name: str, options: Any) -> None:
        """``name`` is what ``hook_drivers`` has, ``options`` the values of that group."""
        self.name = name
        self.options_here = options

    @property
    def points(self) -> frozenset[str]:
        """At which of :data:`POINTS` it is called."""
        return frozenset(POINTS)

    @property
    def scope(self) -> str:
        """:data:`SHARE` or :data:`CHECKPOINT`."""
        return SHARE

    def check(self) -> None:
        """Whether it can work with its options; called when the service starts, sends nothing.

        :raises cfg.Error: it cannot; the service does not start
        """

    def applies(self, *, call: Call) -> bool:
        """Whether it is called for this."""
        return True

    def pre(self, *, call: Call) -> Mapping[str, Any] | None:
        """Before the driver is called.

        :returns: data for the post, JSON values, in place of what it remembered; None leaves that
        :raises HookSkip: this is to be left out; nothing failed
        :raises Exception: nothing is to be made, unless such errors are suppressed
        """
        return None

    def post(
        self, *, call: Call, data: Mapping[str, Any] | None, outcome: Outcome
    ) -> Mapping[str, Any] | None:
        """After the driver was called, or would have been.

        :param data: what the pre gave or remembered; None when there is nothing
        :returns: the amended result; None leaves it as it is
        """
        return None

    def periodic(self, *, data: Sequence[Mapping[str, Any]], environment: Environment) -> None:
        """From time to time (``periodic_hooks_interval``).

        :param data: what the drivers tell of the provider's shares
            (:meth:`karbor_manila.drivers.base.Driver.get_periodic_hook_data`)
        """
