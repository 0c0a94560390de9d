# SPDX-License-Identifier: Apache-2.0
"""A sandbox with an older Manila: its venv, its database, and what it is spoken to in."""

import re

import pytest

from sandbox import errors, install, paths, stack
from sandbox.cluster import mariadb
from sandbox.manila import releases
from sandbox.state import Settings

OLD = "2023.1"


@pytest.fixture(autouse=True)
def no_choice_of_the_environment(monkeypatch):
    monkeypatch.delenv(releases.VARIABLE, raising=False)
    monkeypatch.setattr(mariadb, "program", lambda: "mariadbd")


@pytest.mark.parametrize("release", releases.OLDER)
def test_each_older_release_has_its_requirements_pinned_and_a_microversion(release):
    venv = releases.venv(release)
    lines = (paths.CONSTRAINTS / f"{venv}-py3.11.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][^ =]*", pin) for pin in pins)
    wanted = {name.lower() for name in install.OLDER_MANILAS[venv]}
    assert wanted <= {pin.partition("==")[0] for pin in pins}
    assert releases.MICROVERSIONS[release] != releases.MICROVERSIONS[releases.NEWEST]


def test_it_has_a_mariadb_that_serves_first_and_is_spoken_to_in_what_it_knows(tmp_path, story):
    with stack.Stack(tmp_path / "s", home=tmp_path / "h", manila_release=OLD) as made:
        told = story.tell()
        assert told.index("start mariadb") < told.index("start manila")
        assert made.info.manila_microversion == "2.78"
    assert story.tell()[-1] == "end mariadb"


def test_the_newest_one_needs_no_mariadb(made, story):
    assert made.start().manila_microversion == "2.98"
    assert "start mariadb" not in story.tell()


@pytest.mark.parametrize(("before", "after"), [(OLD, releases.NEWEST), (releases.NEWEST, OLD)])
def test_a_state_folder_keeps_its_release(tmp_path, story, before, after):
    with stack.Stack(tmp_path / "s", home=tmp_path / "h", manila_release=before):
        pass
    with pytest.raises(errors.OtherManila, match="another Manila"):
        stack.Stack(tmp_path / "s", home=tmp_path / "h", manila_release=after).start()


def test_the_environment_chooses_for_those_who_do_not(monkeypatch):
    monkeypatch.setenv(releases.VARIABLE, OLD)
    assert Settings().manila_release == OLD
    assert "mariadb" in Settings().services()
    assert "mariadb" not in Settings(simulated_manila=True).services()
    assert Settings(manila_release=releases.NEWEST).manila_release == releases.NEWEST
