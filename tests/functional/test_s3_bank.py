# SPDX-License-Identifier: Apache-2.0
"""On real services with the bank in S3: the main job with bytes, the store away, Karbor killed."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.karbor import providers
from sandbox.proxy.rules import Rule
from sandbox.s3 import config as s3
from sandbox.stack import Stack
from sandbox.state import BANK_PROXY, S3
from sandbox.tenant import Tenant
from tests.crash import points, report
from tests.crash.scenario import Harness
from tests.crash.world import World
from tests.functional.folders import contents, fill
from tests.functional.operator_command import run_command
from tests.functional.s3_store import client_of

SETTLE_SECONDS = 90
KILLS = 1


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A sandbox of its own, whose bank is in S3."""
    stack = Stack(
        tmp_path_factory.mktemp("s3") / "state",
        bank=S3,
        share_options={"undo_timeout": 30, "request_settle_time": 3},
    )
    stack.start()
    yield stack
    stack.destroy()


@pytest.fixture
def tenant(store: Stack) -> Tenant:
    return Tenant(store.info, "alpha")


@pytest.fixture
def kept(store: Stack) -> Any:
    """What is in the bucket, read beside Karbor: the text of an object by its key."""

    def read() -> dict[str, str]:
        state = store.state
        access = s3.access(state.directory(S3), store.info.bank_url)
        client = client_of(access, f"http://127.0.0.1:{state.ports()[S3]}")
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=s3.BUCKET)
        keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
        get = client.get_object
        return {key: get(Bucket=s3.BUCKET, Key=key)["Body"].read().decode() for key in keys}

    return read


def test_the_main_job_gives_back_every_byte_also_after_a_restart_of_store_and_karbor(
    store: Stack, tenant: Tenant, kept: Any
) -> None:
    share = tenant.make_share("in S3")
    folder = tenant.folder(share.id)
    fill(folder, "before")
    wanted = contents(folder)
    plan = tenant.plan_of_shares([share])
    checkpoint = tenant.protect(plan)
    assert any(checkpoint.id in key for key in kept())
    fill(folder, "after")
    store.stop_service("karbor")
    store.stop_service(S3)
    store.start_service(S3)
    store.start_service("karbor")
    assert [found.id for found in tenant.checkpoints(plan)] == [checkpoint.id]
    tenant.verify(checkpoint)
    new = tenant.restored_share(tenant.restore(checkpoint))
    assert contents(tenant.folder(new.id)) == wanted
    config = store.state.directory("karbor") / "karbor.conf"
    listed = run_command(store, config, "bank", "list", "-f", "json")
    states = {each["Name"]: each["State"] for each in json.loads(listed.stdout)}
    assert states[providers.OURS] == "as known", listed.stderr
    tenant.delete(checkpoint)
    assert tenant.snapshots(share.id) == []
    secret = s3.access(store.state.directory(S3), "").secret_key
    logs = store.info.logs["karbor"].read_text()
    assert secret not in logs


def test_a_store_that_is_away_is_named_and_nothing_is_made(store: Stack, tenant: Tenant) -> None:
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


def test_a_store_that_fails_now_and_then_costs_no_protection(store: Stack, tenant: Tenant) -> None:
    share = tenant.make_share("busy")
    every = [Rule.answer("PUT", "resource-data", 503, nth=nth) for nth in (1, 3, 5)]
    lost = Rule.lose_reply("PUT", "index.json", nth=2)
    with store.bank_proxy.fault(*every, lost):
        checkpoint = tenant.protect(tenant.plan_of_shares([share]))
    assert len(tenant.snapshots(share.id)) == 1
    tenant.delete(checkpoint)
    assert tenant.snapshots(share.id) == []


def test_the_promise_is_kept_wherever_karbor_dies(store: Stack) -> None:
    seed = random.randrange(1_000_000)
    store.restart("karbor", mortal_bank=True)
    harness = Harness(World(store, providers.OURS), SETTLE_SECONDS)
    chosen = points.sample(harness.discover(["protect"]), KILLS, seed)
    outcomes = [harness.run(point) for point in chosen]
    broken = [report.line(outcome) for outcome in outcomes if outcome.findings]
    assert not broken, "\n".join([f"seed={seed}", *broken])


def test_a_proxy_stands_before_the_store(store: Stack) -> None:
    assert store.running(BANK_PROXY)
    assert any("checkpoints" in request for request in store.bank_proxy.requests())
