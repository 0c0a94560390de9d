# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila report`` on real Keystone, Karbor and Manila: the page, JSON, and live."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.info import StackInfo
from sandbox.tenant import Tenant
from tests.functional.tenant_command import command, environment


@pytest.fixture
def report(info: StackInfo) -> Callable[..., Any]:
    """Runs the command: what it ended with."""

    def report(*argv: str, user: str = "alpha") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(info.bin / "karbor-manila"), "report", *argv],
            env=environment(info, user, "clouds.yaml"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return report


@pytest.fixture
def plan(empty_alpha: Tenant) -> Iterator[Any]:
    """The only plan of its project, of one of two shares."""
    for old in empty_alpha.karbor.plans.list():
        empty_alpha.karbor.plans.delete(old.id)
    share, _other = empty_alpha.make_share("home"), empty_alpha.make_share("alone")
    (empty_alpha.folder(share.id) / "file").write_text("of home")
    made = empty_alpha.plan_of_shares([share])
    yield made
    empty_alpha.karbor.plans.delete(made.id)


def test_the_report_has_every_share_and_says_what_status_says(
    info: StackInfo, alpha: Tenant, plan: Any, report: Callable[..., Any], tmp_path: Path
) -> None:
    checkpoint = alpha.protect(plan)
    drill = command(info, "alpha")("drill", checkpoint.id)
    assert drill[0] == 0, drill
    ran = report("--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    told = json.loads(ran.stdout)
    assert told["totals"] == {
        "protected": 1,
        "too_old": 0,
        "not_protected": 1,
        "left_out": 0,
        "all": 2,
    }
    shares = {share["name"]: share for share in told["shares"]}
    assert (shares["home"]["newest"], shares["home"]["drill"]["good"]) == (checkpoint.id, True)
    assert shares["home"]["drill"]["seconds"] > 0
    assert shares["home"]["made_at"] and shares["home"]["exact"]
    assert (shares["alone"]["state"], shares["alone"]["plans"]) == ("not protected", [])
    (line,) = command(info, "alpha")("status")[1]
    (known,) = told["plans"]
    assert (known["newest"], known["made_at"]) == (line["Newest Good"], line["Made At"])
    assert {"protect", "verify"} <= {group["kind"] for group in told["groups"]}

    page = tmp_path / "report.html"
    assert report("--output", str(page)).returncode == 0
    assert "<b>1</b> <span>protected</span>" in page.read_text()

    everything = json.loads(report("--json", "--all-projects", user="admin").stdout)
    assert {"home", "alone"} <= {share["name"] for share in everything["shares"]}
    seen = [each for each in everything["plans"] if each["id"] == plan.id]
    assert [each["newest"] for each in seen] == [checkpoint.id]
    assert alpha.project_id in {share["project_id"] for share in everything["shares"]}


def test_the_report_is_served_live_on_loopback(info: StackInfo, plan: Any) -> None:
    with subprocess.Popen(
        [str(info.bin / "karbor-manila"), "report", "--serve"],
        env=environment(info, "alpha", "clouds.yaml"),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as served:
        try:
            assert served.stderr
            url = next(word for word in served.stderr.readline().split() if "://" in word)
            assert url.startswith("http://127.0.0.1:")
            seen = requests.get(url, timeout=60)
            assert (seen.status_code, "not protected" in seen.text) == (200, True)
            assert requests.get(f"{url}x", timeout=60).status_code == 404
            host = {"Host": "evil.example"}
            assert requests.get(url, headers=host, timeout=60).status_code == 403
        finally:
            served.terminate()
