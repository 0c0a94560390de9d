# SPDX-License-Identifier: Apache-2.0
"""A protect over RPC: what is refused before its checkpoint exists."""

from typing import Any

import pytest
from karbor import exception as karbor_exception

from tests.unit.karbor_stage import (
    PROJECT,
    SHARE,
    VOLUME,
    Service,
)
from tests.unit.service.rpc import UNKNOWN, refusal


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {SHARE: {"force": "perhaps"}}},
        {"parameters": {f"{SHARE}#{UNKNOWN}": {"force": "True"}}},
        {"resources": [{"type": VOLUME, "id": UNKNOWN, "name": "v"}]},
        {"resources": [{"type": PROJECT, "id": UNKNOWN, "name": "p"}]},
    ],
    ids=["parameter", "unknown share", "type", "project"],
)
def test_a_bad_plan_is_refused_before_its_checkpoint_exists(
    service: Service, change: dict[str, Any]
) -> None:
    resources = change.get("resources", [{"type": SHARE, "id": service.share(), "name": "s"}])
    plan = service.plan(resources=resources, parameters=change.get("parameters"))
    error = refusal(service.protect, plan)
    assert isinstance(error, karbor_exception.InvalidPlan)
    assert error.code == 400
    assert service.checkpoints() == []
    assert service.cloud.calls == []


def test_a_plan_of_an_unknown_provider_is_refused(service: Service) -> None:
    error = refusal(service.protect, service.plan(service.share(), provider_id=UNKNOWN))
    assert isinstance(error, karbor_exception.ProviderNotFound)


def test_no_plan_is_refused_as_karbor_does(service: Service) -> None:
    assert isinstance(refusal(service.protect, None), karbor_exception.InvalidPlan)


def test_a_good_plan_is_protected(service: Service) -> None:
    share = service.share()
    plan = service.plan(share, parameters={SHARE: {"description": "all", "force": "False"}})
    assert service.protect(plan).status == "available"
    (snapshot,) = service.cloud.snapshots.values()
    assert (snapshot["share_id"], snapshot["description"]) == (share, "all")
