# SPDX-License-Identifier: Apache-2.0
"""Writing files, INI text, merging options."""

import stat

import pytest

from sandbox import files


def test_a_file_is_written_whole_and_for_its_owner_only(tmp_path):
    path = files.write(tmp_path / "new" / "file", "text")
    assert path.read_text() == "text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["file"]


def test_json_comes_back(tmp_path):
    files.write_json(tmp_path / "x.json", {"a": [1, None]})
    assert files.read_json(tmp_path / "x.json") == {"a": [1, None]}
    assert files.read_json(tmp_path / "absent.json") is None


def test_ini_repeats_lists_and_doubles_dollars():
    text = files.ini({"provider": {"plugin": ["a", "b"]}, "login": {"password": "p$w"}})
    assert text.splitlines() == [
        "[provider]",
        "plugin = a",
        "plugin = b",
        "",
        "[login]",
        "password = p$$w",
    ]


@pytest.mark.parametrize(
    ("key", "where"),
    [("debug", ("DEFAULT", "debug")), ("group/name", ("group", "name"))],
)
def test_merge_finds_the_section(key, where):
    sections = {"DEFAULT": {"host": "sandbox"}}
    files.merge(sections, {key: "value"})
    assert sections[where[0]][where[1]] == "value"
    assert sections["DEFAULT"]["host"] == "sandbox"
