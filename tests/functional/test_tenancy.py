# SPDX-License-Identifier: Apache-2.0
"""Two projects cannot see, restore, verify or delete each other's."""

import pytest
from karborclient.common.apiclient import exceptions as karbor_exc

from sandbox.tenant import PROJECT, SHARE, Tenant


@pytest.fixture
def foreign(beta: Tenant):
    """A checkpoint of the other project."""
    return beta.protect(beta.plan_of_shares([beta.make_share("of beta")]))


def test_a_project_lists_only_its_own_shares(alpha: Tenant, beta: Tenant) -> None:
    mine = alpha.make_share("mine")
    public = beta.make_share("for all to see")
    beta.manila.shares.update(public.id, is_public=False)
    listed = {item.id for item in alpha.karbor.protectables.list_instances(SHARE)}
    assert mine.id in listed
    assert public.id not in listed


def test_an_administrator_lists_only_the_shares_of_his_project(info, alpha: Tenant) -> None:
    admin = Tenant(info, "admin")
    share = alpha.make_share("made public")
    admin.manila.shares.update(share.id, is_public=True)
    assert share.id not in {item.id for item in admin.karbor.protectables.list_instances(SHARE)}


def test_another_projects_public_share_cannot_be_protected(
    info, alpha: Tenant, beta: Tenant
) -> None:
    share = beta.make_share("made public")
    Tenant(info, "admin").manila.shares.update(share.id, is_public=True)
    checkpoint = alpha.protect(alpha.plan_of_shares([share]), status="error")
    assert "another project" in checkpoint.extra_info
    assert alpha.snapshots(share.id) == []


def test_a_plan_on_another_project_is_refused(alpha: Tenant, beta: Tenant) -> None:
    resources = [{"type": PROJECT, "id": beta.project_id, "name": "beta"}]
    plan = alpha.karbor.plans.create("theirs", alpha.provider, resources, {})
    with pytest.raises(karbor_exc.BadRequest, match="not the one you are working in"):
        alpha.karbor.checkpoints.create(plan.provider_id, plan.id)


def test_another_projects_checkpoint_is_not_listed(alpha: Tenant, foreign) -> None:
    assert foreign.id not in {c.id for c in alpha.karbor.checkpoints.list(alpha.provider)}


def test_another_projects_checkpoint_cannot_be_shown(alpha: Tenant, foreign) -> None:
    with pytest.raises(karbor_exc.Forbidden):
        alpha.checkpoint(alpha.provider, foreign.id)


def test_another_projects_checkpoint_cannot_be_restored(alpha: Tenant, foreign) -> None:
    with pytest.raises(karbor_exc.Forbidden):
        alpha.karbor.restores.create(alpha.provider, foreign.id, None, {}, None)


def test_another_projects_checkpoint_cannot_be_verified(alpha: Tenant, foreign) -> None:
    verification = alpha.verify(foreign, status="fail")
    assert "not allowed" in str(verification.resources_reason)


def test_another_projects_checkpoint_cannot_be_deleted(
    alpha: Tenant, beta: Tenant, foreign
) -> None:
    with pytest.raises(karbor_exc.Forbidden):
        alpha.karbor.checkpoints.delete(alpha.provider, foreign.id)
    assert beta.checkpoint(beta.provider, foreign.id).status == "available"
