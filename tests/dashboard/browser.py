# SPDX-License-Identifier: Apache-2.0
"""karbor-dashboard's JavaScript, run by node.

What it needs is installed into a folder of its own: the wheel's scripts from the package index (the
wheel alone, because Horizon has moved on from what it asks for), jsdom and jQuery from npm.
"""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DASHBOARD = "karbor-dashboard==1.5.1"
_SCRIPT = "karbor_dashboard/static/karbordashboard/js/jquery.karbor.js"
_OLDEST_NODE = 18
#: How often npm and pip are asked for what their registries did not give.
_TIMES = 3


class NotInstalled(Exception):  # noqa: N818 - what is so, not that we failed
    """A registry did not give what draws the forms; with the last of what the command said."""


def missing() -> str:
    """Why the forms cannot be drawn on this machine; empty when they can."""
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        return "node and npm are not installed"
    said = _run([node, "--version"])
    version = int(said.lstrip("v").partition(".")[0])
    return "" if version >= _OLDEST_NODE else f"node {said.strip()} is older than {_OLDEST_NODE}"


def draw(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """What the dashboard makes of schemas; see draw.js for both.

    :param folder: as `install` left it
    """
    made: dict[str, Any] = json.loads(
        _run(
            ["node", str(folder / "draw.js"), str(folder / Path(_SCRIPT).name)],
            given=json.dumps(asked),
        )
    )
    return made


def install(folder: Path) -> None:
    """Have all that `draw` needs, and the script it runs.

    :param folder: is made, and used again when it has been made
    :raises NotInstalled: npm's registry or the package index did not give it
    """
    wanted = (HERE / "package-lock.json").read_text(encoding="utf-8") + DASHBOARD
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
        _fetch(["npm", "ci", *quiet, "--prefix", str(folder)])
        _fetch(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", DASHBOARD],
            where=folder,
        )
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (folder / Path(_SCRIPT).name).write_bytes(archive.read(_SCRIPT))
        stamp.write_text(wanted, encoding="utf-8")
    shutil.copy(HERE / "draw.js", folder)


def _fetch(command: list[str], where: Path = HERE) -> None:
    for left in reversed(range(_TIMES)):
        try:
            _run(command, where=where)
        except AssertionError as error:
            if not left:
                raise NotInstalled(str(error)) from error
        else:
            return


def _run(command: list[str], given: str = "", where: Path = HERE) -> str:
    """The output of a command.

    :raises AssertionError: it failed; with the last of what it said
    """
    done = subprocess.run(  # noqa: S603
        command,
        cwd=where,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {(done.stderr or done.stdout)[-2000:]}"
    return done.stdout
