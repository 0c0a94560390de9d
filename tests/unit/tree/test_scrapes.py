# SPDX-License-Identifier: Apache-2.0
"""Real scrapes over HTTP, of both who show metrics, each in a process of its own."""

import contextlib
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[3]

#: Both print their port, and serve until they are told to end.
EXPORTER = """
import sys
from prometheus_client import CollectorRegistry
from karbor_manila.cli.tenant import exporter
from tools.alerts import collector
registry = CollectorRegistry()
registry.register(collector())
print(exporter.serve(registry, "127.0.0.1", 0), flush=True)
sys.stdin.read()
"""
PROTECTION = """
import eventlet, eventlet.tpool
eventlet.monkey_patch()
import sys
from karbor_manila.service import metrics_port
from tests.unit.tree.test_monitoring import LEASE, protection

def listen(address, _port):
    listening = metrics_port._listen(address, 0)
    print(listening.getsockname()[1], flush=True)
    return listening

def make():
    return protection(lease=LEASE, claimed_for=600.0)

port = metrics_port.MetricsPort("127.0.0.1", 1, make, listen=listen)
port.start()
eventlet.tpool.execute(sys.stdin.read)
port.stop()
"""
# The environment may name a proxy for the outer world; this is loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextlib.contextmanager
def serving(script: str) -> Iterator[str]:
    """The URL of who serves in a process of its own; it ends well when it is told to."""
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stdout
        yield f"http://127.0.0.1:{running.stdout.readline().strip()}"
        running.communicate("", timeout=60)
    assert running.returncode == 0


@pytest.mark.parametrize(
    ("script", "name"),
    [
        (EXPORTER, "karbor_manila_plan_has_good_checkpoint"),
        (PROTECTION, "karbor_manila_lease_fresh"),
    ],
    ids=["exporter", "karbor-protection"],
)
def test_a_scrape_gives_what_prometheus_reads(script: str, name: str) -> None:
    with serving(script) as url:
        for accepted in ("text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0"):
            asked = urllib.request.Request(f"{url}/metrics", headers={"Accept": accepted})
            with _OPENER.open(asked, timeout=60) as reply:
                kind, text = reply.headers["Content-Type"], reply.read().decode()
            assert kind.startswith(accepted.partition(";")[0])
            shown = {family.name for family in text_string_to_metric_families(text)}
            assert name in shown
