# SPDX-License-Identifier: Apache-2.0
"""Drivers in an order of preference and share types by ids, on the real Manila, with bytes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.operator_command import Command


@pytest.fixture(scope="module")
def private(stack: Stack, alpha: Tenant) -> Iterator[Any]:
    """A private share type for alpha, with none of its shares left at the end."""
    manila = Tenant(stack.info, "admin").manila
    made = manila.share_types.create(
        "vault",
        spec_driver_handles_share_servers=False,
        spec_snapshot_support=True,
        is_public=False,
        extra_specs={"create_share_from_snapshot_support": "True"},
    )
    manila.share_type_access.add_project_access(made, alpha.project_id)
    yield made
    alpha.delete_checkpoints()
    alpha.clean()
    manila.share_types.delete(made)


@pytest.fixture(scope="module")
def ordered(stack: Stack, private: Any) -> Iterator[None]:
    """A Karbor with orders; as it was before at the end."""
    before = stack.state.settings().share_options
    named = f"{private.id}:snapshot,replicated:backup|snapshot"
    stack.restart("karbor", share_options={**before, "share_type_drivers": named})
    yield
    stack.restart("karbor", share_options=before)


def protectables(tenant: Tenant) -> dict[str, Any]:
    """What Karbor's list of what can be protected says of each share besides its name."""
    listed = tenant.karbor.protectables.list_instances(SHARE)
    return {each.id: each.extra_info for each in listed}


def restored(tenant: Tenant, checkpoint: Any) -> dict[str, bytes]:
    return contents(tenant.folder(tenant.restored_share(tenant.restore(checkpoint)).id))


@pytest.mark.usefixtures("ordered")
def test_a_private_type_is_named_by_its_id(alpha: Tenant, private: Any, command: Command) -> None:
    share = alpha.make_share("in the vault", share_type=private.id)
    fill(alpha.folder(share.id), "then")
    then = contents(alpha.folder(share.id))
    assert protectables(alpha)[share.id] == {"driver": "snapshot"}
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    fill(alpha.folder(share.id), "now")
    assert restored(alpha, checkpoint) == then

    listed = command("drivers", "-f", "json")
    assert (listed.returncode, listed.stderr) == (0, "")
    row = next(row for row in json.loads(listed.stdout) if private.id in row["Share Types"])
    assert (row["Driver"], row["Unknown Types"]) == ("snapshot", [])
    assert row["Type Names"] == {private.id: "vault"}
    assert row["Orders"] == {
        private.id: ["snapshot"],
        "replicated": ["backup", "snapshot"],
        "every other": ["snapshot"],
    }


@pytest.mark.usefixtures("ordered")
def test_a_share_that_the_preferred_driver_cannot_keep_goes_to_the_next(alpha: Tenant) -> None:
    """Manila backs up no share that has replicas."""
    share = alpha.make_share("replicated", share_type="replicated")
    assert protectables(alpha)[share.id] == {"driver": "backup"}
    replica = alpha.manila.share_replicas.create(share.id)
    wait(
        "the replica",
        lambda: alpha.manila.share_replicas.get(replica.id),
        lambda seen: (seen.status, seen.replica_state) == ("available", "in_sync"),
        40,
    )
    try:
        fill(alpha.folder(share.id), "then")
        then = contents(alpha.folder(share.id))
        assert protectables(alpha)[share.id] == {"driver": "snapshot"}
        checkpoint = alpha.protect(alpha.plan_of_shares([share]))
        said = json.loads(checkpoint.extra_info)["remarks"][f"{SHARE}#{share.id}"]
        assert said.startswith("The driver 'snapshot' keeps it ('backup' cannot: it has replicas")
        fill(alpha.folder(share.id), "now")
        assert restored(alpha, checkpoint) == then
        alpha.delete(checkpoint)
        assert alpha.snapshots(share.id) == []
    finally:
        alpha.manila.share_replicas.delete(replica.id)
