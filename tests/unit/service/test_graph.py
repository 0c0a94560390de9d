# SPDX-License-Identifier: Apache-2.0
"""The graph of a new checkpoint: what the provider can protect, and a word on all the rest."""

from collections.abc import Iterator
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.common import constants
from karbor.resource import Resource
from karbor.services.protection import graph as karbor_graph
from karbor.services.protection.protectable_plugins.project import ProjectProtectablePlugin
from karbor.services.protection.protectable_registry import ProtectableRegistry
from oslo_config import cfg
from oslo_serialization import jsonutils

from karbor_manila import opts
from karbor_manila.common.left_out import MOST_NAMED
from karbor_manila.manila.errors import ManilaRefused
from karbor_manila.service.errors import SessionUnavailable
from karbor_manila.service.flows.graph import GraphBuilder
from karbor_manila.service.protectable import ShareProtectable
from tests.fakes.manila import Cloud, FakeClock, FakeManila, transient
from tests.unit.karbor_stage import PROJECT, SHARE, VOLUME, Foreign, context_of

SERVER = "OS::Nova::Server"
OWN = "own-project"
OURS = frozenset({SHARE, PROJECT})
THE_PROJECT = Resource(type=PROJECT, id=OWN, name="project")


class Server(Foreign):
    """Another one."""

    kind = SERVER


class ServersVolumes(Foreign):
    """Volumes that hang on servers and on the project, as Karbor's do."""

    parents = (SERVER, PROJECT)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(FakeClock())


@pytest.fixture
def registry(cloud: Cloud) -> Iterator[ProtectableRegistry]:
    """Karbor's registry with Karbor's project and our shares."""
    registry = ProtectableRegistry()
    registry.register_plugin(ProjectProtectablePlugin())
    registry.register_plugin(
        ShareProtectable(
            connect=lambda context, **_kwargs: FakeManila(cloud, context.project_id),
            clock=cloud.clock,
        )
    )
    yield registry
    cfg.CONF.unregister_opts(opts.SERVICE_OPTS, opts.GROUP)


def built(
    registry: ProtectableRegistry, *resources: Resource, types: Any = OURS
) -> tuple[Any, list[dict[str, Any]]]:
    builder = GraphBuilder(registry, types)
    nodes = builder.build_graph(context_of(OWN), set(resources))
    return nodes, builder.left_out()


def share(share_id: str, name: str = "share") -> Resource:
    return Resource(type=SHARE, id=share_id, name=name)


def below(nodes: Any) -> list[str]:
    """The ids of the children of the only node."""
    (node,) = nodes
    return [child.value.id for child in node.child_nodes]


def test_a_project_carries_its_shares(registry: ProtectableRegistry, cloud: Cloud) -> None:
    own, _other = cloud.add_share(OWN), cloud.add_share("another project")
    nodes, left_out = built(registry, THE_PROJECT)
    assert below(nodes) == [own["id"]]
    assert left_out == []


def test_a_plan_on_shares_alone_asks_nobody(registry: ProtectableRegistry, cloud: Cloud) -> None:
    registry.register_plugin(Foreign(error=AssertionError("asked")))
    nodes, left_out = built(registry, share("a"), share("b"))
    assert {node.value.id for node in nodes} == {"a", "b"}
    assert left_out == []
    assert cloud.calls == []


def test_the_shares_of_a_project_are_listed_once(
    registry: ProtectableRegistry, cloud: Cloud
) -> None:
    for _ in range(5):
        cloud.add_share(OWN)
    built(registry, THE_PROJECT)
    assert cloud.calls == ["shares"]


def test_what_the_provider_has_no_plugin_for_is_left_out_and_reported(
    registry: ProtectableRegistry, cloud: Cloud
) -> None:
    own = cloud.add_share(OWN)
    registry.register_plugin(Foreign(["v1", "v2"]))
    nodes, left_out = built(registry, THE_PROJECT)
    assert below(nodes) == [own["id"]]
    assert [(item["type"], item["id"], item["name"]) for item in left_out] == [
        (VOLUME, "v1", "name of v1"),
        (VOLUME, "v2", "name of v2"),
    ]
    assert all("no protection plugin" in item["reason"] for item in left_out)
    assert {item["kind"] for item in left_out} == {"not_supported"}


def test_karbor_itself_fails_on_what_the_provider_has_no_plugin_for(
    registry: ProtectableRegistry,
) -> None:
    """The reason for the test above: Karbor's own graph holds it, and its flow then fails."""
    registry.register_plugin(Foreign(["v1"]))
    nodes = registry.build_graph(context_of(OWN), {THE_PROJECT})
    assert below(nodes) == ["v1"]


def test_shares_that_cannot_be_protected_are_reported_with_their_reason(
    registry: ProtectableRegistry, cloud: Cloud
) -> None:
    bad = cloud.add_share(OWN, status="error", name="broken")
    nodes, (left_out,) = built(registry, THE_PROJECT)
    assert below(nodes) == []
    # Without a provider all installed drivers are asked, and each says what it has against it.
    assert "'snapshot': its status is 'error'" in left_out.pop("reason")
    assert left_out == {"type": SHARE, "id": bad["id"], "name": "broken", "kind": "broken"}


@pytest.mark.parametrize(
    "error",
    [
        karbor_exception.ListProtectableResourceFailed(type=VOLUME, reason="Cinder is down"),
        karbor_exception.KarborException("Unknown service(cinder)"),
        AttributeError("'NoneType' object has no attribute 'volumes'"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unprotected_type_that_cannot_be_listed_is_never_fatal(
    registry: ProtectableRegistry, cloud: Cloud, error: Exception
) -> None:
    own = cloud.add_share(OWN)
    registry.register_plugin(Foreign(error=error))
    nodes, left_out = built(registry, THE_PROJECT)
    assert below(nodes) == [own["id"]]
    assert left_out == []


def test_a_protected_type_that_cannot_be_listed_is_reported_and_not_fatal(
    registry: ProtectableRegistry, cloud: Cloud
) -> None:
    own = cloud.add_share(OWN)
    registry.register_plugin(
        Foreign(
            error=karbor_exception.ListProtectableResourceFailed(
                type=VOLUME, reason="Cinder is down"
            )
        )
    )
    nodes, (left_out,) = built(registry, THE_PROJECT, types=OURS | {VOLUME})
    assert below(nodes) == [own["id"]]
    assert (left_out["type"], left_out["id"]) == (VOLUME, None)
    assert "Cinder is down" in left_out["reason"]
    assert left_out["kind"] == "broken"  # nobody knows what is missing


def test_a_plugin_that_answers_with_nothing_is_no_error(registry: ProtectableRegistry) -> None:
    """Karbor's project plugin does."""
    registry.register_plugin(Foreign(found=None))
    assert built(registry, THE_PROJECT)[1] == []
    assert built(registry, THE_PROJECT, types=OURS | {VOLUME})[1] == []


@pytest.mark.parametrize(
    "error",
    [
        transient(),
        ManilaRefused("list the shares", 403, "forbidden"),
        SessionUnavailable(OWN),
    ],
    ids=lambda error: type(error).__name__,
)
def test_shares_that_cannot_be_listed_are_fatal_with_the_reason(
    registry: ProtectableRegistry, cloud: Cloud, error: Exception
) -> None:
    """Else the checkpoint would be available, and empty."""
    cloud.plan("shares", lambda: error, times=10**6)
    with pytest.raises(karbor_exception.KarborException) as caught:
        built(registry, THE_PROJECT)
    assert not isinstance(caught.value, karbor_exception.ListProtectableResourceFailed)
    assert getattr(error, "cause", str(error)) in caught.value.msg


def test_a_share_named_beside_its_project_under_an_older_name_is_one_node(
    registry: ProtectableRegistry, cloud: Cloud
) -> None:
    own = cloud.add_share(OWN, name="new name")
    named = share(own["id"], "old name")
    nodes, _left_out = built(registry, THE_PROJECT, named)
    assert below(nodes) == [own["id"]]
    assert len(karbor_graph.pack_graph(nodes).nodes) == 2
    assert len(registry.build_graph(context_of(OWN), [THE_PROJECT, named])) == 2  # Karbor's way


def test_a_resource_that_a_plan_names_twice_is_one_node(registry: ProtectableRegistry) -> None:
    nodes, _left_out = built(registry, share("a", "name"), share("a", "other name"), share("b"))
    assert sorted(node.value.id for node in nodes) == ["a", "b"]


def test_one_id_in_two_types_is_two_nodes(registry: ProtectableRegistry) -> None:
    volume = Resource(type=VOLUME, id="a", name="volume")
    nodes, _left_out = built(registry, share("a"), volume, types=OURS | {VOLUME})
    assert {node.value.type for node in nodes} == {SHARE, VOLUME}


def test_only_so_many_things_are_named_and_the_rest_is_counted(
    registry: ProtectableRegistry,
) -> None:
    registry.register_plugin(Foreign([f"v{number}" for number in range(MOST_NAMED + 7)]))
    _nodes, left_out = built(registry, THE_PROJECT)
    assert len(left_out) == MOST_NAMED + 1
    assert left_out[-1] == {"reason": "and 7 more"}
    assert left_out[-2]["id"] == f"v{MOST_NAMED - 1}"


def test_at_the_limit_nothing_is_counted(registry: ProtectableRegistry) -> None:
    registry.register_plugin(Foreign([f"v{number}" for number in range(MOST_NAMED)]))
    left_out = built(registry, THE_PROJECT)[1]
    assert [item["id"] for item in left_out] == [f"v{number}" for number in range(MOST_NAMED)]


def test_types_that_the_noop_plugin_claims_are_in_the_graph_as_in_karbors(
    registry: ProtectableRegistry, cloud: Cloud
) -> None:
    cloud.add_share(OWN)
    registry.register_plugin(Server(["s1"]))
    registry.register_plugin(ServersVolumes(["v1", "v2"]))
    nodes, left_out = built(registry, THE_PROJECT, types=constants.RESOURCE_TYPES)
    assert nodes == registry.build_graph(context_of(OWN), [THE_PROJECT])
    assert left_out == []


def test_what_hangs_on_something_left_out_is_left_out_with_it(
    registry: ProtectableRegistry,
) -> None:
    registry.register_plugin(Server(["s1"]))
    registry.register_plugin(Foreign(["v1"]))
    nodes, left_out = built(registry, THE_PROJECT, types=OURS | {VOLUME})
    assert below(nodes) == ["v1"]
    assert [item["id"] for item in left_out] == ["s1"]


def test_the_graph_survives_karbors_bank(registry: ProtectableRegistry, cloud: Cloud) -> None:
    ids = {cloud.add_share(OWN)["id"] for _ in range(3)}
    nodes, _left_out = built(registry, THE_PROJECT)
    stored = karbor_graph.serialize_resource_graph(nodes)
    assert set(below(karbor_graph.deserialize_resource_graph(stored))) == ids


def test_what_is_left_out_can_be_written_as_json(
    registry: ProtectableRegistry, cloud: Cloud
) -> None:
    cloud.add_share(OWN, status="error", name=None)
    registry.register_plugin(Foreign(["v1"]))
    left_out = built(registry, THE_PROJECT)[1]
    assert jsonutils.loads(jsonutils.dumps(left_out)) == left_out


def test_what_the_plan_names_itself_is_not_told_as_left_out(
    registry: ProtectableRegistry, cloud: Cloud
) -> None:
    bad = cloud.add_share(OWN, status="error")
    nodes, left_out = built(registry, THE_PROJECT, share(bad["id"]))
    assert bad["id"] in {node.value.id for node in nodes}
    assert left_out == []
