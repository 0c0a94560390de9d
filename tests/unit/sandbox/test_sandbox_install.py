# SPDX-License-Identifier: Apache-2.0
"""Installing, with commands that are recorded instead of run."""

import importlib.metadata
import re
import subprocess
import threading
from pathlib import Path

import pytest

from sandbox import errors, install, paths


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """A repository with constraints, without a package."""
    top = tmp_path / "repo"
    (top / "constraints").mkdir(parents=True)
    for service in install.REQUIREMENTS:
        path = top / "constraints" / f"{service}-py{paths.python_version()}.txt"
        path.write_text("thing==1\n")
    monkeypatch.setattr(paths, "REPO", top)
    monkeypatch.setattr(paths, "CONSTRAINTS", top / "constraints")
    return top


@pytest.fixture
def commands(monkeypatch):
    """The commands that were asked for; ``fail`` names a word that makes one fail."""
    lock = threading.Lock()

    class Commands(list):
        fail = None

        def run(self, argv, stdout, **options):
            with lock:
                self.append(argv)
            if "--clear" in argv:
                # What venv would do.
                Path(argv[-1]).mkdir(parents=True, exist_ok=True)
            stdout.write(b"output of the command\n")
            return subprocess.CompletedProcess(argv, int(self.fail in argv))

    found = Commands()
    monkeypatch.setattr(install.subprocess, "run", found.run)
    return found


@pytest.fixture
def home(tmp_path):
    return paths.Home(tmp_path / "home")


def test_each_service_is_installed_with_its_own_pins(repo, commands, home):
    lines = []
    install.install(home, lines.append)
    pips = [argv for argv in commands if "pip" in argv]
    for service in install.REQUIREMENTS:
        (argv,) = [argv for argv in pips if argv[0] == str(home.python(service))]
        pins = argv[argv.index("-c") + 1]
        assert pins.endswith(f"{service}-py{paths.python_version()}.txt")
    assert "karbor-manila: no setup.cfg, so it is not installed" in lines
    assert (home.root / ".gitignore").read_text() == "*\n"


def test_a_second_install_runs_nothing(repo, commands, home):
    install.install(home, lambda line: None)
    commands.clear()
    install.install(home, lambda line: None)
    assert commands == []


def test_changed_pins_make_that_service_anew(repo, commands, home):
    install.install(home, lambda line: None)
    commands.clear()
    path = repo / "constraints" / f"manila-py{paths.python_version()}.txt"
    path.write_text("thing==2\n")
    install.install(home, lambda line: None)
    assert len(commands) == 2
    assert "--clear" in commands[0]
    assert commands[1][0] == str(home.python("manila"))


def test_a_changed_setup_cfg_installs_the_package_alone(repo, commands, home):
    (repo / "setup.cfg").write_text("[metadata]\nname = one\n")
    install.install(home, lambda line: None)
    commands.clear()
    (repo / "setup.cfg").write_text("[metadata]\nname = two\n")
    install.install(home, lambda line: None)
    (argv,) = commands
    assert argv[0] == str(home.python("karbor"))
    assert argv[-2:] == ["-e", str(repo)]
    assert "--no-deps" in argv


ENTRIES = "[options.entry_points]\nkarbor.protections =\n    ours = karbor_manila.{}:Plugin\n"
METADATA = "[karbor.protections]\nours = karbor_manila.{}:Plugin\n"


@pytest.fixture
def egg_info(repo):
    """What an editable install of an earlier time left, and a way to write its entry points."""
    (repo / "setup.cfg").write_text(ENTRIES.format("here"))
    folder = repo / "karbor_manila.egg-info"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("named", [METADATA.format("moved"), "", None, "[karbor.protections]\n"])
def test_metadata_that_names_what_has_moved_is_removed_and_told(
    repo, commands, home, egg_info, named
):
    if named is not None:
        (egg_info / "entry_points.txt").write_text(named)
    lines = []
    install.install(home, lines.append)
    assert not egg_info.exists()
    assert any("karbor_manila.egg-info: removed" in line for line in lines)


def test_metadata_that_is_left_by_others_and_agrees_stays(repo, commands, home, egg_info):
    (egg_info / "entry_points.txt").write_text(METADATA.format("here"))
    install.install(home, lambda line: None)
    assert egg_info.exists()


def test_stale_metadata_is_removed_when_all_else_is_installed(repo, commands, home, egg_info):
    install.install(home, lambda line: None)
    egg_info.mkdir()
    install.install(home, lambda line: None)
    assert not egg_info.exists()


def test_the_metadata_of_this_checkout_agrees_with_its_setup_cfg():
    """Else each install would remove what a developer's own environment has just written."""
    written = importlib.metadata.distribution("karbor-manila").entry_points
    groups = {}
    for each in written:
        groups.setdefault(each.group, set()).add(f"{each.name}={each.value}")
    assert install._entry_points(paths.REPO / "setup.cfg", "options.entry_points") == groups


def test_a_failure_names_the_service_and_shows_the_log_and_is_tried_again(repo, commands, home):
    commands.fail = "waitress"
    with pytest.raises(errors.InstallFailed) as caught:
        install.install(home, lambda line: None)
    assert caught.value.service == "keystone"
    assert "output of the command" in str(caught.value)
    commands.clear()
    commands.fail = None
    install.install(home, lambda line: None)
    assert any("waitress" in argv for argv in commands)
    assert not any("cheroot" in argv for argv in commands)


def test_a_python_without_pins_is_named_with_those_that_have_some(repo, commands, home):
    path = repo / "constraints" / f"karbor-py{paths.python_version()}.txt"
    path.rename(path.with_name("karbor-py9.99.txt"))
    with pytest.raises(errors.WrongPython, match="py9.99"):
        install.install(home, lambda line: None)
    assert commands == []


def test_everything_is_pinned_for_every_supported_python():
    for service, requirements in {**install.REQUIREMENTS, **install.ON_DEMAND}.items():
        for version in ("3.11", "3.12", "3.13"):
            lines = (paths.CONSTRAINTS / f"{service}-py{version}.txt").read_text().splitlines()
            pins = [line for line in lines if not line.startswith("#")]
            assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][^ =]*", pin) for pin in pins)
            names = {pin.partition("==")[0] for pin in pins}
            missing = set(requirements) - names
            assert not missing, (service, version)
