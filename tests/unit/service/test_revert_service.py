# SPDX-License-Identifier: Apache-2.0
"""Restores in place in Karbor's real service: newer checkpoints give way, and deaths do no harm."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from karbor import objects
from oslo_serialization import jsonutils

from karbor_manila.manila import marks
from karbor_manila.recovery import lease
from karbor_manila.recovery.audit import Audit
from tests.fakes.manila import Died
from tests.unit.karbor_stage import SHARE, Service, told


class Scene:
    """A share with a checkpoint, and a newer checkpoint that holds it and another share."""

    def __init__(self, service: Service, *, newer: bool = True) -> None:
        self.service = service
        self.share, self.other = service.share(_text="then"), service.share()
        self.old = service.protect(service.plan(self.share))
        if newer:
            self.new = service.protect(service.plan(self.share, self.other))
        service.cloud.shares[self.share]["_text"] = "now"
        service.cloud.seconds.update(create_snapshot=1.0, create_share=5.0, revert_share=5.0)
        service.cloud.calls.clear()

    def given(self, **fields: Any) -> dict[str, Any]:
        return {f"{SHARE}#{self.share}": {"share_id": self.share, **fields}}

    def restore(self, **fields: Any) -> Any:
        return self.service.restore(self.old.id, self.given(**fields))

    @property
    def text(self) -> str:
        return str(self.service.cloud.shares[self.share]["_text"])

    def snapshots(self) -> list[str]:
        return [
            view["id"]
            for view in self.service.cloud.snapshots.values()
            if view["share_id"] == self.share
        ]

    def newer(self) -> Any:
        return self.service.checkpoint(self.new.id)

    def has_lost(self) -> bool:
        return f"{SHARE}#{self.share}" in told(self.newer()).get("reasons", {})


def audit_of(service: Service) -> Audit:
    return Audit(service.provider, service.manager.claims, grace=0, clock=service.cloud.clock)


def reconcile(service: Service) -> list[str]:
    return list(service.manager.reconciliation.run().values())


def the_restore(service: Service) -> Any:
    (record,) = objects.RestoreList.get_all(service.context(is_admin=True), None, None)
    return record


def test_a_newer_checkpoint_loses_the_share_and_keeps_the_other(service: Service) -> None:
    scene = Scene(service)
    record = scene.restore(remove_newer=True)
    assert record.status == "success"
    assert scene.text == "then"
    assert len(scene.snapshots()) == 1
    assert scene.newer().status == "available"
    assert scene.has_lost()
    assert "remove_newer" in told(scene.newer())["reasons"][f"{SHARE}#{scene.share}"]
    again = service.restore(scene.new.id, {f"{SHARE}#{scene.share}": {"include": False}})
    assert again.status == "success"
    service.delete(scene.new.id)
    service.delete(scene.old.id)
    assert service.cloud.snapshots == {}


def test_a_newer_checkpoint_with_nothing_left_is_in_error(service: Service) -> None:
    scene = Scene(service, newer=False)
    newer = service.protect(service.plan(scene.share))
    assert scene.restore(remove_newer=True).status == "success"
    assert service.checkpoint(newer.id).status == "error"


def test_all_shares_of_a_plan_go_back_at_once_past_the_same_newer_checkpoint(
    service: Service,
) -> None:
    shares = [service.share(_text="then") for _ in range(2)]
    old = service.protect(service.plan(*shares))
    service.protect(service.plan(*shares))
    given = {f"{SHARE}#{share}": {"share_id": share, "remove_newer": True} for share in shares}
    assert service.restore(old.id, given).status == "success"
    assert len(service.cloud.snapshots) == 2


def test_a_revert_that_fails_tells_what_was_removed_for_it(service: Service) -> None:
    scene = Scene(service)
    service.cloud.failing.add(f"revert_share {scene.share}")
    record = scene.restore(remove_newer=True)
    assert record.status == "fail"
    reason = record.resources_reason[f"{SHARE}#{scene.share}"]
    assert f"of checkpoint {scene.new.id} had been removed" in reason
    assert scene.has_lost()


def other_mark(view: dict[str, Any], **fields: str) -> None:
    borne = marks.read(view)
    assert borne
    view["metadata"] = dataclasses.replace(borne, **fields).metadata()


def foreign(service: Service, scene: Scene, change: Callable[[dict[str, Any]], None]) -> None:
    """Make the newer checkpoint's snapshot one that is not to be touched."""
    view = max(
        (v for v in service.cloud.snapshots.values() if v["share_id"] == scene.share),
        key=lambda v: v["created_at"],
    )
    change(view)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda view: view.update(metadata={}), "a user made it"),
        (lambda view: other_mark(view, bank="b"), "another bank"),
        (lambda view: other_mark(view, provider="p"), "another provider"),
        (lambda view: other_mark(view, restore="r"), "temporary, of restore"),
        (lambda view: other_mark(view, resource="s"), "forged"),
        (lambda view: other_mark(view, checkpoint="c"), "left over"),
    ],
)
def test_what_is_not_provably_ours_refuses_and_nothing_is_removed(
    service: Service, change: Any, said: str
) -> None:
    scene = Scene(service)
    foreign(service, scene, change)
    record = scene.restore(remove_newer=True)
    assert record.status == "fail"
    assert said in record.resources_reason[f"{SHARE}#{scene.share}"]
    assert "delete_snapshot" not in service.cloud.calls
    assert scene.text == "now"


def test_a_mark_that_names_a_checkpoint_which_keeps_another_snapshot_is_not_believed(
    service: Service,
) -> None:
    """A tenant can copy the mark of a checkpoint onto a snapshot of his own."""
    scene = Scene(service)
    view = service.cloud.snapshots[scene.snapshots()[-1]]
    own = dict(view) | {"id": "own", "created_at": "2027-01-01T00:00:00"}
    service.cloud.snapshots["own"] = own
    record = scene.restore(remove_newer=True)
    assert "does not keep it" in record.resources_reason[f"{SHARE}#{scene.share}"]
    assert "delete_snapshot" not in service.cloud.calls


def test_a_checkpoint_that_is_being_restored_keeps_its_snapshot(service: Service) -> None:
    scene = Scene(service)
    living = service.record(objects.Restore, scene.new.id)
    service.call("restore", living, None)  # begun, and not run yet
    waiting, service.spawned[:] = list(service.spawned), []
    record = scene.restore(remove_newer=True)
    assert record.status == "fail"
    assert "in work" in record.resources_reason[f"{SHARE}#{scene.share}"]
    assert "delete_snapshot" not in service.cloud.calls
    service.spawned[:] = waiting
    service.run()
    assert service.saved(living).status == "success"


def test_of_two_newer_checkpoints_none_loses_a_share_when_one_is_in_work(
    service: Service,
) -> None:
    scene = Scene(service)
    third = service.protect(service.plan(scene.share))
    lease.renew(service.provider.bank)
    service.manager.claims.take(
        third.id,
        "delete",
        provider_id=service.provider.id,
        checkpoint_id=third.id,
        bank=service.provider.bank,
    )
    assert scene.restore(remove_newer=True).status == "fail"
    assert len(scene.snapshots()) == 3
    assert not scene.has_lost()
    service.manager.claims.release(third.id)
    assert scene.restore(remove_newer=True).status == "success"


def test_nothing_is_removed_for_a_public_share(service: Service) -> None:
    scene = Scene(service)
    service.cloud.shares[scene.share]["is_public"] = True
    record = scene.restore(remove_newer=True)
    assert "public" in record.resources_reason[f"{SHARE}#{scene.share}"]
    assert "delete_snapshot" not in service.cloud.calls


# -- deaths -----------------------------------------------------------------------------------


def settle(scene: Scene) -> Any:
    """A new process brings the restore to its end; what must hold whatever happened."""
    service = scene.service = scene.service.die()
    for _ in range(2):
        reconcile(service)
    record = the_restore(service)
    assert record.status in ("success", "fail")
    share = service.cloud.shares[scene.share]
    assert share["status"] == "available"
    reason = str(record.resources_reason)
    if record.status == "success":
        assert scene.text == "then"
    elif scene.text == "then":
        assert "not known" in reason or "not be told" in reason
    copies = [
        view
        for view in service.cloud.shares.values()
        if view["id"] not in (scene.share, scene.other)
    ]
    assert [(view["status"], view["_text"]) for view in copies] in ([], [("available", "now")])
    kept = {
        service.checkpoint(item)
        .get_resource_bank_section(scene.share)
        .get_object("metadata")["snapshot_id"]
        for item in (scene.old.id, scene.new.id)
    }
    assert set(scene.snapshots()) <= kept, "a temporary snapshot was left"
    if len(scene.snapshots()) == 1:
        assert scene.has_lost()
        assert scene.newer().status == "available"
    pages = service.checkpoint(scene.old.id).get_resource_bank_section(scene.share)
    assert set(pages.list_objects()) == {"metadata", "status"}
    assert [log for log in service.logs() if log.ended_at is None] == []
    assert service.manager.claims.all() == []
    assert reconcile(service) == []
    for item in (scene.new.id, scene.old.id):
        service.delete(item)
    assert service.cloud.snapshots == {}
    assert scene.share in service.cloud.shares
    assert len(copies) == len(service.cloud.shares) - 2
    return record


#: The calls of the restore below, and how many of each are tried.
CALLS = {
    "share": 3,
    "snapshots": 3,
    "limits": 2,
    "create_snapshot": 1,
    "create_share": 1,
    "delete_snapshot": 2,
    "snapshot": 3,
    "revert_share": 1,
    "export_locations": 1,
}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("method", "nth"), [(method, nth + 1) for method, most in CALLS.items() for nth in range(most)]
)
def test_a_death_at_any_call_leaves_nothing_unaccounted(
    service: Service, method: str, nth: int, after: bool
) -> None:
    scene = Scene(service)
    service.cloud.plan(method, Died, nth=nth, after=after)
    with pytest.raises(Died):
        scene.restore(remove_newer=True, safety_copy=True)
    settle(scene)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("nth", range(1, 8))
def test_a_death_at_any_write_of_the_bank_leaves_nothing_unaccounted(
    service: Service, monkeypatch: pytest.MonkeyPatch, nth: int, after: bool
) -> None:
    scene = Scene(service)
    plugin: Any = service.provider.bank._plugin
    seen = 0

    def dying(write: Any) -> Any:
        def wrapped(key: str, *args: Any, **kwargs: Any) -> None:
            nonlocal seen
            seen += "/leases/" not in key
            if seen == nth and not after:
                raise Died
            write(key, *args, **kwargs)
            if seen == nth:
                raise Died

        return wrapped

    with monkeypatch.context() as patched:
        for name in ("update_object", "delete_object"):
            patched.setattr(plugin, name, dying(getattr(plugin, name)))
        with pytest.raises(Died):
            scene.restore(remove_newer=True, safety_copy=True)
    settle(scene)


def test_a_revert_that_was_seen_under_way_is_a_success(service: Service) -> None:
    scene = Scene(service)
    service.cloud.seconds["revert_share"] = 3600.0
    service.cloud.plan("revert_share", Died, after=True)
    with pytest.raises(Died):
        scene.restore(remove_newer=True)
    record = settle(scene)
    assert record.status == "success"
    said = jsonutils.loads(record.resources_reason[f"{SHARE}#{scene.share}"])
    assert said["way"] == "in place"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_revert_that_nobody_saw_is_unknown_and_never_repeated(
    service: Service, after: bool
) -> None:
    scene = Scene(service)
    service.cloud.seconds["revert_share"] = 0.0
    service.cloud.plan("revert_share", Died, after=after)
    with pytest.raises(Died):
        scene.restore(remove_newer=True)
    record = settle(scene)
    assert record.status == "fail"
    assert "not known" in record.resources_reason[f"{SHARE}#{scene.share}"]
    assert service.cloud.calls.count("revert_share") == 1


def test_a_checkpoint_deleted_during_a_dead_safety_copy_takes_the_rest_with_it(
    service: Service,
) -> None:
    scene = Scene(service)
    service.cloud.plan("create_share", Died)
    with pytest.raises(Died):
        scene.restore(remove_newer=True, safety_copy=True)
    service = service.die()
    service.delete(scene.old.id)
    assert [view["share_id"] for view in service.cloud.snapshots.values()].count(scene.share) == 1
    assert set(service.cloud.shares) == {scene.share, scene.other}
    assert scene.text == "now"


def test_a_revert_that_failed_after_a_death_says_who_can_help(service: Service) -> None:
    scene = Scene(service, newer=False)
    service.cloud.failing.add(f"revert_share {scene.share}")
    service.cloud.plan("revert_share", Died, after=True)
    with pytest.raises(Died):
        scene.restore()
    service = service.die()
    assert reconcile(service) == ["fail"]
    reason = the_restore(service).resources_reason[f"{SHARE}#{scene.share}"]
    assert "administrator" in reason
    assert service.cloud.shares[scene.share]["status"] == "reverting_error"
    service.delete(scene.old.id)
    assert scene.share in service.cloud.shares


def test_the_audit_knows_what_is_temporary_and_what_was_lost(service: Service) -> None:
    scene = Scene(service)
    service.cloud.plan("create_share", Died)
    with pytest.raises(Died):
        scene.restore(remove_newer=True, safety_copy=True)
    service = scene.service = service.die()
    assert audit_of(service).find() == []
    reconcile(service)
    assert scene.restore(remove_newer=True).status == "success"
    (finding,) = Audit(
        service.provider, service.manager.claims, grace=0, clock=service.cloud.clock
    ).find()
    assert (finding.kind, finding.checkpoint_id, finding.action) == ("lost", scene.new.id, "")


def test_the_audit_says_what_a_death_left_unsaid(service: Service) -> None:
    """When the bank has lost the intent, too, by which the reconciliation would say it."""
    scene = Scene(service)
    service.cloud.plan("delete_snapshot", Died, after=True)
    with pytest.raises(Died):
        scene.restore(remove_newer=True)
    service = scene.service = service.die()
    section = scene.old.get_resource_bank_section(scene.share)
    (page,) = (name for name in section.list_objects() if name.startswith("restores/"))
    section.delete_object(page)
    reconcile(service)
    service.cloud.clock.sleep(5)
    assert told(scene.newer())["removing"]  # it was about to go; whether it went nobody has said
    audit = audit_of(service)
    (finding,) = audit.find()
    assert finding.kind == "lost"
    audit.fix(finding)
    assert scene.has_lost()
    assert "removing" not in told(scene.newer())
    assert scene.newer().status == "available"
    assert [found.action for found in audit.find()] == [""]
