# SPDX-License-Identifier: Apache-2.0
"""The requests for networks, types, names and locks, as they go over the wire; and whose locks are
looked for."""

import pytest

from karbor_manila.manila.errors import ManilaRefused, ShareLocked
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.shares import Shares
from tests.fakes.manila import Cloud, FakeClock, FakeManila
from tests.unit.manila.wire import ENDPOINT, fault


@pytest.mark.parametrize(
    ("ask", "path", "body", "answer"),
    [
        (
            lambda manila: manila.share_network("n"),
            "/share-networks/n",
            {"share_network": {"id": "n"}},
            {"id": "n"},
        ),
        (
            lambda manila: manila.share_type("t"),
            "/types/t",
            {"share_type": {"id": "t"}, "volume_type": {"id": "t"}},
            {"id": "t"},
        ),
        (
            lambda manila: manila.mounted_as("p_home"),
            "/shares?mount_point_name=p_home",
            {"shares": [{"id": "s"}]},
            [{"id": "s"}],
        ),
        (
            lambda manila: manila.mounted_as("p_home", soft_deleted=True),
            "/shares?mount_point_name=p_home&is_soft_deleted=True",
            {"shares": []},
            [],
        ),
        (
            lambda manila: manila.shares_named("a b"),
            "/shares/detail?name=a+b&is_public=False",
            {"shares": []},
            [],
        ),
        (
            lambda manila: manila.locks("s"),
            "/resource-locks?resource_id=s&resource_action=delete",
            {"resource_locks": [{"id": "l"}]},
            [{"id": "l"}],
        ),
        (
            lambda manila: manila.locks("s", every_project=True),
            "/resource-locks?resource_id=s&resource_action=delete&all_projects=True",
            {"resource_locks": []},
            [],
        ),
    ],
)
def test_each_is_one_get(manila, requests_mock, ask, path, body, answer):
    asked = requests_mock.get(f"{ENDPOINT}{path}", json=body)
    assert ask(manila) == answer
    assert asked.call_count == 1


@pytest.mark.parametrize("kind", ["share_network", "share_type"])
def test_what_is_not_there_is_none(manila, requests_mock, kind):
    requests_mock.get(f"{ENDPOINT}/share-networks/n", json=fault(404), status_code=404)
    requests_mock.get(f"{ENDPOINT}/types/n", json=fault(404), status_code=404)
    requests_mock.get(f"{ENDPOINT}/limits", json={"limits": {"absolute": {}}})
    assert getattr(manila, kind)("n") is None


# -- whose locks --------------------------------------------------------------------------------


def shares_of(client: FakeManila) -> Shares:
    return Shares(FlowClient(client, clock=client._cloud.clock))


def locked(cloud: Cloud) -> str:
    share = cloud.add_share("project-a")
    cloud.locks[share["id"]] = [{"id": "l", "resource_id": share["id"]}]
    return str(share["id"])


@pytest.mark.parametrize("works_for", ["*", "project-a"])
def test_an_administrator_sees_the_locks_of_the_project_that_is_worked_for(works_for):
    cloud = Cloud(FakeClock())
    client = FakeManila(cloud, "service", administrator=True, works_for=works_for)
    share_id = locked(cloud)
    with pytest.raises(ShareLocked, match="openstack share lock delete l"):
        shares_of(client).delete_clone(None, share_id, project_id="project-a")
    assert cloud.calls.count("delete_share") == 1


@pytest.mark.parametrize("microversion", ["2.80", "2.98"])
def test_a_refusal_without_a_lock_that_is_seen_stays_what_it_is(microversion):
    cloud = Cloud(FakeClock())
    client = FakeManila(cloud, "project-a", microversion)
    share_id = locked(cloud)
    if microversion == "2.98":
        cloud.plan("locks", lambda: ManilaRefused("list the locks", 403, "by policy"))
    with pytest.raises(ManilaRefused, match="prevent delete action") as refusal:
        shares_of(client).delete_clone(None, share_id, project_id="project-a")
    assert not isinstance(refusal.value, ShareLocked)
    cloud.assert_hit()
