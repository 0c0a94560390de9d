# SPDX-License-Identifier: Apache-2.0
"""What comes from Manila's hook is read as it is meant, or not at all."""

import datetime
import json
from typing import Any

import pytest

from karbor_manila.recovery.audit.told import load
from karbor_manila.recovery.errors import ToldInvalid

ID = "00000000-0000-0000-0000-0000000000c{}".format
EVENT: dict[str, Any] = {
    "version": 1,
    "what": "unmanage_snapshot",
    "at": "2026-01-02T05:04:05+02:00",
    "host": "host@backend",
    "by": {"user_id": "u-1", "request_id": "req-1"},
    "snapshot_id": ID(1),
    "share_id": ID(2),
    "project_id": "p-1",
    "mark": {"bank": ID(3), "provider": ID(4), "checkpoint": ID(5), "resource": ID(2)},
}
NOW = datetime.datetime(2026, 1, 3, tzinfo=datetime.UTC)


def changed(**fields: Any) -> bytes:
    return json.dumps(EVENT | fields).encode()


def test_it_says_what_happened_when_and_by_whom() -> None:
    told = load(changed())
    said = "was unmanaged in Manila on 2026-01-02 03:04:05 UTC by user u-1, request req-1"
    assert told.said(NOW) == said
    assert told.is_loss
    assert told.mark.restore == ""
    assert told.as_known(NOW) == {
        "what": "unmanage_snapshot",
        "at": "2026-01-02T03:04:05+00:00",
        "snapshot_id": ID(1),
        "user_id": "u-1",
        "request_id": "req-1",
    }


def test_nothing_is_told_of_a_later_time_than_now() -> None:
    told = load(changed(at="9999-12-31T00:00:00+00:00", by={}))
    assert told.said(NOW).endswith("on 2026-01-03 00:00:00 UTC by nobody that Manila names")
    assert told.as_known(NOW)["at"] == "2026-01-03T00:00:00+00:00"


WRONG: dict[str, bytes] = {
    "nothing": b"",
    "no text": b"\xff\xfe",
    "no object": b"[1]",
    "very deep": b"[" * 60000,
    "another version": changed(version=2),
    "another call": changed(what="create_snapshot"),
    "no id": changed(snapshot_id="../../etc"),
    "an id with an end of line": changed(snapshot_id=ID(1) + "\n"),
    "a user who is none": changed(by={"user_id": "\x1b[31m"}),
    "more than is known": changed(token="x"),
    "a mark that has too little": changed(mark={"bank": ID(3)}),
    "a mark with a path": changed(mark=EVENT["mark"] | {"checkpoint": "../x"}),
    "no time": changed(at="yesterday"),
    "a time out of all bounds": changed(at="0001-01-01T00:00:00+14:00"),
    "a project with a space": changed(project_id="a b"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_the_hook_does_not_write_is_not_read(name: str) -> None:
    with pytest.raises(ToldInvalid):
        load(WRONG[name])
