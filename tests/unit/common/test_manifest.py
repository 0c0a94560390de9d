# SPDX-License-Identifier: Apache-2.0
"""A sample of the files of a share: what is taken, what is compared, and what is left alone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.common import manifest

LATER = 2**40  # seconds: nothing changed since then


def take(folder: Path, **given: Any) -> dict[str, Any]:
    asked = {"seed": "s", "files": 100, "bytes": 2**30, "seconds": 60, "before": LATER}
    return manifest.take(str(folder), asked | given)


def never() -> bool:
    """The time is not over."""
    return False


def compare(folder: Path, taken: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
    return manifest.compare(str(folder), {"files": taken["files"], "seconds": seconds})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "share"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "a").write_text("1")
    (root / "deep" / "er" / "b").write_text("22")
    (root / "empty").write_text("")
    (root / "link").symlink_to("deep/er/b")
    return root


def test_the_same_content_is_the_same(tree: Path, tmp_path: Path) -> None:
    taken = take(tree)
    assert [file[0] for file in taken["files"]] == ["a", "deep/er/b", "empty", "link"]
    assert compare(tree, taken) == {"same": 4, "bad": 0, "named": [], "not_compared": 0}
    subprocess.run(["cp", "-a", str(tree), str(tmp_path / "copy")], check=True)
    assert compare(tmp_path / "copy", taken)["same"] == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: (root / "a").write_text("2"), "a has another content"),
        (lambda root: (root / "a").write_text("12"), "a has 2 bytes in place of 1"),
        (lambda root: (root / "a").unlink(), "a is missing"),
        (lambda root: (root / "deep").rename(root / "else"), "deep/er/b is missing"),
        (lambda root: ((root / "a").unlink(), (root / "a").mkdir()), "a is something else"),
        (lambda root: ((root / "a").unlink(), os.mkfifo(root / "a")), "a is something else"),
        (
            lambda root: ((root / "link").unlink(), (root / "link").symlink_to("deep/er/c")),
            "link has another content",
        ),
    ],
)
def test_each_difference_is_found(tree: Path, change: Callable[[Path], Any], said: str) -> None:
    taken = take(tree)
    change(tree)
    found = compare(tree, taken)
    assert (found["bad"], found["named"]) == (1, [said])


def test_no_link_is_followed_out_of_the_share(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("root's")
    (tree / "out").symlink_to(outside)
    assert not [file for file in take(tree)["files"] if "secret" in file[0]]
    # The same paths lead out in what was restored.
    (tree / "out").unlink()
    (tree / "out").mkdir()
    (tree / "out" / "secret").write_text("root's")
    taken = take(tree)
    (tree / "out" / "secret").unlink()
    (tree / "out").rmdir()
    (tree / "out").symlink_to(outside)
    assert compare(tree, taken)["bad"] == 1
    (tree / "a").unlink()
    (tree / "a").symlink_to(outside / "secret")
    assert "a is something else" in compare(tree, taken)["named"]


def test_the_folder_itself_may_be_no_link(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tree)
    with pytest.raises(OSError, match="link"):
        take(tmp_path / "link")


@pytest.mark.parametrize("path", ["../secret", "deep/../../secret", "deep/..", "..", "."])
def test_no_path_that_somebody_wrote_into_a_manifest_leads_out_of_the_share(
    tree: Path, tmp_path: Path, path: str
) -> None:
    (tmp_path / "secret").write_text("root's")
    found = compare(tree, {"files": [[path, "file", 1, "0"]]})
    assert found["bad"] == 1
    assert "cannot be read" in found["named"][0]


def test_files_whose_folder_was_renamed_of_late_are_not_sampled(tree: Path) -> None:
    """They are older than the snapshot, and stand elsewhere in it."""
    for path in (tree / "deep" / "er", tree / "deep"):
        os.utime(path, (1, 1))
    before = (tree / "deep").stat().st_ctime - 5.0  # all are younger, and the walk alone counts
    walked = {path for path, _state in manifest._walk(os.open(tree, os.O_RDONLY), before, never)}
    assert walked == {b"a", b"empty", b"link"}
    settled = manifest._walk(os.open(tree, os.O_RDONLY), LATER, never)
    assert b"deep/er/b" in {path for path, _state in settled}


def test_files_whose_folder_has_a_new_file_are_sampled(tree: Path) -> None:
    (tree / "deep" / "er" / "new").write_text("")
    (tree / "deep" / "new").write_text("")
    walked = manifest._walk(os.open(tree, os.O_RDONLY), 0.0, never)
    assert b"deep/er/b" in {path for path, _state in walked}


def test_a_tree_deeper_than_any_path_fills_neither_memory_nor_the_bank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "LONGEST", 20)
    shallow = tmp_path / "aaaaaaaaaa"
    (shallow / "bbbbbbbbbb").mkdir(parents=True)
    (shallow / "bbbbbbbbbb" / "c").write_text("")
    (shallow / "c").write_text("")
    assert [file[0] for file in take(tmp_path)["files"]] == ["aaaaaaaaaa/c"]
    (tmp_path / "dddddddddd").mkdir()
    monkeypatch.setattr(manifest, "MOST_WAITING", 5)
    assert take(tmp_path)["cut"]


def test_folders_without_a_file_take_no_longer_than_all_may(tree: Path) -> None:
    """Each is a request to the file server, and there may be a million of them."""
    for number in range(20):
        (tree / f"empty-{number}").mkdir()
    asked = []

    def over() -> bool:
        asked.append(1)
        return len(asked) > 26  # the entries of the folder itself, and two more

    with pytest.raises(manifest._OutOfTime):
        list(manifest._walk(os.open(tree, os.O_RDONLY), 0.0, over))


def test_odd_names_come_back_as_they_are(tree: Path) -> None:
    names = [b"new\nline", b"\xff\xfe", b"per%20cent", "\u00fc\U0001f600".encode(), b"\x1b[2J"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_text("x")
    taken = json.loads(json.dumps(take(tree)))
    assert all(file[0].isascii() and file[0].isprintable() for file in taken["files"])
    assert compare(tree, taken)["same"] == 4 + len(names)


def test_a_sample_is_the_same_each_time_and_another_one_of_another_seed(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"file-{number}").write_text(str(number))
    first = take(tmp_path, files=10)
    assert len(first["files"]) == 10
    assert first["seen"] == 60
    assert take(tmp_path, files=10)["files"] == first["files"]
    assert take(tmp_path, files=10, seed="t")["files"] != first["files"]


def test_what_has_changed_of_late_is_not_sampled(tree: Path) -> None:
    assert take(tree, before=(tree / "a").stat().st_ctime - 1000)["files"] == []


def test_what_changes_while_it_is_read_is_passed_over(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = manifest._digest

    def meanwhile(file: int, size: int, over: manifest.Stopped) -> str:
        os.utime(file, ns=(1, 2))
        return digest(file, size, over)

    monkeypatch.setattr(manifest, "_digest", meanwhile)
    taken = take(tree)
    assert [file[0] for file in taken["files"]] == ["link"]
    assert taken["changing"] == 3


def test_a_sparse_file_is_read_in_blocks_and_its_ends_count(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(2**42)
    taken = take(tmp_path)
    assert taken["files"][0][2] == 2**42
    assert compare(tmp_path, taken)["same"] == 1
    with huge.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    assert compare(tmp_path, taken)["bad"] == 1


def test_bytes_and_time_have_an_end(tree: Path) -> None:
    taken = take(tree, bytes=1)
    assert (taken["cut"], len(taken["files"])) == (True, 1)
    assert take(tree, seconds=-1) == {"files": [], "seen": 0, "changing": 0, "cut": True}
    assert compare(tree, take(tree), seconds=-1)["not_compared"] == 4


def test_it_is_a_program_that_needs_nothing_of_ours(tree: Path, tmp_path: Path) -> None:
    asked, answer = tmp_path / "request", tmp_path / "result"
    asked.write_text(
        json.dumps(
            {"do": "take", "seed": "s", "files": 9, "bytes": 99, "seconds": 9, "before": LATER}
        )
    )
    words = [sys.executable, "-I", "-m", "karbor_manila.common.manifest", str(asked), str(answer)]
    subprocess.run([*words, str(tree)], check=True)
    assert json.loads(answer.read_text())["files"] == take(tree)["files"]
    gone = subprocess.run([*words, str(tree / "gone")], capture_output=True, check=False)
    assert gone.returncode == 1
    assert b"No such file" in gone.stdout
