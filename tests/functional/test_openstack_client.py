# SPDX-License-Identifier: Apache-2.0
"""``openstack share protection``: openstackclient itself, with real Keystone, Karbor and Manila."""

import pytest

from sandbox.info import StackInfo
from sandbox.tenant import Tenant
from tests.functional.tenant_command import Run, command


@pytest.fixture
def openstack(info: StackInfo) -> Run:
    return command(info, "alpha", program=("openstack", "share", "protection"))


def test_a_plan_is_looked_at_and_restored_with_openstack(
    empty_alpha: Tenant, openstack: Run
) -> None:
    alpha = empty_alpha
    share = alpha.make_share("home")
    (alpha.folder(share.id) / "file").write_bytes(b"of home")
    plan = alpha.plan_of_shares([share])
    try:
        checkpoint = alpha.protect(plan)
        (alpha.folder(share.id) / "file").write_bytes(b"damaged")

        code, (row,), err = openstack("status", "--plan", plan.id, "--max-age", "0")
        assert (code, row["Newest Good"], err) == (3, checkpoint.id, "")

        code, (row,), err = openstack("restore", checkpoint.id, "--name", "again", "--wait")
        assert (code, row["Status"], err) == (0, "available", "")
        made = row["New Share"]
        assert alpha.manila.shares.get(made).name == "again"
        assert (alpha.folder(made) / "file").read_bytes() == b"of home"

        code, shown, _err = openstack("show", checkpoint.id)
        assert (code, shown["status"], shown["plan"]["id"]) == (0, "available", plan.id)
        assert made in {result["id"] for result in shown["restores"][0]["results"]}
    finally:
        alpha.karbor.plans.delete(plan.id)
