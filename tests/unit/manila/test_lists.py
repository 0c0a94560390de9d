# SPDX-License-Identifier: Apache-2.0
"""What lists of one flow prove: which list is whole, how long a view is as good as a look by id."""

import dataclasses
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from karbor_manila.drivers.testing.world import mark_for, protect
from karbor_manila.manila import lists, marks, paging
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.lists import RECENT, Lists
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.ownership import SNAPSHOT
from tests.contract.world import FakeWorld
from tests.fakes.manila import FakeManila

SIZE = 4


def pages(*answers: tuple[str, int | None]) -> paging.Listing:
    """The list whose pages are these, one after the other: ids of one letter, and the number."""
    left = iter(answers)

    def ask(_offset: int) -> tuple[list[dict[str, Any]], int | None]:
        ids, total = next(left, ("", answers[-1][1]))
        return [{"id": each} for each in ids], total

    return paging.everything(ask, SIZE, "list them")


@pytest.mark.parametrize(
    "answers",
    [
        [("abc", 3)],
        [("", 0)],
        [("abcd", 6), ("def", 6)],
    ],
)
def test_a_list_is_whole_when_as_many_came_as_there_are(answers: Any) -> None:
    assert pages(*answers).whole


@pytest.mark.parametrize(
    "answers",
    [
        [("abcd", 7), ("def", 6)],  # one went meanwhile, from behind
        [("abcd", 7), ("efg", 6), ("defg", 6), ("g", 6)],  # from in front: a step back
        [("abcd", 5), ("cde", 6)],  # one came in front
        [("abcd", 9), ("defg", 9), ("gh", 8)],  # at a later page
    ],
)
def test_pages_that_follow_each_other_leave_nothing_out_whatever_comes_and_goes(
    answers: Any,
) -> None:
    assert pages(*answers).whole


@pytest.mark.parametrize(
    "answers",
    [
        [("abc", None)],
        [("", None)],
        [("ab", 3)],  # cut
        [("", 3)],
        [("abcd", 8), ("def", 7)],  # one went meanwhile, and the end is cut
        [("abcd", 6), ("de", None)],
        [("abcd", 6), ("f", 5)],  # of one alone it is not known what was before it
        [("abcd", 7), ("de", 6), ("ef", 6)],  # several rows an entry: the offset counts more
        [("abc", 2)],  # nothing agrees
    ],
)
def test_no_other_list_is_whole(answers: Any) -> None:
    assert not pages(*answers).whole


class Moving:
    """A list in which others create in front and delete anywhere between two pages.

    :param replicas: of how many entries there are several rows of the database
    """

    def __init__(self, seed: int, replicas: int) -> None:
        self.random = random.Random(seed)
        self.rows = {f"old-{number}": 1 for number in range(150)}
        for each in self.random.sample(sorted(self.rows), replicas):
            self.rows[each] = self.random.randrange(2, 9)
        self.replicated = bool(replicas)
        self.all_the_time = set(self.rows)

    def page(self, offset: int) -> tuple[list[dict[str, Any]], int | None]:
        flat = [each for each, number in self.rows.items() for _ in range(number)]
        shown = [{"id": each} for each in dict.fromkeys(flat[offset : offset + 20])]
        total = len(self.rows)
        for each in self.random.sample(sorted(self.rows), self.random.randrange(3)):
            del self.rows[each]
            self.all_the_time.discard(each)
        if self.random.random() < 0.5:
            new = {f"new-{len(self.rows)}-{offset}": 3 if self.replicated else 1}
            self.rows = new | self.rows
        return shown, total


@pytest.mark.parametrize(("replicas", "at_least"), [(0, 90), (1, 0), (10, 0)])
def test_a_whole_list_has_all_that_was_there_all_the_time(replicas: int, at_least: int) -> None:
    whole = 0
    for seed in range(100):
        moving = Moving(seed, replicas)
        found = paging.everything(moving.page, 20, "list them")
        if found.whole:
            whole += 1
            assert moving.all_the_time <= {view["id"] for view in found}
    assert whole >= at_least


class Flow:
    """The lists of a flow over some snapshots of one checkpoint."""

    def __init__(self, number: int = 4, **client: Any) -> None:
        self.world = FakeWorld()
        self.cloud = self.world.cloud
        share = self.world.make_share()
        self.mark = mark_for(share)
        self.ids = []
        for _ in range(number):
            each = self.world.make_share()
            mark = Mark(self.mark.bank, self.mark.provider, self.mark.checkpoint, each["id"])
            self.ids.append(protect(self.world.driver(), each, mark).id)
        manila = FakeManila(self.cloud, **{"project_id": self.world.project_id} | client)
        self.lists = FlowClient(manila, None, number, self.cloud.clock).lists[SNAPSHOT]
        self.cloud.calls.clear()

    def listed(self) -> Lists:
        self.lists.of_flow(self.mark, self.world.project_id)
        return self.lists

    def sent(self, action: Callable[[], Any]) -> tuple[Any, list[str]]:
        """What something gives, and the requests that it sends, but for the one that asks whether
        the session is an administrator's."""
        self.cloud.calls.clear()
        return action(), [call for call in self.cloud.calls if call != "require_administrator"]


def test_what_a_list_has_shown_is_not_asked_for() -> None:
    flow = Flow()
    lists = flow.listed()
    for each in flow.ids:
        view, sent = flow.sent(lambda each=each: lists.recent(each, flow.world.project_id))
        assert (view["id"], sent) == (each, [])


def test_whether_the_session_reaches_others_is_asked_once() -> None:
    flow = Flow()
    lists = flow.listed()
    for each in flow.ids:
        lists.recent(each, flow.world.project_id)
    assert flow.cloud.calls == ["snapshots", "require_administrator"]


def test_what_an_administrators_session_removes_is_asked_for_by_its_id() -> None:
    flow = Flow(administrator=True)
    lists = flow.listed()
    view, sent = flow.sent(lambda: lists.recent(flow.ids[0], flow.world.project_id))
    assert (view["id"], sent) == (flow.ids[0], ["snapshot"])


def test_after_a_minute_one_list_serves_all() -> None:
    flow = Flow()
    lists = flow.listed()
    flow.cloud.clock.sleep(RECENT + 1)
    found, sent = flow.sent(
        lambda: [lists.recent(each, flow.world.project_id) for each in flow.ids]
    )
    assert [view["id"] for view in found] == flow.ids
    assert sent == ["snapshots"]


def test_what_a_list_leaves_out_is_asked_for_by_its_id() -> None:
    flow = Flow()
    flow.cloud.hidden, flow.cloud.hides_well = {flow.ids[0]}, True
    lists = flow.listed()
    view, sent = flow.sent(lambda: lists.recent(flow.ids[0], flow.world.project_id))
    assert (view["id"], sent) == (flow.ids[0], ["snapshot"])


def test_what_a_list_shows_in_another_project_is_not_ours() -> None:
    flow = Flow(project_id="project-of-administrators", administrator=True, works_for="*")
    flow.lists.of_flow(flow.mark, "*")
    flow.cloud.snapshots[flow.ids[0]]["project_id"] = "project-b"
    view, sent = flow.sent(lambda: flow.lists.recent(flow.ids[0], flow.world.project_id))
    assert view is None
    assert "snapshot" in sent


def leaving(number: int, *gone: int) -> Flow:
    """A flow over so many snapshots that are on their way, of which some have gone."""
    flow = Flow(number)
    flow.listed()
    for each in flow.ids:
        flow.lists.note_leaving(each)
    for each in gone:
        del flow.cloud.snapshots[flow.ids[each]]
    return flow


def test_when_nothing_is_seen_any_more_a_second_list_follows_at_once() -> None:
    flow = leaving(12, *range(12))
    found, sent = flow.sent(lambda: flow.lists.look(flow.ids))
    assert found == dict.fromkeys(flow.ids)
    assert sent == ["snapshots", "snapshots", "snapshot"]  # that of one of them


def test_when_most_is_gone_a_second_list_follows_at_once() -> None:
    flow = leaving(12, *range(9))
    found, sent = flow.sent(lambda: flow.lists.look(flow.ids))
    assert [each for each in flow.ids if found[each] is None] == flow.ids[:9]
    assert sent == ["snapshots", "snapshots"]


def test_few_that_are_gone_wait_for_the_others_but_not_for_ever() -> None:
    flow = leaving(12, 0)
    for _ in range(lists._LOOKS - 1):
        found, sent = flow.sent(lambda: flow.lists.look(flow.ids))
        assert (flow.ids[0] in found, len(found), sent) == (False, 11, ["snapshots"])
    found, sent = flow.sent(lambda: flow.lists.look(flow.ids))
    assert (found[flow.ids[0]], sent) == (None, ["snapshots", "snapshots"])


def test_of_few_shares_each_is_asked_for_by_its_id_in_place_of_a_second_list() -> None:
    flow = leaving(4, *range(4))
    _, sent = flow.sent(lambda: flow.lists.look(flow.ids))
    assert sent == ["snapshots", *["snapshot"] * 4]


def test_a_mark_that_a_tenant_takes_off_hides_nothing() -> None:
    flow = leaving(12, *range(11))
    stuck = flow.cloud.snapshots[flow.ids[11]]
    stuck.update(metadata={}, status="error_deleting")
    found, sent = flow.sent(lambda: flow.lists.look(flow.ids))
    assert [each for each, view in found.items() if view] == [flow.ids[11]]
    assert sent == ["snapshots", "snapshots"]


def test_a_second_list_is_asked_for_as_long_as_the_views_by_id_are_more_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    original = FakeManila.snapshots

    def noted(self: FakeManila, **kwargs: Any) -> Any:
        asked.append(kwargs)
        return original(self, **kwargs)

    flow = leaving(30, *range(29))
    monkeypatch.setattr(FakeManila, "snapshots", noted)
    flow.lists.look(flow.ids)
    assert asked == [{"project_id": flow.world.project_id, "most": 2}]


def test_a_list_that_is_too_long_ends_with_its_first_page() -> None:
    asked: list[int] = []

    def ask(offset: int) -> tuple[list[dict[str, Any]], int]:
        asked.append(offset)
        return [{"id": str(number)} for number in range(offset, offset + SIZE)], 3 * SIZE

    assert not paging.everything(ask, SIZE, "list them", most=2).whole
    assert asked == [0]


def test_what_nothing_was_asked_of_is_asked_for_by_its_id() -> None:
    flow = Flow()
    gone = flow.ids[0]
    del flow.cloud.snapshots[gone]
    found, sent = flow.sent(lambda: flow.listed().look(flow.ids))
    assert (found[gone], sent.count("snapshot")) == (None, 1)


def test_few_are_asked_for_by_their_ids() -> None:
    flow = Flow(2)
    _, sent = flow.sent(lambda: flow.lists.look(flow.ids))
    assert sent == ["snapshot", "snapshot"]


def test_the_marks_of_a_flows_list_are_read_once_for_all_of_its_shares(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flow = Flow(6)
    read: list[str] = []
    real = marks.read

    def counted(view: Any) -> Any:
        read.append(view["id"])
        return real(view)

    monkeypatch.setattr(lists.marks, "read", counted)
    whose = flow.world.project_id
    for view in flow.cloud.snapshots.values():
        mark = real(view)
        assert mark
        assert [found["id"] for found in flow.lists.of_flow(mark, whose)] == [view["id"]]
    other = dataclasses.replace(flow.mark, resource=str(uuid.uuid4()))
    assert flow.lists.of_flow(other, whose) == []
    assert sorted(read) == sorted(flow.ids)
