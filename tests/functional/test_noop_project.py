# SPDX-License-Identifier: Apache-2.0
"""Karbor's noop plugin stands for projects, a share has an evil name, and a form is filled in: on
real services."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant

PROJECT = "OS::Keystone::Project"
PLUGINS = ["karbor-noop-protection-plugin", "karbor-manila-share-protection-plugin"]
EVIL = "evil\x1b[31m\nforged\u202e"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("noop")
    with Stack(folder, share_options={"provider/plugin": PLUGINS}) as stack:
        yield stack


@pytest.fixture(scope="module")
def alpha(stack: Stack) -> Tenant:
    return Tenant(stack.info, "alpha")


@pytest.fixture(scope="module")
def protected(alpha: Tenant) -> tuple[Any, Any, Any]:
    """A share, a plan on the whole project, and a checkpoint of it."""
    share = alpha.make_share(EVIL)
    plan = alpha.plan_of_project()
    return share, plan, alpha.protect(plan)


@pytest.mark.parametrize("depth", ["record", "plan", "drill"])
def test_a_project_under_the_noop_plugin_is_passed_over_and_named(
    alpha: Tenant, protected: Any, depth: str
) -> None:
    share, _plan, checkpoint = protected
    record = alpha.verify(checkpoint, {SHARE: {"depth": depth}})
    project = next(key for key in record.resources_status if key.startswith(PROJECT))
    assert record.resources_status == {project: "undefined", f"{SHARE}#{share.id}": "available"}
    assert "no operation 'verify'" in record.resources_reason[project]


@pytest.mark.parametrize("form", ["table", "csv", "value"])
def test_a_control_character_in_a_name_does_not_reach_the_terminal(
    stack: Stack, protected: Any, form: str
) -> None:
    share, _plan, checkpoint = protected
    command = Path(sys.executable).parent / "karbor-manila"
    done = subprocess.run(
        [command, "--os-cloud", "alpha", "verify", checkpoint.id, "--share", share.id, "-f", form],
        env={
            "OS_CLIENT_CONFIG_FILE": str(stack.state.root / "clouds.yaml"),
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "forged" in done.stdout
    assert not {"\x1b", "\u202e"} & set(done.stdout + done.stderr)
    assert not [line for line in done.stdout.splitlines() if line.lstrip("| ").startswith("forged")]


def test_what_a_dashboards_form_sends_is_restored(alpha: Tenant, protected: Any) -> None:
    """Defaults of all types, and a form of which two fields were filled in."""
    share, plan, checkpoint = protected
    provider = alpha.karbor.providers.get(plan.provider_id)
    published = provider.extended_info_schema["restore_schema"]
    sent: dict[str, Any] = {
        of: {
            name: field["default"]
            for name, field in schema["properties"].items()
            if "default" in field
        }
        for of, schema in published.items()
    }
    form = {
        name: field.get("default", False if field["type"] == "boolean" else "")
        for name, field in published[SHARE]["properties"].items()
    }
    sent[f"{SHARE}#{share.id}"] = form | {"restore_name": "from the form", "size": "2"}
    new = alpha.restored_share(alpha.restore(checkpoint, sent))
    assert (new.name, new.size) == ("from the form", 2)
