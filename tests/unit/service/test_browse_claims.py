# SPDX-License-Identifier: Apache-2.0
"""What is claimed for the end of access: only what is open when it is asked for."""

import pytest
from karbor import objects

from karbor_manila.recovery.claims import BROWSE, Claims
from tests.fakes.snapshot_access import MOUNTABLE
from tests.unit.karbor_stage import SHARE, Service
from tests.unit.recovery.browsed import HOST, OTHER, asked, browse, checkpoint_of, opened


def test_of_many_shares_those_with_open_access_alone_are_claimed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = [service.share(**MOUNTABLE) for _ in range(5)]
    checkpoint = service.protect(service.plan(*shares))
    service.verify(checkpoint.id, {f"{SHARE}#{shares[2]}": asked(browse_to=HOST)[SHARE]})
    assert opened(service) == [HOST]
    taken: list[str] = []
    take = Claims.take

    def noted(self: Claims, claim_id: str, operation: str, **kwargs: object) -> object:
        taken.append(operation)
        return take(self, claim_id, operation, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Claims, "take", noted)
    assert browse(service, checkpoint, browse_end=True).status == "success"
    assert opened(service) == []
    assert taken.count(BROWSE) == 1


def test_what_is_given_after_an_end_was_asked_for_stays(service: Service) -> None:
    checkpoint = checkpoint_of(service)
    for given in ({"browse_end": True}, {"browse_to": OTHER}):
        record = service.record(objects.Verification, checkpoint.id, asked(**given))
        service.call("verification", record)
    service.spawned.reverse()
    service.run()
    assert opened(service) == [OTHER]
