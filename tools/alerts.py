#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print what the exporter shows of forty shares in all states, and which alerts fire on it.

    python tools/alerts.py

It is the world of doc/pictures/report.png. Needs promtool (Debian's package prometheus), and
karbor_manila and its tests to be importable.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from prometheus_client import CollectorRegistry, generate_latest  # noqa: E402 - as below

from karbor_manila.cli.tenant.exported import Collector  # noqa: E402 - of this tree
from karbor_manila.cli.tenant.looking import GOOD, Looked  # noqa: E402
from karbor_manila.cli.views.face import face  # noqa: E402
from tests.fakes.forty import audit, forty  # noqa: E402
from tests.fakes.listed import NOW  # noqa: E402
from tests.unit.tree import rule_runs  # noqa: E402


def collector() -> Collector:
    """The exporter's, a second after its look."""
    seen = face(forty().listed(shares=None), audit=audit())
    looked = Looked(seen, NOW, GOOD, 1.0, Counter({GOOD: 1}))
    return Collector(lambda: looked, most=1000)


def main() -> None:
    """Print both."""
    registry = CollectorRegistry()
    registry.register(collector())
    sys.stdout.write(generate_latest(registry).decode())
    if not rule_runs.PROMTOOL:
        sys.exit(rule_runs.MISSING)
    with tempfile.TemporaryDirectory() as folder:
        given = rule_runs.planted(collector(), since=NOW.timestamp())
        names = sorted(rule_runs.firing(Path(folder), given))
    sys.stdout.write("\n".join(["", "These alerts fire:", *names, ""]))


if __name__ == "__main__":
    main()
