# SPDX-License-Identifier: Apache-2.0
"""Flows over many resources: built in proportion, in Karbor's order, while others get a turn."""

from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.resource import Resource
from karbor.services.protection import graph, resource_flow
from karbor.services.protection.flows import workflow
from karbor.services.protection.protection_plugin import Operation
from oslo_config import cfg
from taskflow import exceptions, task

from karbor_manila.common.clock import Clock
from karbor_manila.operations.share_operation import ShareOperation
from karbor_manila.recovery.claims import Claims
from karbor_manila.service.flows import engine as engines
from karbor_manila.service.flows.engine import Engine
from karbor_manila.service.flows.worker import Worker

PROJECT, SHARE = "project", "share"


class Turns(Clock):
    """Counts how often others got their turn."""

    def __init__(self) -> None:
        self.given = 0

    def sleep(self, seconds: float) -> None:
        self.given += 1


class Plugin:
    """Writes down the hooks of its resources as they run."""

    def __init__(self, ran: list[str], *hooks: str) -> None:
        def write(hook: str) -> Any:
            def run(_self: Any, checkpoint: Any, resource: Any, **_kwargs: Any) -> None:
                ran.append(f"{resource.id} {hook}")

            return run

        self.kind = type("Kind", (Operation,), {hook: write(hook) for hook in hooks})

    def get_protect_operation(self, resource: Any) -> Any:
        return self.kind()


@pytest.fixture
def ran() -> list[Any]:
    """What ran, in order."""
    return []


def project_of(*share_ids: str) -> list[graph.GraphNode]:
    project = Resource(type=PROJECT, id="p", name="p")
    shares = [Resource(type=SHARE, id=share, name=share) for share in share_ids]
    return graph.build_graph([project], lambda node: shares if node == project else [])


def build(engine: Any, nodes: Any, plugins: dict[str, Plugin]) -> Any:
    return resource_flow.build_resource_flow("protect", None, engine, plugins, nodes, {})


def run(engine: Any, flow: Any) -> None:
    store = {"context": None, "checkpoint": None, "operation_log": None}
    outer = engine.build_flow("outer", "linear")
    engine.add_tasks(outer, flow)
    engine.run_engine(engine.get_engine(outer, store=store))


@pytest.mark.parametrize("count", [3, 100])
def test_hooks_run_in_the_order_that_karbor_promises(count: int) -> None:
    ran: list[str] = []
    shares = [f"s{n}" for n in range(count)]
    every = Plugin(ran, *resource_flow.HOOKS)

    run(Engine(), build(Engine(), project_of(*shares), {PROJECT: every, SHARE: every}))

    assert len(ran) == 4 * (count + 1)
    at = {line: number for number, line in enumerate(ran)}
    for share in shares:
        assert at["p on_prepare_begin"] < at[f"{share} on_prepare_begin"]
        assert at[f"{share} on_prepare_finish"] < at["p on_prepare_finish"] < at["p on_main"]
        assert at[f"{share} on_prepare_finish"] < at[f"{share} on_main"]
        assert at[f"{share} on_main"] < at[f"{share} on_complete"] < at["p on_complete"]


def test_a_hook_that_does_nothing_still_orders_the_others() -> None:
    ran: list[str] = []
    plugins = {PROJECT: Plugin(ran, "on_complete"), SHARE: Plugin(ran, "on_main")}

    run(Engine(), build(Engine(), project_of("a", "b"), plugins))

    assert sorted(ran[:2]) == ["a on_main", "b on_main"]
    assert ran[2:] == ["p on_complete"]


def test_hooks_that_do_nothing_are_no_tasks() -> None:
    flow = build(
        Engine(),
        project_of(*(f"s{n}" for n in range(10))),
        {PROJECT: Plugin([]), SHARE: Plugin([], "on_main")},
    )

    assert len(list(flow.tasks())) == 10


class Together(ShareOperation):
    """Notes the shares that are worked on together."""

    verb, failure = "Test", karbor_exception.CreateResourceFailed

    def __init__(self, ran: list[Any]) -> None:
        super().__init__(None)  # type: ignore[arg-type] - no flow is needed
        self.ran = ran

    def run_together(self, hooks: Any) -> None:
        self.ran.append([dict(hook) for hook in hooks])

    def run(self, job: Any) -> None:
        """Never called."""

    def failed(self, job: Any, reason: str) -> None:
        """Never called."""


class SharePlugin:
    def __init__(self, ran: list[Any]) -> None:
        self._operation = Together(ran)

    def get_protect_operation(self, resource: Any) -> Any:
        return self._operation


def test_the_main_hooks_of_all_shares_are_one_task(ran: list[Any]) -> None:
    shares = [f"s{n}" for n in range(300)]
    plugins: dict[str, Any] = {PROJECT: Plugin([]), SHARE: SharePlugin(ran)}
    flow = build(Engine(), project_of(*shares), plugins)

    run(Engine(), flow)

    assert len(list(flow.tasks())) == 1
    (hooks,) = ran
    assert sorted(hook["resource"].id for hook in hooks) == sorted(shares)
    assert set(hooks[0]) == {"checkpoint", "context", "operation_log", "parameters", "resource"}


def test_shares_wait_for_what_karbor_lets_them_wait_for(ran: list[Any]) -> None:
    """The shares of two projects, whose plugin has hooks before and after those of its shares."""
    projects = [Resource(type=PROJECT, id=name, name=name) for name in "pq"]
    of = {"p": ["a", "b"], "q": ["c"]}

    def children(node: Resource) -> list[Resource]:
        return [Resource(type=SHARE, id=share, name=share) for share in of.get(node.id, ())]

    plugins: dict[str, Any] = {
        PROJECT: Plugin(ran, "on_prepare_begin", "on_complete"),
        SHARE: SharePlugin(ran),
    }
    run(Engine(), build(Engine(), graph.build_graph(projects, children), plugins))

    at = {}
    for number, entry in enumerate(ran):
        for name in [entry] if isinstance(entry, str) else [hook["resource"].id for hook in entry]:
            at[name] = number
    assert at["a"] == at["b"] != at["c"]
    assert at["p on_prepare_begin"] < at["a"] < at["p on_complete"]
    assert at["q on_prepare_begin"] < at["c"] < at["q on_complete"]


def test_under_karbors_own_engine_each_share_has_a_hook_of_its_own() -> None:
    plugins: dict[str, Any] = {PROJECT: Plugin([]), SHARE: SharePlugin([])}
    flow = build(workflow.TaskFlowEngine(), project_of("a", "b"), plugins)
    hooks = [node.name for node, _ in flow.iter_nodes() if "on_main" in node.name]
    assert {f"protect_on_main_{SHARE}_{share}" for share in "ab"} < set(hooks)


def test_a_hook_that_does_nothing_between_many_and_many_does_not_multiply_their_links() -> None:
    engine = Engine()
    flow = engine.build_flow("f")
    early, late = [_task(f"e{n}") for n in range(50)], [_task(f"l{n}") for n in range(50)]
    middle = engines.Idle("middle")
    flow.add(*early, middle, *late)
    for one in early:
        flow.link(one, middle)
    for one in late:
        flow.link(middle, one)

    assert len(list(flow.iter_links())) == 100


def test_many_resources_are_compiled_in_small_flows() -> None:
    # taskflow's compiler copies the graph of a flow once for each of its members.
    nodes = [graph.GraphNode(Resource(SHARE, f"s{n}", ""), ()) for n in range(400)]

    flow = build(Engine(), nodes, {SHARE: Plugin([], *resource_flow.HOOKS)})

    assert len(flow) <= 50
    assert max(len(part) for part in flow) <= 50
    assert list(flow.iter_links()) == []
    assert sum(len(list(part.iter_links())) for part in flow) == 3 * 400


def test_others_get_their_turn_while_a_flow_is_built() -> None:
    turns = Turns()
    nodes = [graph.GraphNode(Resource(SHARE, f"s{n}", ""), ()) for n in range(500)]

    build(Engine(turns), nodes, {SHARE: Plugin([], "on_main")})

    assert turns.given >= 50


def test_hooks_that_wait_for_each_other_are_refused() -> None:
    flow = Engine().build_flow("f")
    one, other = _task("one"), _task("other")
    flow.add(one, other)
    flow.link(one, other)
    flow.link(other, one)

    with pytest.raises(exceptions.DependencyFailure, match="wait for each other"):
        len(flow)


def test_what_is_not_in_the_flow_cannot_be_linked() -> None:
    flow = Engine().build_flow("f").add(_task("one"))

    with pytest.raises(ValueError, match="is not in the flow"):
        flow.link(next(flow.tasks()), _task("other"))


def test_a_task_that_gives_something_to_others_is_refused() -> None:
    giver = task.FunctorTask(lambda: 1, name="giver", provides="it")

    with pytest.raises(ValueError, match="giver gives something"):
        Engine().build_flow("f").add(giver)


def test_karbors_own_questions_about_a_flow_are_answered() -> None:
    engine = Engine()
    flow = build(engine, project_of("a"), {PROJECT: Plugin([]), SHARE: Plugin([], "on_main")})
    (name,) = [item.name for item in flow.tasks()]

    assert engine.search_task(flow, name).name == name
    assert engine.search_task(flow, "no such") is None
    assert "operation_log" in flow.requires


def test_a_month_of_flows_leaves_karbors_lists_as_they_were() -> None:
    before = {name: list(args) for name, args in resource_flow.OPERATION_EXTRA_ARGS.items()}
    plugins = {SHARE: Plugin([], "on_main")}
    plugins[SHARE].get_verify_operation = plugins[SHARE].get_protect_operation  # type: ignore[attr-defined]
    nodes = [graph.GraphNode(Resource(SHARE, f"s{n}", ""), ()) for n in range(100)]
    for engine in (workflow.TaskFlowEngine(), Engine()):
        for _day in range(3):
            engines.cut_back_extra_args()
            resource_flow.build_resource_flow("verify", None, engine, plugins, nodes[:3], {})

    engines.cut_back_extra_args()

    for name, args in resource_flow.OPERATION_EXTRA_ARGS.items():
        assert set(args) - set(before[name]) <= {"operation_log"}
        assert len(args) == len(set(args))


def test_our_worker_uses_its_own_engine_unless_another_one_is_configured() -> None:
    assert isinstance(Worker(Claims(60.0)).workflow_engine, Engine)

    class Other:
        pass

    globals()["Other"] = Other
    cfg.CONF.set_override("workflow_engine", f"{__name__}.Other")
    try:
        assert isinstance(Worker(Claims(60.0)).workflow_engine, Other)
    finally:
        cfg.CONF.clear_override("workflow_engine")


def _task(name: str) -> Any:
    return task.FunctorTask(lambda: None, name=name)
