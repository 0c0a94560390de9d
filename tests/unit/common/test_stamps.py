# SPDX-License-Identifier: Apache-2.0
"""What is stamped later than now is told apart; two hosts never have quite the same time."""

import datetime

import pytest

from karbor_manila.common import stamps

NOW = datetime.datetime(2026, 11, 26, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(("seconds", "ahead"), [(-86400, 0), (0, 0), (60, 0), (61, 1), (1e9, 1)])
def test_a_minute_ahead_is_now_and_more_is_not(seconds: float, ahead: int) -> None:
    assert stamps.is_ahead(NOW + datetime.timedelta(seconds=seconds), NOW) == bool(ahead)
