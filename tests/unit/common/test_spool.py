# SPDX-License-Identifier: Apache-2.0
"""Files from one process to another: whole, bounded, for whom they are meant."""

import grp
import os
import stat
from pathlib import Path

import pytest

from karbor_manila.common.errors import FileUnsuitable, SpoolFull, SpoolUnsafe
from karbor_manila.common.spool import ASIDE, LONGEST, Spool


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a" / "spool"


@pytest.fixture
def spool(folder: Path) -> Spool:
    return Spool(folder, most=5)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_is_read_the_oldest_first(spool: Spool) -> None:
    written = [spool.put(str(number).encode()) for number in range(3)]
    assert spool.names() == written
    assert [spool.read(name) for name in written] == [b"0", b"1", b"2"]
    spool.remove(written[0])
    spool.remove(written[0])
    assert spool.names() == written[1:]


def test_nothing_is_there_before_the_first(spool: Spool, folder: Path) -> None:
    assert spool.names() == []
    spool.tidy(0)
    assert not folder.exists()


@pytest.mark.parametrize("umask", [0, 0o077])
def test_it_is_its_users_alone_unless_a_group_is_named(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        alone = Spool(tmp_path / "alone", most=5)
        own = grp.getgrgid(os.getgid()).gr_name
        shared = Spool(tmp_path / "shared", most=5, group=own)
        names = alone.put(b"x"), shared.put(b"x")
    finally:
        os.umask(before)
    assert mode(alone.folder) == 0o700
    assert mode(alone.folder / names[0]) == 0o600
    assert mode(shared.folder) == 0o2770
    assert mode(shared.folder / names[1]) == 0o640
    assert (shared.folder / names[1]).stat().st_gid == os.getgid()


def test_a_group_that_is_not_there_writes_nothing(folder: Path) -> None:
    with pytest.raises(KeyError):
        Spool(folder, most=5, group="no such group").put(b"x")
    assert not folder.exists()


def test_it_has_no_more_files_than_it_may(spool: Spool) -> None:
    for _ in range(5):
        spool.put(b"x")
    with pytest.raises(SpoolFull):
        spool.put(b"x")
    assert len(spool.names()) == 5


def test_one_that_everybody_may_write_to_is_neither_read_nor_written(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    spool = Spool(folder, most=5)
    with pytest.raises(SpoolUnsafe):
        spool.put(b"x")
    with pytest.raises(SpoolUnsafe):
        spool.names()
    assert not list(folder.iterdir())


def test_a_write_that_fails_leaves_nothing(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.put(b"x")

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("karbor_manila.common.spool.os.fchmod", full)
        with pytest.raises(OSError, match="No space"):
            spool.put(b"y")
    assert len(list(spool.folder.iterdir())) == 1


def test_what_no_writer_made_is_not_read(spool: Spool, tmp_path: Path) -> None:
    good = spool.put(b"x")
    secret = tmp_path / "secret"
    secret.write_text("token")
    names = [good.replace("json", "txt"), "../../secret", "x.json"]
    link, pipe, folder, long = (f"{number:020d}{good[20:]}" for number in range(4))
    (spool.folder / link).symlink_to(secret)
    os.mkfifo(spool.folder / pipe)
    (spool.folder / folder).mkdir()
    (spool.folder / long).write_bytes(b"x" * (LONGEST + 1))
    for name in [*names, link, pipe, folder, long]:
        with pytest.raises(FileUnsuitable):
            spool.read(name)
    with pytest.raises(FileNotFoundError):
        spool.read(f"{9:020d}{good[20:]}")


def test_what_is_set_aside_is_kept_up_to_a_number(spool: Spool) -> None:
    for _ in range(4):
        spool.set_aside(spool.put(b"x"), most=2)
    spool.set_aside(f"{0:020d}-{'0' * 32}.json", most=2)
    assert spool.names() == []
    aside = spool.folder / ASIDE
    assert len(list(aside.iterdir())) == 2
    assert mode(aside) == 0o700


def test_no_link_leads_to_the_files_of_others(spool: Spool, tmp_path: Path) -> None:
    """Who can write to the spool must not have the reader remove what only the reader may."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in "abc":
        (theirs / name).write_text("x")
    name = spool.put(b"x")
    (spool.folder / ASIDE).symlink_to(theirs)
    with pytest.raises(OSError, match="Not a directory|symbolic"):
        spool.set_aside(name, most=1)
    assert sorted(path.name for path in theirs.iterdir()) == ["a", "b", "c"]
    assert spool.names() == [name]


def test_what_a_dead_writer_left_goes_and_what_is_being_written_stays(spool: Spool) -> None:
    kept = spool.put(b"x")
    for name, age in (("old", 7200), ("new", 10)):
        part = spool.folder / f".{name}"
        part.write_bytes(b"")
        at = part.stat().st_mtime - age
        os.utime(part, (at, at))
    spool.tidy(3600)
    assert {path.name for path in spool.folder.iterdir()} == {kept, ".new"}
    assert spool.names() == [kept]
