# SPDX-License-Identifier: Apache-2.0
"""Scrapes of real services: what operations on bytes make of the numbers."""

import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sandbox import ports
from sandbox.info import StackInfo
from sandbox.proxy.control import Proxy
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.tenant_command import environment

#: By the values of the labels, in the order of the labels' names.
Values = dict[tuple[str, ...], float]
# The environment may name a proxy for the outer world; this is loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
OPTION = "manila_share_protection/metrics_port"


def scraped(port: int, name: str) -> Values:
    """One metric, as Prometheus reads it; empty as long as nobody serves."""
    try:
        with _OPENER.open(f"http://127.0.0.1:{port}/metrics", timeout=60) as reply:
            text = reply.read().decode()
    except OSError:
        return {}
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"karbor_manila_{name}"
    }


@pytest.fixture(scope="module")
def port(stack: Stack) -> Iterator[int]:
    """That of a karbor-protection."""
    before = stack.state.settings()
    chosen = ports.choose(["metrics"])["metrics"]
    stack.restart("karbor", karbor_options={**before.karbor_options, OPTION: chosen})
    yield chosen
    stack.restart("karbor", karbor_options=before.karbor_options)


@contextmanager
def exporting(info: StackInfo, user: str, *argv: str) -> Iterator[int]:
    """``karbor-manila exporter`` of a user, on a port; it ends well at a SIGTERM."""
    chosen = ports.choose(["exporter"])["exporter"]
    command = [str(info.bin / "karbor-manila"), "exporter", "--port", str(chosen), *argv]
    running = subprocess.Popen(
        command, env=environment(info, user, "clouds.yaml"), stderr=subprocess.PIPE, text=True
    )
    try:
        yield chosen
    finally:
        running.send_signal(signal.SIGTERM)
        _out, told = running.communicate(timeout=120)
    assert (running.returncode, told.count("Traceback")) == (0, 0), told


def test_a_protection_a_restore_and_a_lease_are_in_the_numbers_of_the_process(
    alpha: Tenant, port: int
) -> None:
    wait(
        "a fresh lease", lambda: scraped(port, "lease_fresh"), lambda seen: 1.0 in seen.values(), 60
    )
    share = alpha.make_share("home")
    folder = alpha.folder(share.id)
    fill(folder, "counted")
    then = contents(folder)
    before = scraped(port, "operations_total")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    restored = alpha.restored_share(alpha.restore(checkpoint))
    # Who is scraped does its work all the same.
    assert contents(alpha.folder(restored.id)) == then

    def more() -> Values:
        after = scraped(port, "operations_total")
        return {key: after[key] - before[key] for key in before}

    counted = wait("counts", more, lambda seen: seen.get(("restore", "done")) == 1, 120)
    assert (counted["protect", "done"], counted["protect", "failed"]) == (1, 0)
    assert scraped(port, "operation_duration_seconds_count")["protect",] >= 1
    assert scraped(port, "claims")["protect",] == 0
    assert set(scraped(port, "events_dropped_total").values()) == {0}
    alpha.delete(checkpoint)


def test_the_exporter_shows_a_plan_to_its_tenant_and_all_plans_to_an_administrator(
    alpha: Tenant, beta: Tenant, info: StackInfo, proxy: Proxy
) -> None:
    plan = alpha.plan_of_shares([alpha.make_share("home")])
    checkpoint = alpha.protect(plan)
    other = beta.plan_of_shares([beta.make_share("theirs")])
    proxy.clear_counts()
    name = "plan_has_good_checkpoint"
    with exporting(info, "alpha") as port:
        seen = wait("a look", lambda: scraped(port, name), bool, 60)
        newest = scraped(port, "plan_newest_good_timestamp_seconds")
        assert scraped(port, "exporter_last_look_good") == {(): 1}
    ids = {key[1]: value for key, value in seen.items()}
    assert (ids[plan.id], other.id in ids) == (1, False)
    ((age,),) = [[time.time() - at for key, at in newest.items() if key[1] == plan.id]]
    assert -5 < age < 300
    with exporting(info, "admin", "--all-projects") as port:
        seen = wait("a look", lambda: scraped(port, name), bool, 60)
    ids = {key[1]: value for key, value in seen.items()}
    assert (ids[plan.id], ids[other.id]) == (1, 0)
    # Manila was asked for nothing.
    assert proxy.counts() == {}
    alpha.delete(checkpoint)
    for tenant, gone in ((alpha, plan), (beta, other)):
        tenant.karbor.plans.delete(gone.id)
