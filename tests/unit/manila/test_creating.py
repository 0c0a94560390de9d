# SPDX-License-Identifier: Apache-2.0
"""HTTP 500 to one request again and again: a few tries, then the value that is unusual."""

from pathlib import Path
from typing import Any

import pytest

from karbor_manila.common.retry import retry
from karbor_manila.manila import creating
from karbor_manila.manila.errors import ManilaFailing, ManilaTransient, ManilaUnavailable
from tests.fakes.manila import refused
from tests.unit.clock import FakeClock
from tests.unit.stage import SHARE, Record, Stage

LETTER = "\N{PILE OF POO}"


def failing(status: int = 500, said: str = "HTTP 500, The server has either erred") -> Any:
    return ManilaTransient("snapshot share a", said, status=status, endpoint="http://manila/v2")


class Manila:
    """Answers a creating request like this, one after the other, the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked = 0

    def create(self) -> str:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return str(answer)


def ask(manila: Manila, clock: FakeClock, timeout: float = 120.0, **fields: Any) -> str:
    return retry(creating.limited(manila.create, fields, clock), timeout=timeout, clock=clock)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now=0.0)


def test_the_same_500_is_final_after_a_few_tries_over_seconds(clock: FakeClock) -> None:
    manila = Manila(failing())
    with pytest.raises(ManilaFailing) as caught:
        ask(manila, clock, name=f"holiday {LETTER}", description="plain")
    assert manila.asked == 4
    assert 8.0 < clock.now() < 40.0
    said = str(caught.value)
    assert "http://manila/v2" in said
    assert "HTTP 500" in said
    assert "name has U+1F4A9 (PILE OF POO)" in said
    assert "description" not in said
    assert "when Manila is back" not in said


def test_without_anything_unusual_the_administrator_is_named(clock: FakeClock) -> None:
    with pytest.raises(ManilaFailing, match="ask the administrator of Manila"):
        ask(Manila(failing()), clock, name="plain", metadata={"a": "b"}, size=1, other=None)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_500_that_passes_is_forgotten(clock: FakeClock, times: int) -> None:
    assert ask(Manila(*[failing()] * times, "made"), clock) == "made"


@pytest.mark.parametrize(
    "others",
    [
        [failing(503, "HTTP 503, busy")],
        [failing(0, "the connection broke")],
        [failing(0, "HTTP 500 that is not Manila's own, a proxy's")],
        [failing(), failing(500, "HTTP 500, another"), failing(503, "HTTP 503, busy")],
    ],
)
def test_an_outage_is_none_of_the_request(clock: FakeClock, others: list[Any]) -> None:
    with pytest.raises(ManilaUnavailable) as caught:
        ask(Manila(*others * 100), clock)
    assert not isinstance(caught.value, ManilaFailing)
    assert clock.now() == pytest.approx(120)


def test_without_patience_there_is_no_second_request(clock: FakeClock) -> None:
    manila = Manila(failing())
    with pytest.raises(ManilaUnavailable):
        ask(manila, clock, timeout=0.0)
    assert manila.asked == 1


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"name": "plain, ümläut and 漢字", "description": "two\nlines"}, []),
        ({"name": LETTER}, ["name"]),
        ({"name": "\x00"}, ["name"]),
        ({"metadata": {"a": LETTER, LETTER: "b", "c": "d"}}, ["metadata 'a'", "metadata"]),
        ({"name": None, "size": 1, "is_public": False}, []),
    ],
)
def test_what_is_unusual_is_named(fields: dict[str, Any], found: list[str]) -> None:
    told = list(creating.unusual(fields))
    assert len(told) == len(found)
    assert all(words.startswith(name) for words, name in zip(told, found, strict=True))


# -- in the operations ----------------------------------------------------------------------------


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.parametrize("method", ["create_snapshot", "create_share"])
def test_a_name_that_the_database_does_not_take_is_told_within_seconds(
    stage: Stage, method: str
) -> None:
    share = stage.cloud.add_share(stage.project_id)["id"]
    checkpoint = stage.checkpoint(share)
    if method == "create_share":
        assert stage.protect(checkpoint, share) == []
    planned = stage.cloud.plan(method, failing, times=1000)
    before = stage.cloud.clock.now()
    if method == "create_share":
        restore = Record()
        given = {"restore_name": LETTER}
        errors = stage.restore(checkpoint, share, restore=restore, given=given)
        told = restore["resources_reason"][f"{SHARE}#{share}"]
    else:
        errors = stage.protect(checkpoint, share, given={"snapshot_name": LETTER})
        told = str(errors[0])
    assert len(errors) == 1
    assert "U+1F4A9" in told
    assert planned.hits == 4
    assert stage.cloud.clock.now() - before < 60.0
    # Each of the requests may have been carried out: the intent stays for the deletion.
    assert stage.pages(checkpoint, share).keys() <= {"status", "metadata", "intent"}


def test_a_deletion_that_policy_forbids_is_told_at_once(stage: Stage) -> None:
    share = stage.cloud.add_share(stage.project_id)["id"]
    checkpoint = stage.checkpoint(share)
    assert stage.protect(checkpoint, share) == []
    planned = stage.cloud.plan("delete_snapshot", lambda: refused(403), times=1000)
    before = stage.cloud.clock.now()
    (error,) = stage.delete(checkpoint, share)
    assert "HTTP 403" in str(error)
    assert planned.hits == 1
    assert stage.cloud.clock.now() - before < 5.0
    assert "metadata" in stage.pages(checkpoint, share)
