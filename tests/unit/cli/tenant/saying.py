# SPDX-License-Identifier: Apache-2.0
"""What Karbor says to the tenant's commands, as their tests need it."""

import datetime
import json

from tests.fakes.karbor import SHARE

NOW = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)
PLAN = {"way": "new share", "source": {"snapshot_id": "snap"}, "new": {"name": "home", "size": 1}}
DRILLED = {"depth": "drill", "seconds": 4.2, "not_restored": [], "check": "passed"}


def ends(status, statuses, reasons=None, looks=2):
    """A record's script: it ends at the second look."""
    end = {"status": status, "resources_status": statuses, "resources_reason": reasons or {}}
    return lambda _record: [{}] * (looks - 1) + [end]


def key(share_id):
    return f"{SHARE}#{share_id}"


def info_of(*entries, **more):
    return json.dumps({"left_out": list(entries)} | more)


def missing(share_id, name="wiki", kind="broken", reason="its status is error"):
    return {"type": SHARE, "id": share_id, "name": name, "reason": reason, "kind": kind}
