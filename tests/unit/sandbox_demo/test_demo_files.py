# SPDX-License-Identifier: Apache-2.0
"""What the shares hold, how it is damaged, and that no damage goes unnoticed."""

import shutil
import stat

import pytest

from sandbox.demo import checksums, content
from sandbox.demo.damage import NOTE, damage


@pytest.fixture(params=sorted(content.shares()))
def share(request, tmp_path):
    """A folder with what one of the shares holds."""
    folder = tmp_path / request.param
    folder.mkdir()
    content.write(folder, content.shares()[request.param])
    return folder


def test_every_share_has_each_kind_of_thing_that_a_restore_could_lose(share):
    found = checksums.manifest(share)
    kinds = {entry.kind for entry in found.values()}
    files = [entry for entry in found.values() if entry.kind == "file"]
    sizes = [path.stat().st_size for path in share.rglob("*") if path.is_file()]
    assert kinds == {"file", "folder", "link"}
    assert 0 in sizes
    assert any("/" in path for path in found)
    assert any(entry.mode not in (0o644, 0o755) for entry in files)


def test_the_shares_are_different_and_one_holds_megabytes():
    shares = content.shares()
    assert len(shares) == 3
    assert len(set(shares.values())) == 3
    biggest = max(len(item.content or b"") for items in shares.values() for item in items)
    assert biggest >= 4 * content.MIB


def test_every_run_writes_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written = content.write(tmp_path / name, content.shares()["photos"])
    assert written == sum(len(item.content or b"") for item in content.shares()["photos"])
    one, two = (checksums.manifest(tmp_path / name) for name in ("one", "two"))
    assert one == two


def test_damage_overwrites_deletes_and_adds_in_every_share(share):
    before = checksums.manifest(share)
    done = damage(share)
    different = checksums.compare(before, checksums.manifest(share))
    assert (different.missing, different.unexpected) == (done.deleted, done.added)
    assert different.changed == done.overwritten
    assert done.deleted and done.overwritten and done.added == (NOTE,)


def test_an_overwritten_file_keeps_size_and_mode_so_that_only_its_checksum_tells(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"precious")
    path.chmod(0o400)
    done = damage(tmp_path)
    assert done.overwritten == ("a",)
    assert path.read_bytes() != b"precious"
    assert (path.stat().st_size, stat.S_IMODE(path.stat().st_mode)) == (8, 0o400)


def test_a_copy_is_no_difference(share, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(share, copy, symlinks=True)
    assert not checksums.compare(checksums.manifest(share), checksums.manifest(copy))


CHANGES = {
    "content": lambda folder: (folder / "file").write_text("b"),
    "mode": lambda folder: (folder / "file").chmod(0o4755),
    "mode of a folder": lambda folder: (folder / "folder").chmod(0o700),
    "mode of the share": lambda folder: folder.chmod(0o711),
    "target": lambda folder: relink(folder / "link", "nowhere"),
    "kind": lambda folder: relink(folder / "file", "a"),
}


def relink(path, target):
    path.unlink()
    path.symlink_to(target)


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_anything_is_seen(what, tmp_path):
    (tmp_path / "folder").mkdir(0o755)
    (tmp_path / "file").write_text("a")
    (tmp_path / "link").symlink_to("file")
    before = checksums.manifest(tmp_path)
    CHANGES[what](tmp_path)
    different = checksums.compare(before, checksums.manifest(tmp_path))
    assert len(different.changed) == 1
    assert not different.missing and not different.unexpected


def test_a_link_is_compared_by_its_target_and_never_followed(tmp_path):
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "up").symlink_to("..")
    found = checksums.manifest(tmp_path)
    assert found["dangling"] == checksums.Entry("link", 0, "nowhere")
    assert list(found) == [".", "dangling", "up"]
    assert checksums.files(found) == 2


def test_a_difference_names_a_few_paths_and_counts_the_rest():
    entry = checksums.Entry("file", 0o644, "x")
    wanted = {str(number): entry for number in range(5)}
    different = checksums.compare(wanted, {"new": entry})
    assert str(different) == "5 missing (0, 1, 2 and 2 more), 1 unexpected (new)"
