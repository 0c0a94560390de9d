# SPDX-License-Identifier: Apache-2.0
"""What Manila's drivers write as the progress of a backup; each writes the text itself."""

import pytest

from karbor_manila.common.clock import Clock
from karbor_manila.manila.backup_progress import Moving


@pytest.mark.parametrize(
    ("text", "percent"),
    [("0", 0), ("12.5 %", 12), ("250", 100), ("-3", 0), ("", 0), ("half", 0)]
    + [(odd, 0) for odd in ("nan", "inf", "-inf", "1e999")],
)
def test_every_text_is_a_percentage_and_raises_nothing(text: str, percent: int) -> None:
    seen: list[int] = []
    moving = Moving("a backup", 10.0, Clock(), seen.append)
    moving.look("first")
    moving.look(text)
    assert seen[-1] == percent
