# SPDX-License-Identifier: Apache-2.0
"""What cannot be done is refused with a reason, before anything is created."""

import pytest
from karborclient.common.apiclient import exceptions as karbor_exc
from oslo_serialization import jsonutils

from sandbox.proxy.control import Proxy
from sandbox.proxy.rules import Rule
from sandbox.tenant import SHARE, Tenant

#: What a Karbor that has just been started may still ask, beside its requests (service/runtime.py).
AT_START = {"GET /", "GET /v2/types"}


def writes(proxy: Proxy) -> dict[str, int]:
    return {call: n for call, n in proxy.counts().items() if not call.startswith("GET")}


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("force", "perhaps", "true or false"),
        ("snapshot_name", "x" * 256, "at most 255 characters"),
        ("description", "x" * 256, "at most 255 characters"),
    ],
)
def test_a_bad_plan_is_a_400_that_names_the_parameter_and_makes_no_checkpoint(
    alpha: Tenant, proxy: Proxy, name: str, value: str, allowed: str
) -> None:
    plan = alpha.plan_of_shares([alpha.make_share("refused")], {SHARE: {name: value}})
    with pytest.raises(karbor_exc.BadRequest) as refused:
        alpha.karbor.checkpoints.create(plan.provider_id, plan.id)
    assert f"'{name}'" in str(refused.value)
    assert allowed in str(refused.value)
    assert alpha.checkpoints(plan) == []
    assert proxy.counts().keys() <= AT_START


def test_parameters_for_a_share_that_the_plan_does_not_name_are_refused(alpha: Tenant) -> None:
    one, other = alpha.make_share("one"), alpha.make_share("other")
    plan = alpha.plan_of_shares([one], {f"{SHARE}#{other.id}": {"snapshot_name": "x"}})
    with pytest.raises(karbor_exc.BadRequest, match="no such share"):
        alpha.karbor.checkpoints.create(plan.provider_id, plan.id)


def test_a_resource_of_a_type_without_a_plugin_is_refused(alpha: Tenant) -> None:
    resources = [{"type": "OS::Nova::Server", "id": "x", "name": "server"}]
    plan = alpha.karbor.plans.create("servers", alpha.provider, resources, {})
    with pytest.raises(karbor_exc.BadRequest, match="no protection plugin"):
        alpha.karbor.checkpoints.create(plan.provider_id, plan.id)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"restore_name": "x" * 256}, "'restore_name'"),
        ({"share_id": "not-an-id"}, "an id (a UUID)"),
    ],
)
def test_a_bad_restore_says_why_and_creates_nothing(
    alpha: Tenant, proxy: Proxy, given: dict[str, str], said: str
) -> None:
    share = alpha.make_share("bad restore")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    proxy.clear_counts()
    restore = alpha.restore(checkpoint, {SHARE: given}, status="fail")
    assert said in restore.resources_reason[f"{SHARE}#{share.id}"]
    assert proxy.counts() == {}


def test_restoring_into_another_share_is_refused_by_name_and_nothing_is_written(
    alpha: Tenant, proxy: Proxy
) -> None:
    share, other = alpha.make_share("source"), alpha.make_share("other")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    proxy.clear_counts()
    restore = alpha.restore(checkpoint, {SHARE: {"share_id": other.id}}, status="fail")
    assert "share_id" in restore.resources_reason[f"{SHARE}#{share.id}"]
    assert writes(proxy) == {}


def test_a_share_that_is_not_there_ends_in_error_with_its_name(alpha: Tenant) -> None:
    share = alpha.make_share("gone")
    plan = alpha.plan_of_shares([share])
    alpha.manila.shares.delete(share.id)
    checkpoint = alpha.protect(plan, status="error")
    reasons = jsonutils.loads(checkpoint.extra_info)["reasons"]
    assert share.id in str(reasons)
    alpha.delete(checkpoint)


def test_a_share_type_without_snapshots_is_refused(alpha: Tenant, proxy: Proxy) -> None:
    share = alpha.make_share("plain", share_type="nosnap")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]), status="error")
    assert "no snapshot support" in checkpoint.extra_info
    assert writes(proxy) == {}


def test_with_manila_down_a_project_plan_ends_in_error_and_not_empty(
    alpha: Tenant, proxy: Proxy
) -> None:
    plan = alpha.plan_of_project()
    with (
        proxy.fault(Rule.answer("GET", "/shares/detail", 503, times=None)),
        pytest.raises(karbor_exc.BadRequest, match="503"),
    ):
        alpha.karbor.checkpoints.create(plan.provider_id, plan.id)
    (checkpoint,) = alpha.checkpoints(plan)
    assert checkpoint.status == "error"
    assert "503" in alpha.checkpoint(plan.provider_id, checkpoint.id).extra_info
    alpha.delete(alpha.checkpoint(plan.provider_id, checkpoint.id))


def test_an_instance_that_cannot_be_protected_is_shown_with_the_reason(alpha: Tenant) -> None:
    """Karbor's API makes a 500 of whatever is not a 404 here; the sentence gets through."""
    share = alpha.make_share("plain", share_type="nosnap")
    with pytest.raises(karbor_exc.InternalServerError, match="no snapshot support"):
        alpha.karbor.protectables.get_instance(SHARE, share.id)
