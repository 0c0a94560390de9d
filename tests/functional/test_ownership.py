# SPDX-License-Identifier: Apache-2.0
"""Whose it is, and who says that it is gone: on the real services."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.proxy.control import Proxy
from sandbox.proxy.rules import Rule
from sandbox.stack import Stack
from sandbox.tenant import Tenant

SNAPSHOT = "^/v2/snapshots/[0-9a-f-]{36}$"
LETTER = "\N{PILE OF POO}"


def transfer(share_id: str, giver: Tenant, taker: Tenant) -> None:
    """The share, and its snapshots with it, belong to another project from now on."""
    asked = {"transfer": {"share_id": share_id, "name": "given away"}}
    _, body = giver.manila.client.post("/share-transfers", body=asked)
    accepted = {"accept": {"auth_key": body["transfer"]["auth_key"], "clear_access_rules": False}}
    path = f"/share-transfers/{body['transfer']['id']}/accept"
    taker.manila.client.post(path, body=accepted)


@pytest.mark.parametrize("who", ["the owner", "an administrator"])
def test_the_snapshot_of_a_share_that_was_transferred_stays(alpha: Tenant, who: str) -> None:
    admin = Tenant(alpha.info, "admin")
    share = alpha.make_share("to be given away")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    (kept,) = alpha.snapshots(share.id)
    transfer(share.id, alpha, admin)
    restore = alpha.restore(checkpoint, status="fail")
    assert "transferred to another project" in str(restore.resources_reason)
    by = alpha if who == "the owner" else admin
    by.karbor.checkpoints.delete(alpha.provider, checkpoint.id)
    alpha.wait_checkpoint(alpha.provider, checkpoint.id, "deleted")
    (left,) = admin.snapshots(share.id)
    assert (left.id, left.status) == (kept.id, "available")


def test_an_administrator_deletes_another_projects_checkpoint(alpha: Tenant) -> None:
    share = alpha.make_share("of alpha")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    Tenant(alpha.info, "admin").karbor.checkpoints.delete(alpha.provider, checkpoint.id)
    alpha.wait_checkpoint(alpha.provider, checkpoint.id, "deleted")
    assert alpha.snapshots(share.id) == []


def test_a_lost_reply_to_an_administrators_restore_makes_no_second_share(
    alpha: Tenant, proxy: Proxy
) -> None:
    admin = Tenant(alpha.info, "admin")
    checkpoint = alpha.protect(alpha.plan_of_shares([alpha.make_share("of alpha")]))
    before = {share.id for share in admin.shares()}
    with proxy.fault(Rule.lose_reply("POST", "^/v2/shares$")):
        restore = admin.restore(checkpoint)
    made = {share.id for share in admin.shares()} - before
    assert len(made) == 1
    assert list(restore.resources_status) == [f"OS::Manila::Share#{made.pop()}"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_gateways_404_is_not_the_end_of_a_snapshot(
    alpha: Tenant, proxy: Proxy, method: str
) -> None:
    share = alpha.make_share("behind a gateway")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    body = {"message": "no Route matched with those values"}
    with proxy.fault(Rule.answer(method, SNAPSHOT, 404, body, times=2)):
        alpha.delete(checkpoint)
    assert alpha.snapshots(share.id) == []


def test_a_deletion_that_policy_forbids_says_so_at_once(alpha: Tenant, proxy: Proxy) -> None:
    checkpoint = alpha.protect(alpha.plan_of_shares([alpha.make_share("kept by policy")]))
    body = {"forbidden": {"code": 403, "message": "Policy does not allow it"}}
    proxy.clear_counts()
    began = time.monotonic()
    with proxy.fault(Rule.answer("DELETE", SNAPSHOT, 403, body, times=None)):
        ended = alpha.delete(checkpoint, status="error-deleting")
    assert "Policy does not allow it" in ended.extra_info
    assert time.monotonic() - began < 90
    alpha.delete(checkpoint)


def test_a_name_that_the_database_does_not_take_is_told(alpha: Tenant, proxy: Proxy) -> None:
    share = alpha.make_share("plain")
    plan = alpha.plan_of_shares([share], {"OS::Manila::Share": {"snapshot_name": LETTER}})
    body = {"computeFault": {"code": 500, "message": "The server has either erred"}}
    began = time.monotonic()
    with proxy.fault(Rule.answer("POST", "^/v2/snapshots$", 500, body, times=None)):
        ended = alpha.protect(plan, status="error")
    assert "U+1F4A9" in ended.extra_info
    assert time.monotonic() - began < 90


# -- with options of their own --------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Little patience, and a Karbor that is told of Manila's endpoint without its version."""
    folder: Path = tmp_path_factory.mktemp("bare")
    with Stack(folder, share_options={"outage_timeout": 20, "request_timeout": 15}) as stack:
        url = stack.info.proxy_url.partition("/v2")[0]
        stack.restart("karbor", karbor_options={"manila_client/manila_endpoint": url})
        yield stack


def test_an_endpoint_without_a_version_is_found(bare: Stack) -> None:
    alpha = Tenant(bare.info, "alpha")
    checkpoint = alpha.protect(alpha.plan_of_shares([alpha.make_share("bare")]))
    alpha.restore(checkpoint)
    alpha.delete(checkpoint)


def test_a_karbor_that_was_stopped_blames_nobody(bare: Stack) -> None:
    """Stopped while its request is on its way, for longer than it has patience with Manila."""
    alpha = Tenant(bare.info, "alpha")
    shares = [alpha.make_share(f"stopped {number}") for number in range(3)]
    plan = alpha.plan_of_shares(shares)
    stopper = threading.Timer(1.0, lambda: bare.kill("karbor", signal.SIGSTOP))
    with bare.proxy.fault(Rule.delay("POST", "/snapshots$", 3, times=None)):
        begun: Any = alpha.karbor.checkpoints.create(plan.provider_id, plan.id)
        stopper.start()
        time.sleep(25)
        bare.kill("karbor", signal.SIGCONT)
        alpha.wait_checkpoint(plan.provider_id, begun.id, "available")
    assert all(len(alpha.snapshots(share.id)) == 1 for share in shares)
