# SPDX-License-Identifier: Apache-2.0
"""The package of another commit, installed into a folder of its own."""

import io
import tarfile

import pytest

from benchmarks import package


@pytest.fixture
def ran(monkeypatch):
    """Git's answers, and what pip was called with."""
    seen = []

    def git(*words):
        if words[0] == "describe":
            seen.append(("describe", words[-1]))
            return b"v1-3-gabc\n"
        seen.append(words[:2])
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as made:
            text = b"[metadata]\n"
            entry = tarfile.TarInfo("setup.cfg")
            entry.size = len(text)
            made.addfile(entry, io.BytesIO(text))
        return stream.getvalue()

    monkeypatch.setattr(package, "_git", git)
    monkeypatch.setattr(package.subprocess, "run", lambda argv, check: seen.append(argv))
    return seen


def test_it_is_built_from_the_commit_and_not_from_the_tree(ran, tmp_path):
    said = []
    target = package.install("abc", tmp_path, tmp_path / "python", said.append)
    assert ("archive", "abc") in ran
    pip = ran[-1]
    assert (tmp_path / "source" / "setup.cfg").read_text() == "[metadata]\n"
    assert pip[-3:] == ["--target", str(target), str(tmp_path / "source")]
    assert pip[0] == str(tmp_path / "python")
    assert "--no-deps" in pip
    assert said == ["karbor-manila: installing that of v1-3-gabc"]


def test_a_working_tree_says_whether_it_was_changed(ran):
    assert package.commit() == "v1-3-gabc"
    assert ran == [("describe", "--dirty")]
