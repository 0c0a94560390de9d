# SPDX-License-Identifier: Apache-2.0
"""What lists of one flow prove: which list is whole, how long a view is as good as a look by id."""

import dataclasses
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
        [("abc", None)],
        [("", None)],
        [("ab", 3)],  # cut
        [("", 3)],
        [("abcd", 7), ("def", 6)],  # one went meanwhile
        [("abcd", 5), ("def", 6)],  # one came
        [("abc", 2)],  # nothing agrees
    ],
)
def test_no_other_list_is_whole(answers: Any) -> None:
    assert not pages(*answers).whole


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


def test_gone_is_what_two_lists_do_not_have_of_what_is_on_its_way() -> None:
    flow = Flow()
    lists = flow.listed()
    gone = flow.ids[0]
    lists.note_leaving(gone)
    del flow.cloud.snapshots[gone]
    first, sent = flow.sent(lambda: lists.look(flow.ids))
    assert (gone in first, sent) == (False, ["snapshots"])
    second, sent = flow.sent(lambda: lists.look(flow.ids))
    assert (second[gone], sent) == (None, ["snapshots"])


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
