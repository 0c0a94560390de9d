# SPDX-License-Identifier: Apache-2.0
"""Karbor's workflow engine, with resource flows that are built in time proportional to their size.

taskflow's graph flow copies and checks its whole graph at every ``add`` and ``link``
(taskflow/patterns/graph_flow.py), and its compiler copies it once more for every member of a flow:
500 shares, each with Karbor's four hooks, stood still for 52 seconds, in which no other green
thread of the process ran. Here hooks and links are collected and read once; a hook that does
nothing is no task; the main hooks of shares that wait for the same are one task; what is
independent goes into small flows; others get their turn meanwhile.
"""

import graphlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from karbor.services.protection import protection_plugin, resource_flow
from karbor.services.protection.flows import workflow
from taskflow import exceptions, flow

from karbor_manila.common.clock import Clock
from karbor_manila.operations.share_operation import ShareOperation
from karbor_manila.service.flows.hooks import Idle, ShareHook

#: So many tasks are added, or read, before others get a turn; about 10 milliseconds.
_TURN = 20

#: So many tasks that have nothing to do with the rest are compiled as a flow of their own.
_GROUP = 32


class ResourceFlow(flow.Flow):
    """Karbor's hooks and their order; nothing passes from one of them to another.

    :param clock: gives others their turn
    """

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name)
        self._clock = clock
        self._before: dict[Any, set[Any]] = {}
        self._after: dict[Any, set[Any]] = {}
        self._members: tuple[Any, ...] | None = None
        self._steps = 0

    def add(self, *items: Any, **_kwargs: Any) -> "ResourceFlow":
        """Add tasks. Taskflow's options of this are about what tasks pass on.

        :raises ValueError: one of them gives something to others
        """
        for item in items:
            if item.provides:
                raise ValueError(f"hook {item.name} gives something to others: {item.provides}")
            self._before.setdefault(item, set())
            self._after.setdefault(item, set())
            self._turn()
        self._members = None
        return self

    def link(self, before: Any, after: Any) -> None:
        """``after`` runs once ``before`` is done.

        :raises ValueError: one of them was not added
        """
        for item in (before, after):
            if item not in self._before:
                raise ValueError(f"{item} is not in the flow {self.name}")
        self._after[before].add(after)
        self._before[after].add(before)
        self._members = None

    def tasks(self) -> Iterator[Any]:
        """All tasks, each after those that it waits for."""
        for member in self._arranged():
            if isinstance(member, ResourceFlow):
                yield from member.tasks()
            else:
                yield member

    def __len__(self) -> int:
        return len(self._arranged())

    def __iter__(self) -> Iterator[Any]:
        for member in self._arranged():
            self._turn()
            yield member

    def iter_nodes(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        """The tasks in their order; of very many the small flows that they are in."""
        for member in self:
            yield member, {}

    def iter_links(self) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
        """Pairs of tasks, the earlier one first."""
        for member in self:
            for after in _by_name(self._after.get(member, ())):
                yield member, after, {flow.LINK_MANUAL: True}

    @property
    def requires(self) -> frozenset[str]:
        """The names of all that the tasks get from outside."""
        return frozenset(name for item in self.tasks() for name in item.requires)

    def _arranged(self) -> tuple[Any, ...]:
        if self._members is None:
            self._leave_out_idle()
            self._put_together()
            try:
                order = list(graphlib.TopologicalSorter(self._before).static_order())
            except graphlib.CycleError as error:
                raise exceptions.DependencyFailure(
                    f"the hooks of {self.name} wait for each other"
                ) from error
            groups = self._groups(order)
            self._members = (
                tuple(order)
                if len(groups) < 2
                else tuple(self._part(f"{self.name}_{n}", group) for n, group in enumerate(groups))
            )
        return self._members

    def _leave_out_idle(self) -> None:
        """Take out what never runs, as long as that does not make more links of fewer."""
        for item in [item for item in self._before if isinstance(item, Idle)]:
            before, after = self._before[item], self._after[item]
            if item in before or len(before) * len(after) > len(before) + len(after):
                continue
            del self._before[item], self._after[item]
            for one in before:
                self._after[one].remove(item)
                self._after[one] |= after
            for one in after:
                self._before[one].remove(item)
                self._before[one] |= before

    def _put_together(self) -> None:
        """One task of all hooks of one operation that wait for the same, and for which the same
        waits; and a task of each hook that does nothing and had to stay."""
        alike: dict[Any, list[Any]] = {}
        for item in self._before:
            if isinstance(item, ShareHook):
                links = frozenset(self._before[item]), frozenset(self._after[item])
                alike.setdefault((item.operation, *links), []).append(item)
            elif isinstance(item, Idle):
                alike[item] = [item]
        for hooks in alike.values():
            self._replace(hooks, hooks[0].task_of(hooks))

    def _replace(self, items: list[Any], by: Any) -> None:
        """Put one task in the place of hooks that have the same links."""
        before, after = self._before[items[0]], self._after[items[0]]
        for item in items:
            del self._before[item], self._after[item]
        for one in before:
            self._after[one].difference_update(items)
            self._after[one].add(by)
        for one in after:
            self._before[one].difference_update(items)
            self._before[one].add(by)
        self._before[by], self._after[by] = before, after

    def _groups(self, order: list[Any]) -> list[list[Any]]:
        """The tasks in groups of which none waits for one of another."""
        groups: list[list[Any]] = [[]]
        seen: set[Any] = set()
        for start in order:
            if start in seen:
                continue
            if len(groups[-1]) >= _GROUP:
                groups.append([])
            found = [start]
            seen.add(start)
            for item in found:  # it grows meanwhile
                near = (self._before[item] | self._after[item]) - seen
                seen |= near
                found += _by_name(near)
            groups[-1] += found
        return groups

    def _part(self, name: str, items: list[Any]) -> "ResourceFlow":
        part = ResourceFlow(name, self._clock).add(*items)
        for item in items:
            for after in self._after[item]:
                part.link(item, after)
        part._members = tuple(graphlib.TopologicalSorter(part._before).static_order())
        return part

    def _turn(self) -> None:
        self._steps += 1
        if self._steps % _TURN == 0:
            self._clock.sleep(0)


class Engine(workflow.TaskFlowEngine):
    """Karbor's engine; only its graph flows are other ones."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self._clock = clock or Clock()

    def build_flow(self, flow_name: str, flow_type: str = "graph") -> Any:
        """A linear flow, or a graph flow of hooks."""
        if flow_type == "graph":
            return ResourceFlow(flow_name, self._clock)
        return super().build_flow(flow_name, flow_type)

    def create_task(
        self,
        function: Callable[..., Any],
        requires: Any = None,
        provides: Any = None,
        inject: Any = None,
        **kwargs: Any,
    ) -> Any:
        """A task that calls ``function``; of a hook that does nothing, one that can be left out."""
        if isinstance(requires, list):
            cut_back(requires)
        if _is_idle(function):
            return Idle(kwargs["name"])
        operation = getattr(function, "__self__", None)
        if isinstance(operation, ShareOperation) and function == operation.on_main:
            return ShareHook(kwargs["name"], operation, inject or {}, requires or ())
        return super().create_task(function, requires, provides, inject, **kwargs)

    def search_task(self, flow: Any, task_id: str) -> Any:
        """The task of this name, if it is one of a resource flow."""
        if not isinstance(flow, ResourceFlow):
            return super().search_task(flow, task_id)
        return next((item for item in flow.tasks() if item.name == task_id), None)


def cut_back(names: list[str]) -> None:
    """Leave each name once.

    For the lists of Karbor's OPERATION_EXTRA_ARGS: it appends one more ``operation_log`` for every
    task as long as the process lives, and reads them whole for each task
    (karbor/services/protection/resource_flow.py). The list must stay the same one.
    """
    names[:] = dict.fromkeys(names)


def cut_back_extra_args() -> None:
    """Undo what building flows has left in Karbor's lists. This changes the data in them to what
    Karbor wrote there itself, and none of its code."""
    for names in resource_flow.OPERATION_EXTRA_ARGS.values():
        cut_back(names)


def _is_idle(hook: Any) -> bool:
    """Whether it is Karbor's default of a hook (or a plugin's lack of one)."""
    own = getattr(hook, "__func__", hook)
    return own is resource_flow.noop_handle or own in _DEFAULTS


_DEFAULTS = frozenset(getattr(protection_plugin.Operation, name) for name in resource_flow.HOOKS)


def _by_name(tasks: Iterable[Any]) -> list[Any]:
    return sorted(tasks, key=lambda task: str(task.name))
