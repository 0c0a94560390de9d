# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of Karbor's own plugin in our hands, and ours in its: both made by the real thing."""

from typing import Any

import pytest

from sandbox.info import StackInfo
from sandbox.tenant import SHARE, Tenant


@pytest.fixture
def stock(info: StackInfo) -> str:
    """The id of the provider with Karbor's own share plugin, on the same bank."""
    return info.providers["karbor-stock"]


def protected(tenant: Tenant, provider: str) -> tuple[Any, Any]:
    """A share with known content, and its checkpoint by the provider."""
    share = tenant.make_share("compatible")
    (tenant.folder(share.id) / "file").write_text("kept")
    checkpoint = tenant.protect(tenant.plan_of_shares([share], provider=provider))
    (tenant.folder(share.id) / "file").write_text("changed")
    return share, checkpoint


def test_a_checkpoint_of_karbors_own_plugin_is_restored_by_ours(alpha: Tenant, stock: str) -> None:
    _share, checkpoint = protected(alpha, stock)
    new = alpha.restored_share(alpha.restore(checkpoint, provider=alpha.provider))
    assert (alpha.folder(new.id) / "file").read_text() == "kept"


def test_a_checkpoint_of_karbors_own_plugin_is_verified_by_ours(alpha: Tenant, stock: str) -> None:
    share, checkpoint = protected(alpha, stock)
    verification = alpha.verify(checkpoint, provider=alpha.provider)
    assert verification.resources_status == {f"{SHARE}#{share.id}": "available"}


def test_a_checkpoint_of_karbors_own_plugin_is_deleted_by_ours(alpha: Tenant, stock: str) -> None:
    share, checkpoint = protected(alpha, stock)
    alpha.delete(checkpoint, provider=alpha.provider)
    assert alpha.snapshots(share.id) == []


def test_ours_is_restored_by_karbors_own_plugin(alpha: Tenant, stock: str) -> None:
    _share, checkpoint = protected(alpha, alpha.provider)
    new = alpha.restored_share(alpha.restore(checkpoint, provider=stock))
    alpha.wait_share(new.id)
    assert (alpha.folder(new.id) / "file").read_text() == "kept"


def test_ours_is_deleted_by_karbors_own_plugin(alpha: Tenant, stock: str) -> None:
    share, checkpoint = protected(alpha, alpha.provider)
    alpha.delete(checkpoint, provider=stock)
    assert alpha.snapshots(share.id) == []
