# SPDX-License-Identifier: Apache-2.0
"""A deletion that waits, or is taken back, when the reply of the bank is lost: what is counted."""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import quota
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin

from tests.unit.karbor_stage import Service, started
from tests.unit.service.held import asked, says
from tests.unit.service.rpc import refusal


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch, options=("delete_grace = 3600",)) as service:
        yield service


def answers(
    patch: pytest.MonkeyPatch,
    status: str,
    error: Callable[[], Exception],
    *,
    taken: bool,
    blind: bool = False,
) -> None:
    """The bank fails each write of this status.

    :param taken: whether it takes them all the same
    :param blind: whether it gives nothing from then on
    """
    update, get = FileSystemBankPlugin.update_object, FileSystemBankPlugin.get_object
    failed: list[str] = []

    def write(self: Any, key: str, value: Any, context: Any = None) -> None:
        if not (isinstance(value, dict) and value.get("status") == status):
            update(self, key, value, context)
            return
        if taken:
            update(self, key, value, context)
        failed.append(key)
        raise error()

    def read(self: Any, key: str, context: Any = None) -> Any:
        if blind and key in failed:
            raise error()
        return get(self, key, context)

    patch.setattr(FileSystemBankPlugin, "update_object", write)
    patch.setattr(FileSystemBankPlugin, "get_object", read)


def lost() -> Exception:
    return ConnectionResetError("by the store")


def full() -> Exception:
    return OSError(errno.ENOSPC, "No space left on device")


def in_use(service: Service) -> int:
    usages = quota.QUOTAS.get_project_quotas(service.context(), service.project_id)
    return int(usages["checkpoints"]["in_use"])


def reserved(service: Service) -> int:
    usages = quota.QUOTAS.get_project_quotas(service.context(), service.project_id)
    return int(usages["checkpoints"]["reserved"])


def undelete(service: Service, checkpoint_id: str) -> Any:
    return asked(service, checkpoint_id, None, depth="undelete")


def test_an_undelete_whose_reply_is_lost_is_counted_and_told(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.delete(checkpoint.id)
    count = in_use(service)
    with monkeypatch.context() as patch:
        answers(patch, "available", lost, taken=True)
        record = undelete(service, checkpoint.id)
    assert (record.status, says(record)["way"]) == ("success", "undeleted")
    assert says(undelete(service, checkpoint.id))["way"] == "already"
    assert (in_use(service), reserved(service)) == (count + 1, 0)


@pytest.mark.parametrize("error", [lost, full])
def test_an_undelete_that_the_bank_did_not_take_is_counted_once_it_does(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    service.delete(checkpoint.id)
    count = in_use(service)
    with monkeypatch.context() as patch:
        answers(patch, "available", error, taken=False)
        assert refusal(undelete, service, checkpoint.id).code == 400
    assert service.checkpoint(checkpoint.id).status == "pending-delete"
    assert (in_use(service), reserved(service)) == (count, 0)
    assert says(undelete(service, checkpoint.id))["way"] == "undeleted"
    assert in_use(service) == count + 1


def test_an_undelete_of_which_the_bank_says_nothing_is_refused_and_holds_no_reservation(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.delete(checkpoint.id)
    with monkeypatch.context() as patch:
        answers(patch, "available", lost, taken=True, blind=True)
        assert refusal(undelete, service, checkpoint.id).code == 400
    assert reserved(service) == 0


def test_a_delete_whose_reply_is_lost_is_accepted_so_that_it_is_counted(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Karbor's API lowers its count after each DELETE that is accepted, and after no other."""
    with monkeypatch.context() as patch:
        answers(patch, "pending-delete", lost, taken=True)
        service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "pending-delete"


def test_a_delete_that_the_bank_did_not_take_is_refused(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        answers(patch, "pending-delete", lost, taken=False)
        assert refusal(service.delete, checkpoint.id).code == 400
    assert service.checkpoint(checkpoint.id).status == "available"
