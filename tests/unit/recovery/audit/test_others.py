# SPDX-License-Identifier: Apache-2.0
"""An audit never touches shares, nor what is another provider's or another Karbor's."""

import uuid
from pathlib import Path

from tests.unit.karbor_stage import (
    OUR_PROJECT,
    OURS,
    Service,
    configured,
    provider_file,
)
from tests.unit.recovery.audit.stage import (
    OTHER_KARBOR,
    actions,
    find,
    fix_all,
    mark_of,
    orphaned,
    plant,
    protected,
    snapshot_away,
    snapshots_of,
)


def test_shares_are_never_touched(service: Service) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    restored = service.restore(checkpoint.id)
    assert restored.status == "success"
    service.delete(checkpoint.id)
    orphan = orphaned(service)
    service.cloud.shares[share]["metadata"] = mark_of(service, share).metadata()
    before = set(service.cloud.shares)
    assert actions(find(service)) == {orphan: "remove the snapshot"}
    fix_all(service)
    assert set(service.cloud.shares) == before
    assert "delete_share" not in service.cloud.calls


def test_two_karbors_on_one_manila_never_touch_each_others(
    service: Service, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    provider_file(folder, OTHER_KARBOR, (OURS, OUR_PROJECT))
    with configured(folder):
        other = Service(folder, service.cloud)
    # configured() takes the options of the group away; the first service has its values already.
    mine, theirs = protected(service), protected(other)
    both = set(service.cloud.snapshots)
    assert find(service) == find(other) == []
    lost = {one: orphaned(one) for one in (service, other)}
    for one, orphan in lost.items():
        assert actions(find(one)) == {orphan: "remove the snapshot"}
        assert fix_all(one) == ["removed"]
    assert set(service.cloud.snapshots) == both
    for one, checkpoint in ((service, mine), (other, theirs)):
        assert one.restore(checkpoint.id).status == "success"


def test_checkpoints_of_karbors_own_plugin_in_the_same_bank_are_left_alone(
    service: Service, tmp_path: Path
) -> None:
    protected(service)
    share = service.share()
    plain = plant(service, share, None)
    plan = service.plan(share, provider_id=OTHER_KARBOR)
    collection = service.provider.get_checkpoint_collection()
    stock = collection.create(
        {
            "id": plan.id,
            "name": "stock",
            "provider_id": OTHER_KARBOR,
            "project_id": service.project_id,
            "resources": [],
        }
    )
    for record in (plain, str(uuid.uuid4())):
        section = stock.get_resource_bank_section(share)
        section.update_object(
            "metadata",
            {"share_id": share, "size": 1, "share_proto": "NFS", "snapshot_id": record},
        )
        stock.status = "available"
        stock.resource_graph = service.checkpoint(protected(service, share).id).resource_graph
        stock.commit()
        assert find(service) == []


def test_a_record_of_karbors_own_plugin_in_our_provider_is_known_when_it_is_lost(
    service: Service,
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    lost = snapshot_away(service, checkpoint, share)
    checkpoint.get_resource_bank_section(share).update_object(
        "metadata", {"share_id": share, "size": 1, "share_proto": "NFS", "snapshot_id": lost}
    )
    assert fix_all(service) == ["said so in the checkpoint"]


def test_marks_in_descriptions_are_judged_as_well(service: Service) -> None:
    service.microversion = "2.37"
    share = service.share()
    kept = protected(service)
    lost = snapshot_away(service, protected(service, share), share)
    orphan = orphaned(service)
    view = service.cloud.snapshots[orphan]
    assert (view["metadata"], view["description"].startswith("text [karbor-manila")) == ({}, True)
    assert set(actions(find(service))) == {lost, orphan}
    assert sorted(fix_all(service)) == ["removed", "said so in the checkpoint"]
    assert list(service.cloud.snapshots) == list(snapshots_of(service, kept).values())
