# SPDX-License-Identifier: Apache-2.0
"""Share groups as Manila's share manager asks the driver for them; needs Manila."""

import threading

import pytest

exception = pytest.importorskip("manila.exception")
pytest.importorskip("sandbox.manila.driver")

from sandbox.manila import freezing, knobs, tree  # noqa: E402

NAMES = ("one", "two")
GROUP = {"id": "group", "name": "g", "source_share_group_snapshot_id": None}


def share(name):
    return {"id": f"{name}-instance", "share_id": name}


def snapshot_of_group():
    members = [
        {
            "id": f"{name}-member",
            "share_group_snapshot_id": "moment",
            "share_instance_id": f"{name}-instance",
            "share_id": name,
            "share": share(name),
        }
        for name in NAMES
    ]
    return {"id": "moment", "share_group_id": "group", "share_group_snapshot_members": members}


def group_of_copies():
    copies = [
        {**share(f"{name}-copy"), "source_share_group_snapshot_member_id": f"{name}-member"}
        for name in NAMES
    ]
    return {
        "id": "again",
        "name": "g",
        "source_share_group_snapshot_id": "moment",
        "shares": copies,
    }


@pytest.fixture
def folders(backend):
    """The folders of the group's shares."""
    backend.create_share_group(None, GROUP)
    for name in NAMES:
        backend.create_share(None, share(name))
        (backend.shares / f"{name}-instance" / tree.DATA / "file").write_text(f"then {name}")
    return [backend.shares / f"{name}-instance" / tree.DATA for name in NAMES]


def files(backend, where, suffix):
    trees = [where / f"{name}-{suffix}" / tree.DATA / "file" for name in NAMES]
    return [path.read_text() for path in trees]


def test_a_group_comes_back_as_a_group(backend, folders):
    _, members = backend.create_share_group_snapshot(None, snapshot_of_group())
    assert [member["id"] for member in members] == ["one-member", "two-member"]
    for folder in folders:
        (folder / "file").write_text("now")
    _, made = backend.create_share_group_from_share_group_snapshot(
        None, group_of_copies(), snapshot_of_group()
    )
    assert [one["id"] for one in made] == ["one-copy-instance", "two-copy-instance"]
    assert made[0]["export_locations"][0]["path"].endswith(f"one-copy-instance/{tree.DATA}")
    assert files(backend, backend.shares, "copy-instance") == ["then one", "then two"]
    assert files(backend, backend.shares, "instance") == ["now", "now"]


def test_a_member_that_fails_leaves_no_member(backend, folders):
    tree.remove(backend.shares / "two-instance", backend.scratch)
    with pytest.raises(exception.ShareResourceNotFound):
        backend.create_share_group_snapshot(None, snapshot_of_group())
    assert list(backend.snapshots.iterdir()) == []


def test_deletes_are_repeatable(backend, folders):
    backend.create_share_group_snapshot(None, snapshot_of_group())
    for _ in range(2):
        assert backend.delete_share_group_snapshot(None, snapshot_of_group()) == (None, None)
        backend.delete_share_group(None, GROUP)
    assert list(backend.snapshots.iterdir()) == list(backend.groups.iterdir()) == []


@pytest.mark.parametrize("about", ["moment", "group", "one", "two-instance", "two-member"])
def test_faults_find_a_snapshot_of_a_group_by_any_id(backend, folders, tmp_path, about):
    knobs.write(tmp_path / "faults", {"create_share_group_snapshot": {"id": about}})
    with pytest.raises(exception.ShareBackendException):
        backend.create_share_group_snapshot(None, snapshot_of_group())
    assert list(backend.snapshots.iterdir()) == []


def snapshot_while_written(backend, folders, monkeypatch):
    """Take a snapshot of the group while a writer goes on, and answer what the members hold."""
    copied = threading.Event()
    written = threading.Event()

    def write():
        copied.wait(60)
        with freezing.writing(backend.freezes, ["one-instance", "two-instance"]):
            for folder in folders:
                (folder / "file").write_text("later")
        written.set()

    original = backend.keep

    def keep(*arguments, **options):
        original(*arguments, **options)
        if not copied.is_set():
            copied.set()
            # One that is not kept off has its time; one that is kept off has no use for it.
            written.wait(0 if backend.configuration.sandbox_consistent_groups else 60)

    monkeypatch.setattr(backend, "keep", keep)
    writer = threading.Thread(target=write)
    writer.start()
    backend.create_share_group_snapshot(None, snapshot_of_group())
    writer.join()
    return files(backend, backend.snapshots, "member")


def test_a_consistent_snapshot_is_of_one_moment(backend, folders, monkeypatch):
    held = snapshot_while_written(backend, folders, monkeypatch)
    assert held == ["then one", "then two"]
    assert files(backend, backend.shares, "instance") == ["later", "later"]
    assert backend.get_share_stats(refresh=True)["share_group_stats"] == {
        "consistent_snapshot_support": "host"
    }


def test_without_consistency_a_write_may_come_between(backend, folders, monkeypatch):
    backend.configuration.sandbox_consistent_groups = False
    held = snapshot_while_written(backend, folders, monkeypatch)
    assert held == ["then one", "later"]
    assert backend.get_share_stats(refresh=True)["share_group_stats"] == {
        "consistent_snapshot_support": None
    }


def test_the_scheduler_knows_of_consistency_after_every_report(backend):
    """Manila keeps it for a backend without pools only if it is said in both places."""
    host_manager = pytest.importorskip("manila.scheduler.host_manager")
    state = host_manager.HostState("h@directories")
    for report in range(2):
        told = {**backend.get_share_stats(refresh=True), "timestamp": report}
        state.update_from_share_capability(told, service={})
        assert state.pools["exports"].sg_consistent_snapshot_support == "host"
