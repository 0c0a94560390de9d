# SPDX-License-Identifier: Apache-2.0
"""Our file-system bank: values, keys, their order, what is absent or refused, modes and options."""

import logging
import os
import re
import stat
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugins.file_system_bank_plugin import (
    file_system_bank_plugin_opts,
)
from oslo_config import cfg

from karbor_manila.bank.filesystem import store as bank_store
from karbor_manila.bank.filesystem.plugin import FileSystemBankPlugin
from tests.unit.bank.filesystem_stage import fill, ours
from tests.unit.banks import stored

GET, UPDATE = karbor_exception.BankGetObjectFailed, karbor_exception.BankUpdateObjectFailed
LIST, DELETE = karbor_exception.BankListObjectsFailed, karbor_exception.BankDeleteObjectFailed


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# Values


@pytest.mark.parametrize(
    "value", [{"a": [1, None]}, [], "", "123", '{"a": 1}', 0, 1.5, True, None, b"", b"\xff\0"]
)
def test_a_value_comes_back(bank, value):
    bank.update_object("/a/b", value)
    found = bank.get_object("/a/b")
    assert (found, type(found)) == (value, type(value))


def test_a_value_that_would_change_is_refused_and_the_old_one_stays(bank, tmp_path):
    bank.update_object("/a", "old")
    with pytest.raises(UPDATE, match="keys that are no strings"):
        bank.update_object("/a", {1: 2})
    with pytest.raises(UPDATE, match="not JSON serializable"):
        bank.update_object("/new/b", {3})
    assert bank.list_objects() == ["/a"]
    assert bank.get_object("/a") == "old"
    assert not (tmp_path / "karbor" / "new").exists()


# Order, prefix, marker, limit

NAMES = st.text(st.sampled_from("ab.-@0_Z"), min_size=1, max_size=3).filter(
    lambda name: name.strip(".")
)
KEYS = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))


def without_clashes(keys):
    """No key is the folder of another; the first one counts."""
    kept: list[str] = []
    for key in keys:
        if not any(
            f"{a}/".startswith(f"{b}/") for other in kept for a, b in [(key, other), (other, key)]
        ):
            kept.append(key)
    return kept


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=80,
)
@given(
    keys=st.lists(KEYS, unique=True, max_size=12).map(without_clashes),
    prefix=KEYS | KEYS.map(lambda key: key + "/") | st.sampled_from(["/", None, ""]),
    marker=st.none() | KEYS | KEYS.map(lambda key: key + "/"),
    limit=st.none() | st.integers(min_value=0, max_value=5),
    sort_dir=st.sampled_from([None, "asc", "desc"]),
    data=st.data(),
)
def test_a_list_is_what_a_sorted_list_of_strings_would_be(
    tmp_path_factory, keys, prefix, marker, limit, sort_dir, data
):
    bank = ours(tmp_path_factory.mktemp("bank"))
    fill(bank, *data.draw(st.permutations(keys)))
    if keys and data.draw(st.booleans()):
        marker = data.draw(st.sampled_from(keys))
    expected = sorted(keys, reverse=sort_dir == "desc")
    expected = [key for key in expected if key.startswith(prefix or "/")]
    if marker is not None:
        expected = [
            key for key in expected if (key < marker if sort_dir == "desc" else key > marker)
        ]
    assert bank.list_objects(prefix, limit, marker, sort_dir) == expected[:limit]
    for key in keys:
        assert bank.get_object(key) == key
        bank.delete_object(key)
    assert bank.list_objects() == []


def test_a_prefix_with_a_slash_is_a_folder_and_without_one_a_beginning(bank):
    fill(bank, "/a/x", "/ab/y", "/a.c")
    assert bank.list_objects("/a/") == ["/a/x"]
    assert bank.list_objects("/a") == ["/a.c", "/a/x", "/ab/y"]
    assert bank.list_objects("a/") == ["/a/x"]
    assert bank.list_objects("/a/x") == ["/a/x"]


@pytest.mark.parametrize("prefix", ["/none/", "/none", "/a/b/", "/a/b/c", "/x/../none/"])
def test_a_folder_that_is_not_there_is_an_empty_list(bank, prefix):
    fill(bank, "/a/b")
    assert [key for key in bank.list_objects(prefix) if key != "/a/b"] == []


def test_a_narrow_prefix_reads_no_other_folder(bank, monkeypatch):
    fill(bank, *(f"/checkpoints/{number}/index.json" for number in range(20)), "/indices/a/b")
    read = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: read.append(path) or scandir(path))
    bank.list_objects("/checkpoints/7/")
    assert len(read) == 1
    read.clear()
    assert len(bank.list_objects("/checkpoints/1")) == 11
    assert len(read) == 12
    read.clear()
    assert bank.list_objects("/checkpoints/", marker="/checkpoints/8/index.json") == [
        "/checkpoints/9/index.json"
    ]
    assert len(read) == 3
    read.clear()
    assert len(bank.list_objects("/checkpoints/", limit=2, sort_dir="desc")) == 2
    assert len(read) == 3


def test_a_limit_of_nothing_is_nothing_and_a_negative_one_an_error(bank):
    fill(bank, "/a")
    assert bank.list_objects(limit=0) == []
    with pytest.raises(LIST, match="limit=-1"):
        bank.list_objects(limit=-1)


def test_sections_cut_off_their_own_prefix_and_no_more(bank):
    root = bank.get_sub_section("/")
    root.get_sub_section("a").get_sub_section("b").update_object("c", "value")
    for section in (bank.get_sub_section("/a"), root.get_sub_section("a")):
        assert section.list_objects() == ["b/c"]
        assert section.list_objects("/b/") == ["b/c"]
        assert section.list_objects("b") == ["b/c"]
        assert section.get_object("b/c") == "value"
    assert root.list_objects() == ["a/b/c"]
    assert bank.list_objects() == bank.list_objects("//") == ["/a/b/c"]


# What is absent or refused


def test_what_is_absent_is_an_error_that_nobody_reads_in_the_log(bank, caplog):
    fill(bank, "/a/b")
    with caplog.at_level(logging.INFO):
        for key in ("/none", "/a", "/a/b/c", "/a/b/c/d"):
            with pytest.raises(GET, match="there is no such object"):
                bank.get_object(key)
    assert caplog.records == []


@pytest.mark.parametrize("key", ["/none", "/a", "/a/b/c"])
def test_what_is_absent_cannot_be_deleted(bank, key):
    fill(bank, "/a/b")
    with pytest.raises(DELETE, match="there is no such object"):
        bank.delete_object(key)
    assert bank.list_objects() == ["/a/b"]


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("/a/../../b", "'..'"),
        ("/a/./b", "'.'"),
        ("/..", "'..'"),
        ("/a b", "'a b'"),
        ("/a\nb", "a"),
        ("/a\0b", "a"),
        ("/~karbor-manila/x", "~"),
        ("/ü", "ü"),
        ("/a/", "slash"),
        ("/", "''"),
        ("/.nfs" + "0" * 24, "nfs"),
        ("/" + "x" * 256, "name too long"),
        ("/new/" + "x" * 256, "name too long"),
    ],
)
def test_a_key_that_no_file_can_have_is_refused_and_leaves_no_folder(tmp_path, key, why):
    plugin = ours(tmp_path)._plugin
    before = files(tmp_path)
    for error, call in (
        (UPDATE, lambda: plugin.update_object(key, 1)),
        (GET, lambda: plugin.get_object(key)),
        (DELETE, lambda: plugin.delete_object(key)),
    ):
        with pytest.raises(error, match=re.escape(why)):
            call()
    assert files(tmp_path) == before


def test_a_path_that_is_too_long_as_a_whole_is_refused_and_leaves_no_folder(bank, tmp_path):
    fill(bank, "/a")
    before = files(tmp_path)
    with pytest.raises(UPDATE, match="too long"):
        bank.update_object("/" + "/".join(["x" * 200] * 25), 1)
    assert files(tmp_path) == before


def test_names_of_255_bytes_are_kept(bank):
    key = "/" + "x" * 255 + "/" + "y" * 255
    fill(bank, key)
    assert bank.list_objects("/x") == [key]


def test_a_key_cannot_be_a_folder_and_an_object(bank):
    fill(bank, "/a/b")
    with pytest.raises(UPDATE, match="objects below that name"):
        bank.update_object("/a", 1)
    with pytest.raises(UPDATE, match="an object has the name of its folder"):
        bank.update_object("/a/b/c", 1)
    with pytest.raises(UPDATE, match="an object has the name of its folder"):
        bank.update_object("/a/b/c/d/e", 1)
    assert bank.list_objects() == ["/a/b"]


def test_an_empty_folder_that_karbors_bank_left_is_no_object_in_the_way(bank, karbors, tmp_path):
    fill(karbors, "/a/b/c")
    karbors.delete_object("/a/b/c")
    assert (tmp_path / "karbor/a").is_dir()
    fill(bank, "/a")
    assert bank.get_object("/a") == "/a"


def test_foreign_files_are_no_objects(bank, tmp_path):
    fill(bank, "/a")
    for name in ("a~", "lost+found", ".nfs" + "0a" * 12):
        stored(tmp_path, name).write_text("foreign")
    os.mkfifo(stored(tmp_path, "pipe"))
    assert bank.list_objects() == ["/a"]
    with pytest.raises(GET, match="no such object"):
        bank.get_object("/pipe")


def test_a_folder_behind_a_link_is_a_folder(bank, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    stored(tmp_path, "checkpoints").symlink_to(tmp_path / "elsewhere")
    fill(bank, "/checkpoints/1/index.json")
    assert bank.list_objects("/checkpoints/") == ["/checkpoints/1/index.json"]
    assert (tmp_path / "elsewhere/1/index.json").exists()


def test_a_deletion_takes_the_folders_that_it_leaves_empty(bank, tmp_path):
    fill(bank, "/a/b/c/d", "/a/e")
    bank.delete_object("/a/b/c/d")
    assert files(tmp_path / "karbor") == ["a", "a/e"]
    bank.delete_object("/a/e")
    assert files(tmp_path / "karbor") == []


# Modes, options


def test_it_is_not_more_open_than_karbors(tmp_path):
    before = os.umask(0o022)
    try:
        fill(ours(tmp_path / "one" / "two"), "/a/b")
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "one").rglob("*")}
        assert {mode for path, mode in modes.items() if path.is_dir()} == {0o750}
        assert {mode for path, mode in modes.items() if path.is_file()} == {0o640}
        os.umask(0o077)
        fill(ours(tmp_path / "private"), "/a/b")
        assert {path.stat().st_mode & 0o077 for path in (tmp_path / "private").rglob("*")} == {0}
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("name", "value"),
    [("file_system_bank_path", None), ("file_system_bank_path", ""), ("bank_object_container", "")],
)
def test_a_bank_without_a_folder_is_not_loaded(tmp_path, name, value):
    conf = cfg.ConfigOpts()
    conf(args=[])
    conf.register_opts(file_system_bank_plugin_opts, "file_system_bank_plugin")
    conf.set_override("file_system_bank_path", str(tmp_path), "file_system_bank_plugin")
    conf.set_override(name, value, "file_system_bank_plugin")
    with pytest.raises(cfg.RequiredOptError, match=name):
        FileSystemBankPlugin(conf)


def test_an_owner_id_is_new_at_each_start(tmp_path):
    first, second = ours(tmp_path), ours(tmp_path)
    assert first.get_owner_id() == first.get_owner_id() != second.get_owner_id()


def test_the_bank_knows_karbors_alphabet():
    allowed = {char for char in map(chr, range(256)) if bank_store._NAME.fullmatch(char)}
    assert allowed == set(string.ascii_letters + string.digits + "_.-@")
