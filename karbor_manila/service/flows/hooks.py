# SPDX-License-Identifier: Apache-2.0
"""Karbor's hooks before they are tasks: a flow of very many shares has one task for all of them.

A task of taskflow costs some milliseconds and some kilobytes, and its engine looks at all that are
under way whenever one ends. A hook here is a few references.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from taskflow import task

from karbor_manila.operations.share_operation import ShareOperation


class Idle:
    """A hook that does nothing: it stands for an order among other hooks."""

    __slots__ = ("name",)
    provides: tuple[str, ...] = ()

    def __init__(self, name: str) -> None:
        self.name = name

    def task_of(self, hooks: Sequence["Idle"]) -> task.Task:
        """Where leaving it out would make more links of fewer."""
        return _IdleTask(name=self.name)


class _IdleTask(task.Task):
    def execute(self) -> None:
        """Nothing."""


class ShareHook:
    """The main hook of one share.

    :param operation: the same one for all shares of a flow
    :param inject: what Karbor gives to this hook alone
    :param requires: the names of what it gets from the flow
    """

    __slots__ = ("inject", "name", "operation", "requires")
    provides: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        operation: ShareOperation,
        inject: Mapping[str, Any],
        requires: Iterable[str],
    ) -> None:
        self.name = name
        self.operation = operation
        self.inject = inject
        self.requires = frozenset({"checkpoint", *requires} - inject.keys())

    def task_of(self, hooks: Sequence["ShareHook"]) -> task.Task:
        """One task of the hooks of an operation that run at the same time."""
        return SharesTask(self.operation, hooks)


class SharesTask(task.Task):
    """The main hooks of many shares."""

    def __init__(self, operation: ShareOperation, hooks: Sequence[ShareHook]) -> None:
        name = hooks[0].name if len(hooks) == 1 else f"{hooks[0].name} and {len(hooks) - 1} more"
        super().__init__(name=name, requires=hooks[0].requires)
        self._operation = operation
        self._hooks = hooks

    def execute(self, **given: Any) -> None:
        """Run them side by side, each to its own end."""
        self._operation.run_together({**given, **hook.inject} for hook in self._hooks)
