# SPDX-License-Identifier: Apache-2.0
"""The rooms of the package: which of them need no Karbor, and that a wheel has all of them."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "karbor_manila"

#: A Manila host or a monitoring host installs these without Karbor. Those that are not there yet
#: join as soon as they are.
WITHOUT_KARBOR = (
    "common",
    "manila",
    "drivers",
    "hooks",
    "telemetry",
    "cli.page",
    "cli.tenant",
    "cli.views",
)
THERE = [room for room in WITHOUT_KARBOR if PACKAGE.joinpath(*room.split(".")).is_dir()]

#: Imports a room and every module in it, where Karbor and its client cannot be imported.
BLOCKED = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("karbor", "karborclient"):
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocked())
for room in sys.argv[1:]:
    package = importlib.import_module(f"karbor_manila.{room}")
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
        print(module.name)
"""


def importing(*rooms: str) -> "subprocess.CompletedProcess[str]":
    """What a process without Karbor says that imports these rooms."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BLOCKED, *rooms],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def modules_of(room: str) -> set[str]:
    """The names of the modules in a room, from its files."""
    folder = PACKAGE.joinpath(*room.split("."))
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in folder.rglob("*.py")
    } - {f"karbor_manila.{room}"}


def test_a_host_without_karbor_can_import_every_module_of_these_rooms() -> None:
    assert {"common", "manila", "drivers", "cli.tenant"} <= set(THERE)
    run = importing(*THERE)
    assert run.returncode == 0, run.stderr
    imported = set(run.stdout.split())
    assert imported == set().union(*(modules_of(room) for room in THERE))


def test_the_block_is_one() -> None:
    run = importing("service")
    assert run.returncode != 0
    assert "is blocked" in run.stderr


@pytest.mark.parametrize("room", THERE)
def test_the_linters_forbid_karbor_there_too(room: str) -> None:
    assert f'"karbor_manila.{room}"' in (ROOT / "pyproject.toml").read_text()


def test_a_wheel_has_every_room() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")
    }
    assert {path.parent for path in PACKAGE.rglob("*.py")} == {
        ROOT.joinpath(*folder.split(".")) for folder in folders
    }, "a folder with modules and no __init__.py is no package"
    assert set(config["options"]["packages"].split()) == folders | {"karbor_manila.schemas"}
