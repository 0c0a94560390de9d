# SPDX-License-Identifier: Apache-2.0
"""A request without an answer stays in doubt when its repetition is refused: nothing is left."""

from collections.abc import Callable
from typing import Any

import pytest

from karbor_manila.manila.errors import ManilaReplaced
from tests.fakes.manila import refused, transient
from tests.unit.stage import Record, Stage

LATE = 5.0


@pytest.fixture
def late(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Callable[[], None]]:
    """The first request of a method gets a 503; its thing appears some seconds later, or when what
    is given back is called."""

    def plan(kind: str, method: str) -> Callable[[], None]:
        things: dict[str, Any] = getattr(stage.cloud, kind)
        before = set(things)
        hidden: dict[str, Any] = {}
        due = stage.cloud.clock.now() + LATE

        def hide() -> Exception:
            (new,) = set(things) - before
            hidden[new] = things.pop(new)
            return transient()

        def appear() -> None:
            things.update(hidden)
            hidden.clear()

        stage.cloud.plan(method, hide, after=True)

        def passing(let: Callable[..., None]) -> Callable[..., None]:
            def passed(*args: Any) -> None:
                let(*args)
                if stage.cloud.clock.now() >= due:
                    appear()

            return passed

        for name in ("sleep", "wait"):
            monkeypatch.setattr(stage.cloud.clock, name, passing(getattr(stage.cloud.clock, name)))
        return appear

    return plan


@pytest.mark.parametrize(
    "error", [refused(403), refused(413), ManilaReplaced("do it", "2.98", "2.78")]
)
def test_a_snapshot_that_appears_after_its_repetition_was_refused_is_removed(
    stage: Stage, late: Any, error: Exception
) -> None:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    late("snapshots", "create_snapshot")
    stage.cloud.plan("create_snapshot", lambda: error, nth=2)
    assert stage.protect(checkpoint, share["id"])
    stage.cloud.clock.sleep(2 * LATE)
    stage.cloud.assert_hit()
    assert stage.cloud.snapshots == {}


@pytest.mark.parametrize("error", [refused(403), refused(413)])
def test_a_share_that_appears_after_its_repetition_was_refused_is_removed(
    stage: Stage, late: Any, error: Exception
) -> None:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    stage.protect(checkpoint, share["id"])
    late("shares", "create_share")
    stage.cloud.plan("create_share", lambda: error, nth=2)
    assert stage.restore(checkpoint, share["id"], restore=Record())
    stage.cloud.clock.sleep(2 * LATE)
    stage.cloud.assert_hit()
    assert list(stage.cloud.shares) == [share["id"]]


def test_a_snapshot_that_appeared_while_its_share_was_busy_is_adopted(
    stage: Stage, late: Any
) -> None:
    share = stage.cloud.add_share(stage.project_id)
    checkpoint = stage.checkpoint(share["id"])
    appear = late("snapshots", "create_snapshot")

    def busy() -> Exception:
        appear()
        until = stage.cloud.clock.now() + 1.0
        stage.cloud.shares[share["id"]] |= {"status": "extending", "_until": until, "_fails": False}
        return refused(409)

    stage.cloud.plan("create_snapshot", busy, nth=2)
    assert stage.protect(checkpoint, share["id"]) == []
    stage.cloud.clock.sleep(2 * LATE)
    stage.cloud.assert_hit()
    kept = stage.pages(checkpoint, share["id"])["metadata"]["snapshot_id"]
    assert list(stage.cloud.snapshots) == [kept]
