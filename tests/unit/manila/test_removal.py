# SPDX-License-Identifier: Apache-2.0
"""Removing a thing until it is gone, and looking at many things with few requests."""

import itertools

import pytest

from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.common.polling import Poller
from karbor_manila.common.retry import retry
from karbor_manila.manila import lookup, statuses
from karbor_manila.manila.errors import (
    ManilaRefused,
    ManilaTransient,
    ManilaUnavailable,
    NeedsAdministrator,
)
from karbor_manila.manila.ownership import Ownership
from karbor_manila.manila.removal import Removal
from tests.unit.clock import FakeClock
from tests.unit.common.stage import Stopped

PROJECT = "project-a"
CURE = "openstack share snapshot delete --force {id}"


class Manila:
    """One snapshot. ``answers`` are those to DELETE, one after the other, the last one for ever:
    True (accepted), False (404) or an error. ``becomes`` maps moments to statuses; None is gone.
    With ``takes``, an accepted request leads to the end after so many seconds."""

    own_project_id = PROJECT
    #: Whose the snapshot is.
    project_id = PROJECT

    def __init__(self, clock, *answers, becomes=None, takes=None):
        self.clock = clock
        self.answers = list(answers)
        self.becomes = becomes or {0.0: "available"}
        self.takes = takes
        self.deletes = []
        self.looks = 0

    def delete(self, _thing):
        self.deletes.append(self.clock.now())
        answer = self.answers[min(len(self.deletes), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        if answer and self.takes is not None:
            now = self.clock.now()
            self.becomes = {0.0: "deleting", now + self.takes: None}
        return answer

    def look(self, keys):
        self.looks += 1
        return {key: self.snapshot(key) for key in keys}

    def snapshot(self, thing):
        reached = max(moment for moment in self.becomes if moment <= self.clock.now())
        status = self.becomes[reached]
        return status and {"id": thing, "status": status, "project_id": self.project_id}


@pytest.fixture
def clock():
    return FakeClock(now=0.0)


def remove(clock, manila, *, timeout=600.0, outage=120.0, longest=15.0, **kwargs):
    removal = Removal(
        kind="snapshot",
        ownership=Ownership(manila, lambda attempt: retry(attempt, timeout=60, clock=clock)),
        delete=manila.delete,
        poller=Poller(manila.look, shortest=0.01, longest=longest, clock=clock),
        deletable=statuses.SNAPSHOT_DELETABLE,
        stuck=statuses.SNAPSHOT_STUCK,
        cure=CURE,
        outage=outage,
        clock=clock,
        **{"depends": lambda _view: False, **kwargs},
    )
    return removal.until_gone("snap-1", timeout, PROJECT)


def refused(status):
    return ManilaRefused("delete snapshot snap-1", status, "not now")


def test_what_is_not_there_is_gone_already(clock):
    manila = Manila(clock, becomes={0.0: None})
    assert remove(clock, manila) is False
    assert (manila.looks, manila.deletes, clock.now()) == (0, [], 0.0)


def test_another_projects_is_left_alone_and_counts_as_gone(clock):
    manila = Manila(clock, True, takes=1.0)
    manila.project_id = "project-b"
    assert remove(clock, manila) is False
    assert manila.deletes == []


def test_what_is_transferred_while_it_is_busy_is_left_alone(clock):
    manila = Manila(clock, refused(400), becomes={0.0: "restoring", 60.0: "available"})
    look = manila.look

    def transferred(keys):
        if clock.now() >= 60.0:
            manila.project_id = "project-b"
        return look(keys)

    manila.look = transferred
    assert remove(clock, manila) is True
    assert len(manila.deletes) == 1


def test_a_404_to_a_delete_is_no_proof(clock):
    """Something in between may say it, and a thing that is there is not gone."""
    manila = Manila(clock, False, becomes={0.0: "available"})
    with pytest.raises(DeadlineExceeded, match="the removal of snapshot snap-1"):
        remove(clock, manila, timeout=60.0)


def test_what_policy_forbids_is_final_at_once(clock):
    manila = Manila(clock, refused(403))
    with pytest.raises(ManilaRefused):
        remove(clock, manila)
    assert (len(manila.deletes), clock.now()) == (1, 0.0)


@pytest.mark.parametrize("becomes", [{0.0: "available"}, {0.0: "extending", 50.0: "available"}])
def test_a_share_on_which_something_depends_is_asked_for_again(clock, becomes):
    manila = Manila(clock, refused(403), refused(403), True, takes=5.0, becomes=becomes)
    assert remove(clock, manila, depends=lambda _view: True) is True


def test_a_refusal_of_the_status_that_it_had_just_then_is_not_final(clock):
    manila = Manila(
        clock, refused(403), True, takes=5.0, becomes={0.0: "extending", 50.0: "available"}
    )
    assert remove(clock, manila) is True


@pytest.mark.parametrize("nth", range(3))
def test_there_is_another_request_after_the_process_woke(nth):
    clock = Stopped(nth, 7200.0)
    manila = Manila(clock, refused(400), refused(400), True, takes=5.0)
    assert remove(clock, manila, timeout=60.0) is True


def test_an_accepted_request_is_not_the_end(clock):
    manila = Manila(clock, True, takes=30.0)
    assert remove(clock, manila) is True
    assert clock.now() >= 30.0
    assert len(manila.deletes) == 1


@pytest.mark.parametrize("status", [400, 409])
def test_what_is_busy_is_asked_for_again(clock, status):
    manila = Manila(clock, refused(status), refused(status), True, takes=5.0)
    assert remove(clock, manila) is True
    assert len(manila.deletes) == 3


def test_what_is_being_made_is_waited_for_before_the_next_request(clock):
    manila = Manila(
        clock, refused(400), True, becomes={0.0: "creating", 60.0: "available"}, takes=30.0
    )
    assert remove(clock, manila) is True
    assert len(manila.deletes) == 2
    assert manila.deletes[1] >= 60.0


def test_what_goes_while_we_are_refused_is_gone(clock):
    manila = Manila(clock, refused(409), becomes={0.0: "deleting", 10.0: None})
    assert remove(clock, manila) is True


def test_what_is_gone_at_the_second_request_was_there_at_the_first(clock):
    manila = Manila(clock, True, becomes={0.0: "available", 0.2: None})
    assert remove(clock, manila) is True


def test_a_deletion_that_manila_took_back_is_asked_for_again(clock):
    manila = Manila(clock, True, becomes={0.0: "deleting", 10.0: "error", 20.0: None})
    assert remove(clock, manila) is True
    assert len(manila.deletes) >= 2


@pytest.mark.parametrize("status", [401, 404, 405, 413, 422])
def test_another_refusal_is_final(clock, status):
    manila = Manila(clock, refused(status), True)
    with pytest.raises(ManilaRefused):
        remove(clock, manila)
    assert (len(manila.deletes), clock.now()) == (1, 0.0)


@pytest.mark.parametrize("status", sorted(statuses.DEFERRED))
def test_what_manila_removes_later_by_itself_is_gone_as_it_is_for_its_users(clock, status):
    """An administrator sees what they do not (is_deferred_deletion_enabled)."""
    seen = Manila(clock, becomes={0.0: status})
    assert remove(clock, seen) is False
    assert seen.deletes == []
    asked = Manila(clock, True, becomes={0.0: "available", 2.0: status})
    assert remove(clock, asked) is True
    assert asked.deletes


@pytest.mark.parametrize("status", sorted(statuses.SNAPSHOT_STUCK))
def test_what_only_an_administrator_can_end_is_told_with_the_command(clock, status):
    manila = Manila(clock, refused(400), becomes={0.0: status})
    with pytest.raises(NeedsAdministrator) as caught:
        remove(clock, manila)
    assert "openstack share snapshot delete --force snap-1" in str(caught.value)
    assert caught.value.status == status
    assert clock.now() < 60.0


def test_what_gets_stuck_on_the_way_is_told_too(clock):
    manila = Manila(clock, True, becomes={0.0: "deleting", 40.0: "error_deleting"})
    with pytest.raises(NeedsAdministrator):
        remove(clock, manila)


def test_transient_errors_are_retried(clock):
    busy = ManilaTransient("delete snapshot snap-1", "HTTP 503, busy")
    manila = Manila(clock, busy, busy, True, takes=60.0)
    assert remove(clock, manila) is True
    assert len(manila.deletes) == 3


def test_an_outage_has_an_end(clock):
    manila = Manila(clock, ManilaTransient("delete snapshot snap-1", "HTTP 503, busy"))
    with pytest.raises(ManilaUnavailable):
        remove(clock, manila, outage=30.0)
    assert clock.now() == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (True, "deleting"),
        (True, "levitating"),
        (True, "available"),
        (True, "error"),
        (refused(409), "available"),
        (refused(400), "creating"),
    ],
)
def test_what_stays_is_an_error_when_patience_ends(clock, answer, status):
    manila = Manila(clock, answer, becomes={0.0: status})
    with pytest.raises(DeadlineExceeded) as caught:
        remove(clock, manila, timeout=100.0)
    assert "the removal of snapshot snap-1" in caught.value.awaited
    assert caught.value.seconds <= 100.0
    assert 80.0 < clock.now() <= 100.0 + 1e-6


def test_the_error_says_why_manila_refused(clock):
    manila = Manila(clock, refused(409), becomes={0.0: "available"})
    with pytest.raises(DeadlineExceeded, match="HTTP 409, not now"):
        remove(clock, manila, timeout=10.0)


def test_the_error_tells_the_patience_that_there_was(clock):
    manila = Manila(
        clock, refused(400), becomes={0.0: "creating", 30.0: "available", 38.0: "creating"}
    )
    with pytest.raises(DeadlineExceeded) as caught:
        remove(clock, manila, timeout=100.0)
    assert caught.value.seconds == 100.0


def test_requests_become_rarer(clock):
    manila = Manila(clock, refused(409), becomes={0.0: "available"})
    with pytest.raises(DeadlineExceeded):
        remove(clock, manila, timeout=600.0)
    gaps = [later - sooner for sooner, later in itertools.pairwise(manila.deletes)]
    assert gaps[0] < 2.0
    assert max(gaps) > 9.0
    assert len(manila.deletes) < 100


def test_requests_become_rarer_however_often_is_looked(clock):
    manila = Manila(clock, refused(409), becomes={0.0: "available"})
    with pytest.raises(DeadlineExceeded):
        remove(clock, manila, timeout=60.0, longest=0.01)
    gaps = [round(later - sooner, 1) for sooner, later in itertools.pairwise(manila.deletes)]
    assert gaps == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0]


# -- looking --------------------------------------------------------------------------------------


class Shelf:
    """Things that can be shown one by one or listed."""

    def __init__(self, *there, unlisted=()):
        self.views = {thing: {"id": thing} for thing in (*there, *unlisted)}
        self.unlisted = set(unlisted)
        self.asked = []

    def one(self, thing):
        self.asked.append(thing)
        return self.views.get(thing)

    def listed(self):
        self.asked.append("list")
        return [view for thing, view in self.views.items() if thing not in self.unlisted]


@pytest.mark.parametrize("ids", [[], ["a"], ["a", "b"]])
def test_few_things_are_asked_for_one_by_one(ids):
    shelf = Shelf("a")
    views = lookup.look(ids, shelf.one, shelf.listed)
    assert views == {thing: {"id": "a"} if thing == "a" else None for thing in ids}
    assert shelf.asked == ids


def test_many_things_are_asked_for_with_one_list():
    shelf = Shelf("a", "b", "c", "d", "another")
    views = lookup.look({"a", "b", "c", "d"}, shelf.one, shelf.listed)
    assert views == {thing: {"id": thing} for thing in "abcd"}
    assert shelf.asked == ["list"]


def test_what_a_list_leaves_out_is_asked_for_before_it_counts_as_gone():
    shelf = Shelf("a", "b", unlisted=["c"])
    views = lookup.look(["a", "b", "c", "d"], shelf.one, shelf.listed)
    assert views == {"a": {"id": "a"}, "b": {"id": "b"}, "c": {"id": "c"}, "d": None}
    assert shelf.asked == ["list", "c", "d"]
