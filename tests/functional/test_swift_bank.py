# SPDX-License-Identifier: Apache-2.0
"""On real services with the bank in Swift: the main job with bytes, Swift away, Karbor killed."""

import json
import random
from collections.abc import Iterator

import pytest
from karbor.services.protection.bank_plugin import Bank
from oslo_config import cfg

from karbor_manila.bank.swift.plugin import SwiftBankPlugin
from sandbox.karbor import providers
from sandbox.proxy.rules import Rule
from sandbox.stack import Stack
from sandbox.state import BANK_PROXY, SWIFT
from sandbox.tenant import Tenant
from tests.crash import points, report
from tests.crash.scenario import Harness
from tests.crash.world import World
from tests.functional.folders import contents, fill
from tests.functional.operator_command import run_command

SETTLE_SECONDS = 90
KILLS = 2
_ACCOUNT = "/v1/AUTH_"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A sandbox of its own, whose bank is in Swift."""
    stack = Stack(
        tmp_path_factory.mktemp("swift") / "state",
        bank=SWIFT,
        share_options={
            "undo_timeout": 30,
            "request_settle_time": 3,
            "swift_client/swift_retry_backoff": 1,
        },
    )
    stack.start()
    yield stack
    stack.destroy()


@pytest.fixture
def tenant(store: Stack) -> Tenant:
    return Tenant(store.info, "alpha")


@pytest.fixture
def bank(store: Stack) -> Bank:
    """The bank, opened beside Karbor."""
    conf = cfg.ConfigOpts()
    path = store.state.directory("karbor") / "providers.d" / f"{providers.OURS}.conf"
    conf(["--config-file", str(path)])
    return Bank(SwiftBankPlugin(conf))


def test_the_main_job_gives_back_every_byte_also_after_a_restart_of_swift_and_karbor(
    store: Stack, tenant: Tenant, bank: Bank
) -> None:
    share = tenant.make_share("in Swift")
    folder = tenant.folder(share.id)
    fill(folder, "before")
    wanted = contents(folder)
    plan = tenant.plan_of_shares([share])
    checkpoint = tenant.protect(plan)
    assert bank.list_objects(f"/checkpoints/{checkpoint.id}/")
    fill(folder, "after")
    store.stop_service("karbor")
    store.restart(SWIFT)
    store.start_service("karbor")
    assert [found.id for found in tenant.checkpoints(plan)] == [checkpoint.id]
    tenant.verify(checkpoint)
    new = tenant.restored_share(tenant.restore(checkpoint))
    assert contents(tenant.folder(new.id)) == wanted
    config = store.state.directory("karbor") / "karbor.conf"
    listed = run_command(store, config, "bank", "list", "-f", "json")
    assert listed.returncode == 0, listed.stderr
    assert "as known" in {each["State"] for each in json.loads(listed.stdout)}
    tenant.delete(checkpoint)
    assert tenant.snapshots(share.id) == []
    password = store.state.passwords()["karbor"]
    for each in ("karbor", SWIFT, BANK_PROXY):
        assert password not in store.info.logs[each].read_text()


def test_what_karbors_own_bank_wrote_is_read_and_what_ours_wrote_is_read_by_that(
    store: Stack, tenant: Tenant, bank: Bank
) -> None:
    stock = store.info.providers[providers.STOCK]
    shares = [tenant.make_share(name) for name in ("by Karbor's", "by ours")]
    by_karbor = tenant.protect(tenant.plan_of_shares(shares[:1], provider=stock))
    by_us = tenant.protect(tenant.plan_of_shares(shares[1:]))
    folder = f"/checkpoints/{by_karbor.id}/"
    found = {key.removeprefix(folder): bank.get_object(key) for key in bank.list_objects(folder)}
    assert found["index.json"]["status"] == "available"
    assert found[f"resource-data/{shares[0].id}/metadata"]["share_id"] == shares[0].id
    assert any(key.endswith(by_karbor.id) for key in bank.list_objects("/indices/", limit=500))
    # With Karbor's API, through Karbor's own bank.
    assert tenant.karbor.checkpoints.get(stock, by_us.id).id == by_us.id
    tenant.delete(by_karbor)
    tenant.delete(by_us)


def test_a_swift_that_is_away_is_named_and_nothing_is_made(store: Stack, tenant: Tenant) -> None:
    plan = tenant.plan_of_shares([tenant.make_share("away")])
    with pytest.raises(Exception, match="the store could not be asked") as failed:
        store.bank_proxy.outage(600)
        try:
            tenant.protect(plan)
        finally:
            store.bank_proxy.end_outage()
    assert "127.0.0.1" not in str(failed.value)
    assert tenant.snapshots(plan.resources[0]["id"]) == []
    checkpoint = tenant.protect(plan)  # without a restart
    tenant.delete(checkpoint)


def test_a_swift_that_fails_now_and_then_costs_no_protection(store: Stack, tenant: Tenant) -> None:
    share = tenant.make_share("busy")
    every = [Rule.answer("PUT", "resource-data", 503, nth=nth) for nth in (1, 3, 5)]
    lost = Rule.lose_reply("PUT", "index.json", nth=2)
    refused = Rule.answer("GET", f"{_ACCOUNT}.*checkpoints", 401)  # a token that has run out
    with store.bank_proxy.fault(*every, lost, refused):
        checkpoint = tenant.protect(tenant.plan_of_shares([share]))
    assert len(tenant.snapshots(share.id)) == 1
    tenant.delete(checkpoint)
    assert tenant.snapshots(share.id) == []


def test_the_promise_is_kept_wherever_karbor_dies(store: Stack) -> None:
    seed = random.randrange(1_000_000)
    store.restart("karbor", mortal_bank=True)
    harness = Harness(World(store, providers.OURS), SETTLE_SECONDS)
    chosen = points.sample(harness.discover(["protect", "delete"]), KILLS, seed)
    outcomes = [harness.run(point) for point in chosen]
    broken = [report.line(outcome) for outcome in outcomes if outcome.findings]
    assert not broken, "\n".join([f"seed={seed}", *broken])


def test_a_proxy_stands_before_swift(store: Stack) -> None:
    assert store.running(BANK_PROXY)
    assert any("checkpoints" in request for request in store.bank_proxy.requests())
