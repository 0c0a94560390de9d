# SPDX-License-Identifier: Apache-2.0
"""What holds after every step of a walk."""

from typing import Any

from karbor_manila.manila import marks
from tests.unit.karbor_stage import SHARE, TOKEN
from tests.walk.ways import WHOLE, came_with_its_group, sizes
from tests.walk.world import World


def always(world: World) -> None:
    """Whatever is under way or unfinished."""
    for thing, looked in world.foreign.items():
        assert world.kept().get(thing) == looked, f"{thing} is somebody else's"
    for share in world.made | world.reported:
        assert share in world.removed or share in world.cloud.shares, f"share {share} is gone"
    for checkpoint in world.known:
        if world.status(checkpoint) != "deleted":
            _records_stay(world, checkpoint)
    _work_stays(world)


def _work_stays(world: World) -> None:
    """What a user has written is replaced by nothing but a restore in place that was asked for
    since, or had not ended when it was written."""
    for share, view in world.settled("shares").items():
        if share not in world.texts or view["_text"] == world.texts[share]:
            continue
        assert world.replacing.get(share), f"the new work in share {share} is gone"
        world.texts[share] = view["_text"]


def _records_stay(world: World, checkpoint: str) -> None:
    """A record is written once, and stays until somebody deletes the checkpoint."""
    found = {
        (checkpoint, share): pages["metadata"]
        for share, pages in world.pages(checkpoint).items()
        if "metadata" in pages
    }
    if checkpoint not in world.doomed:
        for key, record in world.records.items():
            if key[0] == checkpoint:
                assert found.get(key) == record, f"the record {key} is lost or has changed"
    for key in found.keys() - world.records.keys():
        kept = found[key]["snapshot_id"]
        # A checkpoint that was made and deleted in one step may be on its way out.
        if kept not in world.removed | world.touched and checkpoint not in world.doomed:
            view = world.kept().get(kept, {})
            assert view.get("status") in WHOLE, f"the record {key} is of {view or 'nothing'}"
            size = sizes(view)[key[1]]
            assert size == found[key]["size"], f"the record {key} has another size"
    world.records |= found


def settled(world: World) -> None:
    """Once nothing runs and the reconciliation has ended what the dead left."""
    assert world.service.manager.reconciliation.find() == []
    assert world.service.manager.claims.all() == []
    assert [log.id for log in world.service.logs() if log.ended_at is None] == []
    restores, verifications = world.restores(), world.verifications()
    for record in (*restores, *verifications):
        _ended(record)
    for log in world.service.logs():
        assert TOKEN not in str(log.error_info)
    for checkpoint in world.known:
        _checkpoint(world, checkpoint, {each.id: each.status for each in restores})
    _kept(world)
    _groups(world)
    _shares(world, restores)


def _groups(world: World) -> None:
    """No group is left that a restore has made, but those that its user was given and those of
    restores that go on being ended."""
    with_users = {
        view["share_group_id"]
        for share, view in world.settled("shares").items()
        if share in world.reported
    }
    for thing, view in world.settled("groups").items():
        its = marks.read(view)
        if its is not None and thing not in with_users:
            assert f"restores/{its.restore}" in world.pages_of(its), f"group {thing} is left"


def _ended(record: Any) -> None:
    assert record.status in ("success", "fail"), f"{record.id} is {record.status}"
    assert TOKEN not in str(record.resources_reason)
    if record.status == "fail":
        assert any((record.resources_reason or {}).values()), f"{record.id} has no reason"


def _checkpoint(world: World, checkpoint: str, restores: dict[str, str]) -> None:
    status = world.status(checkpoint)
    assert status in ("available", "error", "error-deleting", "deleted"), f"it is {status}"
    listed = checkpoint in world.service.checkpoints()
    assert listed == (status != "deleted"), f"{checkpoint} is {status}, listed: {listed}"
    if status == "deleted":
        left = {page for pages in world.pages(checkpoint).values() for page in pages}
        assert left <= {"status"}, f"{checkpoint} is deleted and keeps {left}"
        return
    told = world.told(checkpoint)
    assert TOKEN not in str(told)
    if status != "available" and checkpoint not in world.reset:
        assert any(told.get("reasons", {}).values()), f"{checkpoint} is {status} without a reason"
    for share, pages in world.pages(checkpoint).items():
        if status == "available" and checkpoint not in world.reset:
            assert "metadata" in pages, f"share {share} has no record in {checkpoint}"
        if "metadata" in pages:
            assert "intent" not in pages, f"an intent is left beside the record of {share}"
        for page in pages:
            restore = page.partition("restores/")[2]
            assert restores.get(restore) != "success", f"the intent of restore {restore} is left"


def _kept(world: World) -> None:
    for thing, its in world.marked().items():
        status = world.status(its.checkpoint)
        assert status != "deleted", f"{thing} is left of a deleted checkpoint"
        pages = world.pages(its.checkpoint)
        of_it = [pages.get(share, {}) for share in {its.resource, *sizes(world.kept()[thing])}]
        named = {
            *(each.get("metadata", {}).get("snapshot_id") for each in of_it),
            *(each.get("intent", {}).get("created_id") for each in of_it),
        }
        if its.restore:  # what a safety copy is made of, or a share in a temporary group
            assert f"restores/{its.restore}" in world.pages_of(its), f"{thing} of a restore is left"
        elif status == "available" and its.checkpoint not in world.reset and thing not in named:
            # Manila carried out a request twice; the mark leads to it when the checkpoint goes.
            assert world.fate.tally["late"], f"{thing} is unaccounted for"
            world.fate.tally["doubles"] += 1


def _shares(world: World, restores: list[Any]) -> None:
    named = {
        name.partition("#")[2] for record in restores for name in (record.resources_status or {})
    }
    for thing, view in world.settled("shares").items():
        if thing in world.made or thing in world.reported or thing in named:
            continue
        if thing in world.protected:
            continue  # the user has made it his own before it could be removed
        if came_with_its_group(view):
            assert view["share_group_id"] in world.settled("groups"), f"share {thing} is left"
            continue
        its = marks.read(view)
        assert its and its.restore, f"share {thing} came from nowhere"
        pages = world.pages(its.checkpoint).get(its.resource, {})
        assert f"restores/{its.restore}" in pages, f"share {thing} of a restore is left"


def restored(world: World, record: Any, expected: dict[str, dict[str, Any]]) -> None:
    """A restore that had to succeed has given back every share as it was."""
    assert record.status == "success", f"{record.resources_reason}"
    names = record.resources_status or {}
    given = {name.partition("#")[2] for name, status in names.items() if status == "available"}
    made = {its.resource: share for share in given if (its := marks.read(_view(world, share)))}
    for share, kept in expected.items():
        size = sizes(world.kept()[kept["snapshot_id"]])[share]
        assert _view(world, made[share])["size"] == size, f"{share} has another size"
    assert len(given) == len(expected)
    assert all(name.startswith(SHARE) for name in names)


def _view(world: World, share: str) -> dict[str, Any]:
    view: dict[str, Any] = world.cloud.shares[share]
    return view


def put_back(world: World, record: Any, parameters: dict[str, Any], texts: dict[str, str]) -> None:
    """After a restore into shares that are there, without troubles: all of them have the bytes of
    the checkpoint, or it says that it failed and those that it does not name have theirs."""
    given = {name.partition("#")[2] for name in record.resources_status or {}}
    for share in (fields["share_id"] for fields in parameters.values()):
        view = world.settled("shares")[share]
        if record.status == "success":
            assert share in given, f"share {share} is put back and not named"
        elif share in texts and view["status"] == "available" and share not in given:
            assert view["_text"] == texts[share], f"share {share} was put back without a word"
