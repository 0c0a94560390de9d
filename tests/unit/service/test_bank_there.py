# SPDX-License-Identifier: Apache-2.0
"""With another bank, or an empty folder, in the place of the bank nothing is done, and all of it
goes on when the right one is there."""

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from karbor import exception as karbor_exception
from karbor import objects, rpc
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin
from oslo_messaging._drivers import common as rpc_common

from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankNotOurs
from karbor_manila.bank.filesystem import store as bank_store
from karbor_manila.recovery import claims, lease, lease_keeper
from tests.unit.banks import open_bank
from tests.unit.karbor_stage import Service, started


@pytest.fixture
def checkpoint(service: Service) -> Any:
    checkpoint = service.protect(service.plan(service.share()))
    assert checkpoint.status == "available"
    return checkpoint


def empty(folder: Path) -> None:
    (folder / "karbor").mkdir(parents=True)


def another(folder: Path) -> None:
    identity.bank_id(open_bank(folder))


def copy_without_id(folder: Path) -> None:
    shutil.copytree(folder.parent / "away", folder)
    (folder / "karbor" / identity.KEY.lstrip("/")).unlink()


@contextlib.contextmanager
def hosted(service: Service) -> Iterator[Callable[[], None]]:
    """The start of a process, without what it then does in the background; gives what does one
    turn of that."""
    with (
        mock.patch("karbor_manila.service.reconciling.eventlet.spawn"),
        mock.patch("karbor_manila.service.leases.loopingcall.FixedIntervalLoopingCall"),
        mock.patch.object(lease_keeper.Keeper, "start"),
    ):
        service.manager.init_host()

    def turn() -> None:
        service.manager.runtime.leases.watch()
        for keeper in service.manager.runtime.leases.keepers.values():
            keeper.renew()
        service.manager.reconciliation.run()

    yield turn


PLACES = [empty, another, copy_without_id]


@contextlib.contextmanager
def in_its_place(service: Service, put: Callable[[Path], None]) -> Iterator[dict[str, bytes]]:
    """The bank is away, and something else is there; which has to stay as it is."""
    bank = service.folder / "bank"
    bank.rename(service.folder / "away")
    put(bank)
    service.cloud.calls.clear()
    before = content(bank)
    yield before
    assert content(bank) == before
    shutil.rmtree(bank)
    (service.folder / "away").rename(bank)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """What the API gets over RPC; it makes a 400 of it."""
    with pytest.raises(karbor_exception.KarborException) as caught:
        call(*args, **kwargs)
    sent = rpc_common.serialize_remote_exception((type(caught.value), caught.value, None))
    error = rpc_common.deserialize_remote_exception(sent, rpc.get_allowed_exmods())
    assert isinstance(error, karbor_exception.InvalidInput)
    assert error.code == 400
    return str(error)


REQUESTS: dict[str, Callable[[Service, Any, Any], Any]] = {
    "protect": lambda service, plan, _checkpoint: service.call("protect", plan),
    "copy": lambda service, plan, _checkpoint: service.call("copy", plan),
    "restore": lambda service, _plan, checkpoint: service.restore(checkpoint.id),
    "verify": lambda service, _plan, checkpoint: service.verify(checkpoint.id),
    "delete": lambda service, _plan, checkpoint: service.delete(checkpoint.id),
    "reset": lambda service, _plan, checkpoint: service.call(
        "reset_state", service.provider.id, checkpoint.id, "error"
    ),
    "list": lambda service, _plan, _checkpoint: service.call(
        "list_checkpoints", service.provider.id
    ),
    "show": lambda service, _plan, checkpoint: service.call(
        "show_checkpoint", service.provider.id, checkpoint.id
    ),
}


@pytest.mark.parametrize("put", PLACES)
@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_without_the_right_bank_is_refused_and_says_so(
    service: Service, checkpoint: Any, put: Callable[[Path], None], request_: str
) -> None:
    ask = REQUESTS[request_]
    plan = service.plan(service.share())
    known = identity.read(service.provider.bank)
    with in_its_place(service, put):
        said = refused(ask, service, plan, checkpoint)
        assert f"expected is bank {known}" in said
        assert f"karbor-manila bank accept {service.provider.id}" in said
        assert service.cloud.calls == []
        assert service.manager.claims.all() == []
    if request_ != "copy":  # of this new plan there is nothing to copy
        ask(service, plan, checkpoint)  # no restart is needed
    service.run()


@pytest.mark.parametrize("put", PLACES)
def test_a_start_before_the_bank_is_mounted_leaves_nothing_under_the_mount(
    service: Service, checkpoint: Any, put: Callable[[Path], None]
) -> None:
    with in_its_place(service, put):
        heir = Service(service.folder, service.cloud)
        with hosted(heir) as turn:
            turn()
        assert heir.manager.reconciliation.away is not None
        (keeper,) = heir.manager.runtime.leases.keepers.values()
        assert not keeper.is_fresh
    turn()
    assert heir.manager.reconciliation.away is None
    assert keeper.is_fresh
    bank = open_bank(service.folder / "bank")
    assert lease.key_of(heir.provider.bank.get_owner_id()) in bank.list_objects("/karbor-manila/")


@pytest.mark.parametrize("put", PLACES)
def test_no_claim_is_taken_over_or_freed_by_the_word_of_another_bank(
    service: Service, put: Callable[[Path], None]
) -> None:
    checkpoint_id = service.call("protect", service.plan(service.share()))
    heir = service.die()
    (before,) = heir.manager.claims.all()
    with in_its_place(heir, put):
        heir.manager.reconciliation.run()
        with pytest.raises(BankNotOurs):
            heir.manager.claims.take(
                checkpoint_id,
                claims.RECONCILE,
                provider_id=heir.provider.id,
                checkpoint_id=checkpoint_id,
                bank=heir.provider.bank,
            )
        assert heir.manager.claims.all() == [before]
        assert heir.manager.claims.held == frozenset()
    heir.manager.reconciliation.run()
    assert heir.checkpoint(checkpoint_id).status == "error"
    assert heir.manager.claims.all() == []


def test_a_bank_that_goes_while_a_dead_owner_is_looked_for_frees_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mount goes between the first look at the bank and the look for the owner's lease."""
    checkpoint_id = service.call("protect", service.plan(service.share()))
    heir = service.die()
    (before,) = heir.manager.claims.all()

    def judged(*_args: Any) -> bool:
        (service.folder / "bank").rename(service.folder / "away")
        empty(service.folder / "bank")
        return False

    monkeypatch.setattr(lease.Observer, "is_alive", judged)
    with pytest.raises(BankNotOurs):
        heir.manager.claims.take(
            checkpoint_id,
            claims.RECONCILE,
            provider_id=heir.provider.id,
            checkpoint_id=checkpoint_id,
            bank=heir.provider.bank,
        )
    assert heir.manager.claims.all() == [before]


def test_a_flow_whose_bank_goes_makes_nothing_in_manila(service: Service, checkpoint: Any) -> None:
    """Under Karbor's own bank, which makes the folder anew."""
    before = set(service.cloud.snapshots)
    service.call("protect", service.plan(service.share()))
    (service.folder / "bank").rename(service.folder / "away")
    service.run()
    assert set(service.cloud.snapshots) == before
    assert (service.folder / "bank").exists()  # the promise is not kept by the folder being gone


# -- a bank that takes nothing ------------------------------------------------------------------


def refusing(number: int) -> Callable[..., None]:
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(number, os.strerror(number), "/the/path/of/the/bank")

    return refuse


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("bank", ["karbor-fs-bank-plugin", "karbor-manila-fs-bank-plugin"])
def test_a_bank_that_takes_no_checkpoint_is_named_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, bank: str
) -> None:
    with started(tmp_path, monkeypatch, bank=bank) as service:
        plan = service.plan(service.share())
        checkpoint = service.protect(plan)
        monkeypatch.setattr(FileSystemBankPlugin, "_write_object", refusing(number))
        monkeypatch.setattr(bank_store.KeyedFolder, "write", refusing(number))
        with pytest.raises(karbor_exception.FlowError) as caught:
            service.call("protect", plan)
        said = str(caught.value)
        for word in (os.strerror(number), service.provider.name, service.provider.id, "Nothing"):
            assert word in said
        assert "/the/path" not in said
        for request_ in ("delete", "reset"):
            said = refused(REQUESTS[request_], service, plan, checkpoint)
            assert os.strerror(number) in said
            assert service.provider.id in said
        assert service.checkpoint(checkpoint.id).status == "available"
        assert len(service.cloud.snapshots) == 1
        # A refused write left nothing that would have to be settled.
        assert service.manager.claims.all() == []


def test_a_bank_whose_answer_to_a_deletion_is_lost_is_looked_at_by_the_reconciliation(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(FileSystemBankPlugin, "_write_object", refusing(errno.EIO))
        refused(REQUESTS["delete"], service, checkpoint.protection_plan, checkpoint)
    # The write may come about later still, so what the bank says now proves nothing.
    assert [claim.owner for claim in service.manager.claims.all()] == [""]
    service.manager.reconciliation.run()
    assert service.manager.claims.all() == []
    assert service.checkpoint(checkpoint.id).status == "available"


def test_a_flow_that_cannot_be_built_keeps_its_own_reason(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise karbor_exception.ProtectionPluginNotFound(type="a type")

    monkeypatch.setattr(service.manager.worker, "get_flow", broken)
    with pytest.raises(karbor_exception.FlowError, match=re.escape("a type")):
        service.call("protect", service.plan(service.share()))


def test_a_restore_into_a_full_bank_says_why(
    service: Service, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileSystemBankPlugin, "_write_object", refusing(errno.ENOSPC))
    record = service.restore(checkpoint.id)
    saved = service.saved(record)
    assert isinstance(saved, objects.Restore)
    assert saved.status == "fail"
    assert "No space left" in str(saved.resources_reason)
