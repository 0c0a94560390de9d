# SPDX-License-Identifier: Apache-2.0
"""Others at work at the same time as the reconciliation."""

from typing import Any

import pytest
from karbor import exception as karbor_exception

from karbor_manila.recovery import lease
from tests.fakes.manila import Died, FakeManila
from tests.unit.karbor_stage import (
    Service,
)
from tests.unit.recovery.reconciliation.stage import (
    ENDS,
    MIDDLES,
    assert_at_its_end,
    killed,
    left,
    reconcile,
    the_status,
)


@pytest.mark.parametrize("work", MIDDLES)
def test_of_two_that_reconcile_at_the_same_time_each_thing_is_ended_by_one(
    service: Service, work: str
) -> None:
    service = left(service, work)
    other = Service(service.folder, service.cloud, type(service.manager))
    found = service.manager.reconciliation.find()
    assert other.manager.reconciliation.find() == found
    assert reconcile(other) == [ENDS[work]]
    assert [service.manager.reconciliation.settle(item) for item in found] == [ENDS[work]]
    assert_at_its_end(service)


@pytest.mark.parametrize("call", ["delete", "reset_state"])
def test_what_a_user_asks_for_meanwhile_is_refused_or_done_afterwards(
    service: Service, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Another process reconciles; the user's patience ends with a sentence, or with the thing."""
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share()))
    lease.renew(service.provider.bank)
    other = Service(service.folder, service.cloud, type(service.manager))
    clock = service.cloud.clock
    other.manager.worker._clock = clock
    (item,) = service.manager.reconciliation.find()
    arguments = (other.provider.id, item.id, *(["error"] if call == "reset_state" else []))
    answers: list[Any] = []
    original = FakeManila.snapshots

    def meanwhile(self: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(FakeManila, "snapshots", original)
        with pytest.raises(karbor_exception.KarborException) as refused:
            other.call(call, *arguments)
        answers.append(refused.value)
        return original(self, **kwargs)

    monkeypatch.setattr(FakeManila, "snapshots", meanwhile)
    assert service.manager.reconciliation.settle(item) == "available"
    # Karbor's API makes a 400 of both.
    kinds = (karbor_exception.Invalid, karbor_exception.CheckpointNotBeReset)
    assert isinstance(answers[0], kinds)
    assert item.id in answers[0].msg
    other.call(call, *arguments)
    other.run()
    assert the_status(other, item.id) == ("deleted" if call == "delete" else "error")


def test_a_new_checkpoint_of_this_process_is_not_ended_before_it_is_claimed(
    service: Service,
) -> None:
    """Karbor writes it before our worker is asked for its flow, and a bank may take its time."""
    checkpoint = service.provider.get_checkpoint_collection().create(service.plan(service.share()))
    assert reconcile(service) == []
    assert service.checkpoint(checkpoint.id).status == "protecting"


def test_one_that_this_process_stamped_later_than_now_is_not_just_being_made_until_then(
    service: Service,
) -> None:
    """Its clock was ahead and was set right since; it is claimed by nobody."""
    checkpoint = service.provider.get_checkpoint_collection().create(service.plan(service.share()))
    section = checkpoint.checkpoint_section
    index = section.get_object("index.json")
    month = 30 * 86_400
    section.update_object("index.json", index | {"timestamp": index["timestamp"] + month})
    assert reconcile(service) == ["error"]


def test_a_checkpoint_that_takes_long_to_make_is_not_ended_by_its_own_process(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bank takes longer than anybody's patience before our worker can claim it."""
    get_flow = service.manager.worker.get_flow
    ended: list[str] = []

    def late(*args: Any, **kwargs: Any) -> Any:
        service.cloud.clock.sleep(3600)
        ended.extend(reconcile(service))
        return get_flow(*args, **kwargs)

    monkeypatch.setattr(service.manager.worker, "get_flow", late)
    assert service.protect(service.plan(service.share())).status == "available"
    assert ended == []
