# SPDX-License-Identifier: Apache-2.0
"""When a checkpoint was begun: by Karbor's logs, by what our manager wrote, or by its day."""

import datetime
import json

import pytest

from karbor_manila.cli.views import plan_state

_DAY = "2026-03-04"
_WRITTEN = "2026-03-04T05:06:07+00:00"


def _checkpoint(**info):
    return {"id": "c1", "created_at": _DAY, "extra_info": json.dumps(info)}


def _log(kind, started_at):
    return {"operation_type": kind, "started_at": started_at}


def test_the_log_of_the_protection_says_when_it_began():
    logs = [_log("protect", "2026-03-09T00:00:00"), _log("protect", "2026-03-04T05:00:00")]
    found = plan_state.made_at(logs, _checkpoint(made_at=_WRITTEN))
    assert found == (datetime.datetime(2026, 3, 4, 5, 0, tzinfo=datetime.UTC), True)


@pytest.mark.parametrize("logs", [[], [_log("verify", "2026-03-05T00:00:00")]])
def test_when_the_log_was_purged_it_is_what_our_manager_wrote(logs):
    found = plan_state.made_at(logs, _checkpoint(made_at=_WRITTEN))
    assert found == (datetime.datetime.fromisoformat(_WRITTEN), True)


@pytest.mark.parametrize("info", [{}, {"made_at": "soon"}, {"made_at": 7}])
def test_without_both_it_is_the_beginning_of_its_day_and_not_exact(info):
    found = plan_state.made_at([], _checkpoint(**info))
    assert found == (datetime.datetime(2026, 3, 4, tzinfo=datetime.UTC), False)
