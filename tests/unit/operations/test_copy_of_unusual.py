# SPDX-License-Identifier: Apache-2.0
"""Copies of shares with a key or in a share network: with the same, or refused as a whole."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from karbor import exception as karbor_exception

from tests.unit.karbor_stage import Service, started
from tests.unit.operations.copies import clones, copied, record

KEY = str(uuid.uuid4())


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


def test_the_share_of_a_copy_has_the_key_and_so_has_what_is_restored_from_it(
    service: Service,
) -> None:
    share = service.share(encryption_key_ref=KEY)
    plan = service.plan(share)
    service.protect(plan)
    made = copied(service, plan)
    assert made.status == "available"
    assert [clone["encryption_key_ref"] for clone in clones(service)] == [KEY]
    assert record(service, made, share)["encryption_key_ref"] == KEY


def test_nothing_is_said_of_a_key_in_the_copy_of_a_share_without_one(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    assert "encryption_key_ref" not in record(service, copied(service, plan), share)


def test_a_network_that_cannot_have_it_refuses_the_copy_before_anything_is_made(
    service: Service,
) -> None:
    plan = service.plan(service.share(share_network_id="net"))
    service.protect(plan)
    service.cloud.networks["net"] = None
    with pytest.raises(karbor_exception.KarborException, match="share network net"):
        service.call("copy", plan)
    assert clones(service) == []
