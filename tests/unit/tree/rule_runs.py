# SPDX-License-Identifier: Apache-2.0
"""Runs our rules on planted metrics, with Prometheus' own promtool."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "monitoring" / "karbor-manila.rules.yaml"

PROMTOOL = shutil.which("promtool")
MISSING = "needs promtool: apt-get install --no-install-recommends prometheus"

#: A value every five minutes for so long, which is longer than any rule waits.
STEP, HOURS = 300, 30
_STEPS = HOURS * 3600 // STEP


def alerts() -> dict[str, dict[str, Any]]:
    """Every alert by its name."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def planted(collector: Any, *, since: float = 0.0, frozen: bool = False) -> list[dict[str, str]]:
    """What a collector shows, as series that go on.

    promtool's time begins at 0, and ours at ``since``. What is a time moves on with it, as that of
    what is done again and again; a counter stands.

    :param frozen: times stay where they are: nothing is done any more
    """
    registry = CollectorRegistry()
    registry.register(collector)
    families: Iterable[Metric] = registry.collect()
    return [
        _series(sample.name, sample.labels, sample.value, since=since, frozen=frozen)
        for family in families
        for sample in family.samples
    ]


def _series(
    name: str, labels: dict[str, str], value: float, *, since: float, frozen: bool
) -> dict[str, str]:
    moves = name.endswith("_timestamp_seconds")
    begin = value - since if moves else value
    step = STEP if moves and not frozen else 0
    named = ",".join(f'{label}="{text}"' for label, text in {**labels, "instance": "a"}.items())
    return series(f"{name}{{{named}}}", begin, step)


def series(name: str, begin: float, step: float) -> dict[str, str]:
    """One that begins at a value and grows by so much every five minutes."""
    sign = "+" if step >= 0 else "-"
    return {"series": name, "values": f"{begin:.3f}{sign}{abs(step):g}x{_STEPS}"}


def firing(folder: Path, given: list[dict[str, str]]) -> set[str]:
    """The names of the alerts that fire at the end. promtool says what it got when that is not what
    was expected, which is nothing."""
    assert PROMTOOL
    rules = folder / RULES.name
    shutil.copy(RULES, rules)
    expression = 'group by (alertname) (ALERTS{alertstate="firing"})'
    test = {
        "rule_files": [rules.name],
        "evaluation_interval": f"{STEP}s",
        "tests": [
            {
                "interval": f"{STEP}s",
                "input_series": given,
                "promql_expr_test": [
                    {"expr": expression, "eval_time": f"{HOURS}h", "exp_samples": []}
                ],
            }
        ],
    }
    path = folder / "planted.yaml"
    path.write_text(yaml.safe_dump(test), encoding="utf-8")
    ran = subprocess.run(  # noqa: S603 - Prometheus' own
        [PROMTOOL, "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    if ran.returncode == 0:
        return set()
    told = ran.stdout + ran.stderr
    found = re.findall(r'alertname="(\w+)"', told.partition("got:")[2])
    assert found, told
    return set(found)
