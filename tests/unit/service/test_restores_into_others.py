# SPDX-License-Identifier: Apache-2.0
"""A restore into another share that is there: requested, claimed, refused before it is begun."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import exception, objects

from tests.unit.karbor_stage import SHARE, Service, started, told


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch, options=("default_driver = backup",)) as service:
        yield service


def into(target: str, *share_ids: str) -> dict[str, Any]:
    return {f"{SHARE}#{share_id}": {"share_id": target} for share_id in share_ids}


def test_one_target_takes_the_content_of_one_share(service: Service) -> None:
    first, second, target = service.share(), service.share(), service.share(_text="others")
    checkpoint = service.protect(service.plan(first, second))
    record = service.record(objects.Restore, checkpoint.id, into(target, first, second))
    with pytest.raises(exception.InvalidInput, match="can take the content of one alone"):
        service.call("restore", record, None)
    assert service.cloud.shares[target]["_text"] == "others"
    assert "restore_backup" not in service.cloud.calls


def test_a_target_is_claimed_until_its_restore_has_ended(service: Service) -> None:
    share, target = service.share(_text="then"), service.share(_text="others")
    checkpoint = service.protect(service.plan(share))
    first = service.record(objects.Restore, checkpoint.id, into(target, share))
    service.call("restore", first, None)
    assert target in service.manager.claims.held
    second = service.record(objects.Restore, checkpoint.id, into(target, share))
    with pytest.raises(exception.KarborException, match="is in work"):
        service.call("restore", second, None)
    service.run()
    assert service.manager.claims.all() == []
    assert service.saved(first).status == "success"
    assert service.cloud.shares[target]["_text"] == "then"


def test_a_driver_that_cannot_is_named_and_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch) as service:
        share, target = service.share(), service.share()
        checkpoint = service.protect(service.plan(share))
        record = service.record(objects.Restore, checkpoint.id, into(target, share))
        with pytest.raises(exception.InvalidInput, match="with the driver 'snapshot'"):
            service.call("restore", record, None)
        assert service.saved(record).status == "fail"


def test_a_checkpoint_says_that_its_share_stays_as_long_as_it_has_backups(
    service: Service,
) -> None:
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    assert "does not delete the share" in told(checkpoint)["remarks"][f"{SHARE}#{share}"]


def test_what_a_failed_restore_left_goes_with_the_next_reconciliation(service: Service) -> None:
    share = service.share(_text="then")
    checkpoint = service.protect(service.plan(share))
    service.cloud.failing.add(f"restore_backup {share}")
    ended = service.restore(checkpoint.id)
    assert ended.status == "fail"
    assert len(service.cloud.shares) == 2  # no tenant can remove it
    service.manager.reconciliation.run()
    assert set(service.cloud.shares) == {share}
    assert "restore" not in str(checkpoint.get_resource_bank_section(share).list_objects())
