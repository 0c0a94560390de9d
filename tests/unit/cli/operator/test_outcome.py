# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila outcome``: what the database has no room for."""

import uuid
from typing import Any

import pytest

from karbor_manila.database import columns
from tests.unit.karbor_stage import (
    SHARE,
    Service,
)


def test_an_outcome_shows_whole_what_the_database_has_no_room_for(
    service: Service, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_fitting_reasons", lambda reasons, *_: ({}, len(reasons)))
    monkeypatch.setattr(columns, "_NOTE", columns.MOST_BYTES)  # so that none fits
    monkeypatch.setattr(columns, "fair_share", lambda _count: 0)
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    record = service.verify(checkpoint.id, {SHARE: {"depth": "plan", "restore_name": "n" * 250}})
    assert "n" * 250 not in str(service.saved(record).resources_reason)

    ran = run("outcome", record.id, "-f", "json")

    (row,) = ran.rows
    assert (ran.code, row["Share"], row["Status"]) == (0, share, "available")
    assert "n" * 250 in row["Told"]


def test_an_outcome_of_nothing_is_refused(service: Service, run: Any) -> None:
    ran = run("outcome", str(uuid.uuid4()))
    assert ran.code == 1
    assert "neither a restore nor a verification" in ran.err


def test_the_old_name_does_the_same_and_says_so(service: Service, run: Any) -> None:
    ran = run("report", str(uuid.uuid4()))
    assert ran.code == 1
    assert "neither a restore nor a verification" in ran.err
    assert "is 'karbor-manila outcome ID' now" in ran.err
