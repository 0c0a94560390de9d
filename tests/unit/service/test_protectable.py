# SPDX-License-Identifier: Apache-2.0
"""OS::Manila::Share as Karbor's registry sees it: whose shares, which of them, and what when Manila
does not answer."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.resource import Resource
from karbor.services.protection.protectable_registry import ProtectableRegistry
from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.drivers.catalogue import Catalogue
from karbor_manila.manila import marks, statuses
from karbor_manila.manila.errors import (
    EndpointMissing,
    ManilaRefused,
    ManilaTooOld,
)
from karbor_manila.service.choices import Choices
from karbor_manila.service.protectable import ShareProtectable
from tests.fakes.manila import FakeClock
from tests.unit.karbor_stage import PROJECT, SHARE, context_of
from tests.unit.service.protectable_stage import (
    OTHER,
    OWN,
    RPC_RESPONSE_TIMEOUT,
    Listing,
    dependents,
    listed,
    transient,
    view,
)

#: Of a provider that keeps every share by snapshots.
SNAPSHOTS = Catalogue({}, "snapshot")
objection = SNAPSHOTS.objection


@pytest.fixture
def manila() -> Listing:
    return Listing()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry(manila: Listing, clock: FakeClock) -> Iterator[ProtectableRegistry]:
    """Karbor's registry with our plugin in it."""
    registry = ProtectableRegistry()
    choices = Choices(lambda: [SNAPSHOTS])
    registry.register_plugin(ShareProtectable(connect=manila.connect, clock=clock, choices=choices))
    yield registry
    cfg.CONF.unregister_opts(opts.SERVICE_OPTS, opts.GROUP)


@pytest.mark.parametrize("is_admin", [False, True], ids=["user", "administrator"])
def test_only_the_shares_of_the_requesters_project_are_listed(
    registry: ProtectableRegistry, manila: Listing, is_admin: bool
) -> None:
    manila.views = [
        view("mine"),
        view("theirs", project_id=OTHER),
        view("their public one", project_id=OTHER, is_public=True),
        view("nobody's") | {"project_id": None},
    ]
    assert listed(registry, is_admin=is_admin) == ["mine"]
    assert dependents(registry, is_admin=is_admin) == ["mine"]


def test_a_share_of_ones_own_that_is_public_is_listed(
    registry: ProtectableRegistry, manila: Listing
) -> None:
    manila.views = [view("mine", is_public=True)]
    assert listed(registry) == ["mine"]


def test_ones_own_shares_are_asked_for_without_naming_a_project(
    registry: ProtectableRegistry, manila: Listing
) -> None:
    listed(registry, is_admin=True)
    dependents(registry, is_admin=True)
    assert manila.sessions == [(OWN, None), (OWN, None)]


def test_the_shares_of_a_named_project_are_only_that_projects(
    registry: ProtectableRegistry, manila: Listing
) -> None:
    manila.views = [view("mine"), view("theirs", project_id=OTHER)]
    assert dependents(registry, OTHER, is_admin=True) == ["theirs"]
    assert manila.sessions == [(OWN, OTHER)]


def test_a_long_list_is_one_call_and_the_client_does_the_paging(
    registry: ProtectableRegistry, manila: Listing
) -> None:
    manila.views = [view(f"share-{number}") for number in range(2500)]
    assert len(listed(registry)) == 2500
    assert manila.asked == 1


def test_a_list_holds_karbors_resources_with_names(
    registry: ProtectableRegistry, manila: Listing
) -> None:
    manila.views = [view("named"), view("nameless", name=None), view("empty", name="")]
    found = registry.list_resources(context_of(OWN), SHARE)
    assert [(item.type, item.name) for item in found] == [
        (SHARE, "name of named"),
        (SHARE, "nameless"),
        (SHARE, "empty"),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        *({"status": status} for status in sorted(statuses.SHARE_FINAL)),
        {"is_soft_deleted": True},
        {"snapshot_support": False},
        {"snapshot_support": None},
    ],
    ids=lambda fields: " ".join(f"{name}={value}" for name, value in fields.items()),
)
def test_a_share_that_no_plan_can_protect_is_left_out(
    registry: ProtectableRegistry, manila: Listing, fields: dict[str, Any]
) -> None:
    manila.views = [view("good"), view("bad", **fields)]
    assert listed(registry) == ["good"]
    assert dependents(registry) == ["good"]


@pytest.mark.parametrize(
    "status",
    [
        "error",
        "error_deleting",
        "deleting",
        "awaiting_transfer",
        "manage_error",
        "extending_error",
    ],
)
def test_what_is_left_out_is_told_with_its_reason(
    registry: ProtectableRegistry, manila: Listing, status: str
) -> None:
    manila.views = [view("bad", status=status), view("other", project_id=OTHER, status=status)]
    plugin = registry.get_protectable_resource_plugin(SHARE)
    (left_out,) = plugin.inventory(context_of(OWN), OWN).left_out
    assert (left_out.id, left_out.name) == ("bad", "name of bad")
    assert status in left_out.reason


@pytest.mark.parametrize("status", sorted(statuses.SHARE_BUSY) + ["some_future_status"])
def test_a_busy_share_is_kept_because_its_protection_waits_for_it(
    registry: ProtectableRegistry, manila: Listing, status: str
) -> None:
    manila.views = [view("busy", status=status)]
    assert listed(registry) == dependents(registry) == ["busy"]


def test_passing_errors_are_ridden_out(registry: ProtectableRegistry, manila: Listing) -> None:
    manila.views = [view("mine")]
    manila.failures = [transient(), transient(), transient()]
    assert listed(registry) == ["mine"]
    assert manila.asked == 4


def test_an_outage_is_ridden_out_for_the_listing_timeout_and_no_longer(
    registry: ProtectableRegistry, manila: Listing, clock: FakeClock
) -> None:
    manila.outage = transient()
    before = clock.now()
    with pytest.raises(karbor_exception.ListProtectableResourceFailed):
        listed(registry)
    assert 30 < clock.now() - before <= 40 + 1e-6
    assert manila.asked > 3


def test_a_retry_after_beyond_the_listing_timeout_is_not_waited_for(
    registry: ProtectableRegistry, manila: Listing, clock: FakeClock
) -> None:
    manila.outage = transient(retry_after=3600)
    before = clock.now()
    with pytest.raises(karbor_exception.ListProtectableResourceFailed):
        listed(registry)
    assert clock.now() - before <= 40 + 1e-6  # sums of floats


@pytest.mark.parametrize("quick", [0, 1, 30])
def test_a_manila_that_swallows_requests_is_told_before_karbors_api_gives_up(
    registry: ProtectableRegistry, manila: Listing, clock: FakeClock, quick: int
) -> None:
    """It waits ``rpc_response_timeout``, and then it has no reason to tell."""
    before = clock.now()

    def hangs() -> list[dict[str, Any]]:
        clock.sleep(1 if len(manila.timeouts) <= quick else manila.timeouts[-1])
        raise transient()

    manila.shares = hangs  # type: ignore[method-assign]
    with pytest.raises(karbor_exception.ListProtectableResourceFailed):
        listed(registry)
    assert clock.now() - before < RPC_RESPONSE_TIMEOUT


def test_a_list_that_fails_says_why(registry: ProtectableRegistry, manila: Listing) -> None:
    manila.outage = transient()
    with pytest.raises(karbor_exception.ListProtectableResourceFailed, match="HTTP 503"):
        listed(registry)


@pytest.mark.parametrize(
    "error",
    [
        ManilaRefused("list the shares", 403, "forbidden"),
        EndpointMissing(["sharev2"], "public", None),
        ManilaTooOld("2.37", "2.0"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_final_error_ends_the_list_at_once(
    registry: ProtectableRegistry, manila: Listing, clock: FakeClock, error: Exception
) -> None:
    manila.outage = error
    before = clock.now()
    with pytest.raises(karbor_exception.ListProtectableResourceFailed) as caught:
        listed(registry)
    assert str(error) in caught.value.msg
    assert clock.now() == before


def test_karbor_does_not_swallow_that_the_shares_of_a_project_cannot_be_listed(
    registry: ProtectableRegistry, manila: Listing
) -> None:
    manila.outage = transient()
    with pytest.raises(karbor_exception.KarborException, match="HTTP 503") as caught:
        dependents(registry)
    assert not isinstance(caught.value, karbor_exception.ListProtectableResourceFailed)


def test_karbor_swallows_the_error_that_its_own_plugins_raise(
    registry: ProtectableRegistry, manila: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason for the test above: this is how a checkpoint becomes available, and empty."""

    def fails(*_args: Any) -> None:
        raise karbor_exception.ListProtectableResourceFailed(type=SHARE, reason="HTTP 503")

    monkeypatch.setattr(ShareProtectable, "get_dependent_resources", fails)
    assert dependents(registry) == []


def test_an_outage_is_not_told_as_a_project_that_does_not_exist(
    registry: ProtectableRegistry, manila: Listing
) -> None:
    manila.outage = transient()
    with pytest.raises(karbor_exception.KarborException) as caught:
        dependents(registry)
    assert not isinstance(caught.value, karbor_exception.NotFound)
    assert caught.value.code == 500


def test_one_share_is_shown(registry: ProtectableRegistry, manila: Listing) -> None:
    manila.views = [view("mine"), view("another")]
    found = registry.show_resource(context_of(OWN), SHARE, "mine")
    assert (found.type, found.id, found.name) == (SHARE, "mine", "name of mine")


@pytest.mark.parametrize("is_admin", [False, True], ids=["user", "administrator"])
@pytest.mark.parametrize(
    "views",
    [
        [],
        [view("it", project_id=OTHER)],
        [view("it", project_id=OTHER, is_public=True)],
    ],
    ids=["nowhere", "in another project", "public"],
)
def test_a_share_that_is_not_in_the_project_is_not_found(
    registry: ProtectableRegistry, manila: Listing, views: list[Any], is_admin: bool
) -> None:
    manila.views = views
    with pytest.raises(karbor_exception.ProtectableResourceNotFound, match="in this project"):
        registry.show_resource(context_of(OWN, is_admin=is_admin), SHARE, "it")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": "error"}, "error"),
        ({"is_soft_deleted": True}, "recycle bin"),
        ({"snapshot_support": False, "share_type_name": "plain"}, "plain"),
    ],
)
def test_a_share_that_cannot_be_protected_is_shown_with_the_reason(
    registry: ProtectableRegistry, manila: Listing, fields: dict[str, Any], said: str
) -> None:
    manila.views = [view("bad", **fields)]
    with pytest.raises(karbor_exception.InvalidProtectableInstance, match=said):
        registry.show_resource(context_of(OWN), SHARE, "bad")


def test_a_share_cannot_be_shown_while_manila_is_down_and_is_not_said_to_be_missing(
    registry: ProtectableRegistry, manila: Listing
) -> None:
    manila.outage = transient()
    with pytest.raises(karbor_exception.ListProtectableResourceFailed, match="HTTP 503"):
        registry.show_resource(context_of(OWN), SHARE, "mine")


def test_each_request_is_served_with_its_own_context(
    registry: ProtectableRegistry, manila: Listing
) -> None:
    """Karbor keeps the instance that it made for the first request."""
    manila.views = [view("mine"), view("theirs", project_id=OTHER)]
    registry.list_resources(context_of(OWN), SHARE)
    theirs = registry.list_resources(context_of(OTHER), SHARE)
    assert [item.id for item in theirs] == ["theirs"]
    assert manila.sessions == [(OWN, None), (OTHER, None)]


def test_the_first_context_is_not_kept(registry: ProtectableRegistry) -> None:
    context = context_of(OWN)
    registry.list_resources(context, SHARE)
    gone = weakref.ref(context)
    del context
    gc.collect()
    assert gone() is None


def test_a_share_depends_on_its_project_alone(registry: ProtectableRegistry) -> None:
    plugin = registry.get_protectable_resource_plugin(SHARE)
    assert plugin.get_parent_resource_types() == (PROJECT,)
    parent = Resource(type="OS::Nova::Server", id="server", name="server")
    assert registry.fetch_dependent_resources(context_of(OWN), parent) == []


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        *(
            ({"status": status}, "gone" if status in statuses.SHARE_GOING else "broken")
            for status in sorted(statuses.SHARE_FINAL)
        ),
        ({"is_soft_deleted": True}, "not_supported"),
        ({"snapshot_support": False}, "not_supported"),
        ({"snapshot_support": False, "status": "error"}, "not_supported"),
        ({"snapshot_support": False, "status": "deleting"}, "gone"),
        ({"metadata": {marks.PURPOSE: "drill"}, "status": "error"}, "not_supported"),
        ({"is_soft_deleted": True, "status": "error"}, "not_supported"),
    ],
    ids=str,
)
def test_a_share_that_could_be_mended_is_told_from_one_that_is_never_protected(
    fields: dict[str, Any], kind: str
) -> None:
    objected = objection(view("bad", **fields))
    assert objected is not None
    assert objected.kind == kind


def test_a_share_that_can_be_protected_meets_no_objection() -> None:
    assert objection(view("good")) is None
