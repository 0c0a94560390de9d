# SPDX-License-Identifier: Apache-2.0
"""A checkpoint that a bank put back from a copy lacks is written again from what Manila has."""

import functools
import itertools
import shutil
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from karbor import objects

from karbor_manila.bank import identity, index, rewriting
from karbor_manila.common.errors import ClaimLost
from karbor_manila.recovery import adoptable
from karbor_manila.recovery.adoptable import Adoptable, Search
from karbor_manila.recovery.adoption import Adopted, Adoption
from karbor_manila.recovery.errors import NotAdoptable
from tests.unit.banks import stored
from tests.unit.karbor_stage import SHARE, Service, told
from tests.unit.points import Points
from tests.unit.recovery.audit.stage import (
    find,
    forget,
    mark_of,
    plant,
    protected,
    snapshots_of,
)


@pytest.fixture
def yesterday(service: Service) -> Callable[[], None]:
    """Puts the bank back as it was when this fixture was made."""
    protected(service)  # gives it its id
    bank, copy = service.folder / "bank", service.folder / "copy"
    shutil.copytree(bank, copy)

    def put_back() -> None:
        shutil.rmtree(bank)
        shutil.copytree(copy, bank)

    return put_back


def search_of(service: Service, **options: str) -> Search:
    return Search(service.provider, identity.bank_id(service.provider.bank), **options)


def adopt(service: Service, checkpoint_id: str, **options: str) -> Adopted:
    search = search_of(service, **options)
    (found,) = search.find([checkpoint_id])
    return adoption_of(service, search).adopt(found)


def adoption_of(service: Service, search: Search, bank_id: str = "") -> Adoption:
    bank_id = bank_id or identity.bank_id(service.provider.bank)
    return Adoption(service.provider, service.manager.claims, search, bank_id, service.cloud.clock)


def the_one(service: Service, **options: str) -> Adoptable:
    (found,) = search_of(service, **options).find()
    return found


def test_a_lost_checkpoint_is_what_it_was(service: Service, yesterday: Callable[[], None]) -> None:
    shares = [service.share(name=f"books {n}") for n in range(2)]
    made = protected(service, *shares)
    before = made.to_dict()
    snapshots = set(service.cloud.snapshots)
    yesterday()

    assert adopt(service, made.id).shares == {share: f"books {n}" for n, share in enumerate(shares)}
    again = service.checkpoint(made.id)
    for name in ("id", "status", "project_id", "created_at"):
        assert again.to_dict()[name] == before[name]
    assert again.protection_plan["id"] == made.protection_plan["id"]
    assert told(again).keys() == {"adopted"}
    assert set(service.cloud.snapshots) == snapshots
    assert find(service) == []
    restored = service.restore(made.id)
    assert restored.status == "success"
    service.delete(made.id)
    assert not snapshots_of(service, made)


def test_it_is_listed_where_it_was(service: Service, yesterday: Callable[[], None]) -> None:
    share = service.share()
    service.cloud.clock.sleep(3600)
    one = protected(service, share)
    yesterday()
    two = protected(service, share)
    adopt(service, one.id)
    listed = service.call("list_checkpoints", service.provider.id)
    assert {each["id"] for each in listed} >= {one.id, two.id}
    plan = one.protection_plan["id"]
    of_plan = service.call("list_checkpoints", service.provider.id, filters={"plan_id": plan})
    assert [each["id"] for each in of_plan] == [one.id]


def test_one_that_is_still_in_the_index_is_listed_once(service: Service) -> None:
    made = protected(service)
    bank = service.folder / "bank"
    shutil.rmtree(stored(bank, f"/checkpoints/{made.id}"))
    for path in list(bank.rglob(f"*@{made.id}")):  # a second before Karbor's log of it
        earlier = int(path.name.partition("@")[0]) - 1
        path.rename(path.with_name(f"{earlier}@{made.id}"))
    adopt(service, made.id)
    listed = service.call("list_checkpoints", service.provider.id)
    assert [each["id"] for each in listed] == [made.id]
    service.delete(made.id)
    assert list(bank.rglob(f"*@{made.id}")) == []


def test_what_is_in_the_bank_or_was_deleted_is_not_adopted(
    service: Service, yesterday: Callable[[], None]
) -> None:
    kept, gone = protected(service), protected(service)
    assert search_of(service).find() == []
    (share,) = snapshots_of(service, gone)
    metadata = dict(service.cloud.snapshots[snapshots_of(service, gone)[share]]["metadata"])
    service.delete(gone.id)
    yesterday()
    snapshot = plant(service, share, mark_of(service, share, checkpoint=gone.id))
    service.cloud.snapshots[snapshot]["metadata"] = metadata
    assert {each.id for each in search_of(service).find()} == {kept.id, gone.id}
    with pytest.raises(NotAdoptable, match="knows it as deleted"):
        adopt(service, gone.id)
    adopt(service, kept.id)
    search = search_of(service)
    assert {each.id for each in search.find()} == {gone.id}


def test_without_a_database_too_its_plan_can_be_said(
    service: Service, yesterday: Callable[[], None]
) -> None:
    made = protected(service)
    forget(service, made)
    yesterday()
    plan = str(uuid.uuid4())
    adopt(service, made.id, plan_id=plan)
    again = service.checkpoint(made.id)
    assert again.protection_plan["id"] == plan
    assert again.project_id == service.project_id
    assert again.created_at == f"{service.cloud.clock.utcnow():%Y-%m-%d}"  # by Manila


def test_no_forged_checkpoint_gets_the_plan_of_another_project(service: Service) -> None:
    plan = objects.Plan(
        context=service.context(),
        name="secret",
        status="suspended",
        parameters={},
        provider_id=service.provider.id,
        project_id=service.project_id,
        resources=[{"type": SHARE, "id": service.share(), "name": "secret, too"}],
    )
    plan.create()
    theirs = str(service.cloud.add_share(service.other_project)["id"])
    forged = mark_of(service, theirs)
    plant(service, theirs, forged)
    with pytest.raises(NotAdoptable, match=f"Plan {plan.id} is of project {service.project_id}"):
        adopt(service, forged.checkpoint, plan_id=plan.id)
    adopt(service, forged.checkpoint)


def test_a_forged_mark_of_another_project_is_passed_over(
    service: Service, yesterday: Callable[[], None]
) -> None:
    made = protected(service)
    ours = set(snapshots_of(service, made))
    yesterday()
    theirs = str(service.cloud.add_share(service.other_project)["id"])
    plant(service, theirs, mark_of(service, theirs, checkpoint=made.id))
    assert set(adopt(service, made.id).shares) == ours
    assert "forged" in str(told(service.checkpoint(made.id))["remarks"])


def test_marks_of_two_projects_and_no_database_ask_for_a_word(
    service: Service, yesterday: Callable[[], None]
) -> None:
    made = protected(service)
    forget(service, made)
    yesterday()
    theirs = str(service.cloud.add_share(service.other_project)["id"])
    plant(service, theirs, mark_of(service, theirs, checkpoint=made.id))
    with pytest.raises(NotAdoptable, match="--project"):
        adopt(service, made.id)
    adopt(service, made.id, project_id=service.project_id)
    assert service.checkpoint(made.id).project_id == service.project_id


def test_a_share_without_a_snapshot_makes_the_checkpoint_partial(
    service: Service, yesterday: Callable[[], None]
) -> None:
    shares = [service.share() for _ in range(2)]
    made = protected(service, *shares)
    yesterday()
    gone = snapshots_of(service, made)[shares[1]]
    service.cloud.snapshots[gone]["status"] = "error"
    done = adopt(service, made.id)
    assert (set(done.shares), set(done.without)) == ({shares[0]}, {shares[1]})
    (entry,) = told(service.checkpoint(made.id))["left_out"]
    assert (entry["id"], entry["kind"]) == (shares[1], "broken")
    assert gone in service.cloud.snapshots


def test_what_the_list_of_a_bank_does_not_show_yet_is_not_written_over(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = protected(service)
    search = search_of(service)
    with monkeypatch.context() as lagging:
        for name in ("everything", "is_held"):
            lagging.setattr(adoptable.checkpoints, name, lambda *_args: ())
        (found,) = search.find()
    with pytest.raises(NotAdoptable, match="in the bank by now"):
        adoption_of(service, search).adopt(found)
    assert "adopted" not in told(service.checkpoint(made.id))


def test_one_that_is_still_being_made_waits(
    service: Service, yesterday: Callable[[], None]
) -> None:
    made = protected(service)
    yesterday()
    (snapshot,) = snapshots_of(service, made).values()
    service.cloud.snapshots[snapshot]["status"] = "creating"
    found = the_one(service)
    with pytest.raises(NotAdoptable, match="still being made"):
        adoption_of(service, search_of(service)).adopt(found)


def test_a_share_that_is_gone_is_described_by_its_snapshot(
    service: Service, yesterday: Callable[[], None]
) -> None:
    made = protected(service)
    yesterday()
    ((share, snapshot),) = snapshots_of(service, made).items()
    service.cloud.snapshots[snapshot].setdefault("share_proto", "NFS")
    del service.cloud.shares[share]
    assert set(adopt(service, made.id).shares) == {share}


def test_who_dies_before_the_index_leaves_what_a_second_call_ends(
    service: Service, yesterday: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = protected(service)
    yesterday()

    def dies(*_args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rewriting.index, "mend_index", dies)
        with pytest.raises(KeyboardInterrupt):
            adopt(service, made.id)
    assert made.id not in service.checkpoints()
    search = search_of(service)
    assert search.find([made.id]) == []
    assert search.half_done([made.id]) == [made.id]
    adoption_of(service, search).complete(made.id)
    assert made.id in service.checkpoints()
    assert service.restore(made.id).status == "success"


def test_a_deleted_checkpoint_is_not_put_into_the_index_again(service: Service) -> None:
    made = protected(service)
    service.delete(made.id)
    search = search_of(service)
    assert search.half_done([made.id]) == []
    with pytest.raises(NotAdoptable, match="deleted"):
        adoption_of(service, search).complete(made.id)
    assert made.id not in index.indexed(service.provider.bank)


def test_who_dies_before_the_checkpoint_leaves_nothing_that_is_seen(
    service: Service, yesterday: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = protected(service)
    yesterday()

    def dies(*_args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rewriting, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            adopt(service, made.id)
    listed = service.call("list_checkpoints", service.provider.id)
    assert made.id not in {each["id"] for each in listed}
    assert the_one(service).id == made.id
    adopt(service, made.id)
    assert service.restore(made.id).status == "success"


def test_who_lost_the_claim_writes_nothing_more(
    service: Service, yesterday: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = protected(service)
    yesterday()

    def taken_over(claims: Any, claimed_id: str, *_args: Any, **_kwargs: Any) -> None:
        raise ClaimLost(claimed_id, "it was taken over")

    monkeypatch.setattr(type(service.manager.claims), "check", taken_over)
    with pytest.raises(ClaimLost):
        adopt(service, made.id)
    assert the_one(service).id == made.id


def test_a_bank_that_is_lost_for_good_has_its_checkpoints_again_in_a_new_one(
    service: Service,
) -> None:
    made = protected(service)
    old = identity.bank_id(service.provider.bank)
    shutil.rmtree(service.folder / "bank")
    (service.folder / "bank" / "karbor").mkdir(parents=True)
    identity.accept(service.provider.bank, service.provider.id)
    assert search_of(service).find() == []
    search = Search(service.provider, old)
    (found,) = search.find()
    adoption_of(service, search, old).adopt(found)
    assert found.id == made.id
    assert service.restore(made.id).status == "success"
    service.delete(made.id)
    assert not snapshots_of(service, made)


def test_who_dies_at_any_point_leaves_what_a_second_call_ends(
    service: Service, yesterday: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = protected(service)
    snapshots = snapshots_of(service, made)
    points = Points(monkeypatch)
    for nth in itertools.count(1):
        yesterday()
        died = points.kill(functools.partial(adopt, service, made.id), nth)
        service = service.die()
        search = search_of(service)
        for checkpoint_id in search.half_done([made.id]):
            adoption_of(service, search).complete(checkpoint_id)
        for found in search.find([made.id]):
            adoption_of(service, search).adopt(found)
        service.manager.reconciliation.run()  # a claim that its dead owner did not give back
        assert made.id in service.checkpoints(), points.last
        assert service.verify(made.id).status == "success", points.last
        assert snapshots_of(service, made) == snapshots, points.last
        if not died:
            break
    assert nth > 5
