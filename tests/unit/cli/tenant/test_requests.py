# SPDX-License-Identifier: Apache-2.0
"""How many requests a command sends to Karbor: on a large project each takes long."""

import itertools

import pytest

from tests.fakes.karbor import SHARE

PLANS, RUNS = 20, 5


@pytest.fixture
def project(karbor):
    """Twenty plans with five checkpoints each, made in turn, and a drill of the newest of each."""
    plans = [karbor.plan(f"p{number:02}", (SHARE, f"s{number}")) for number in range(PLANS)]
    for day, (number, plan) in itertools.product(range(RUNS), enumerate(plans)):
        made = f"2026-11-{15 + day}"
        newest = karbor.checkpoint(
            plan, created_at=made, started_at=f"{made}T{number:02}:00:00.000000"
        )
    for checkpoint in karbor.checkpoints[: PLANS - 1]:
        karbor.verification(checkpoint)
        karbor.log("verify", checkpoint["id"], "2026-11-19T23:00:00.000000", "success")
    return newest


@pytest.mark.parametrize(
    ("argv", "requests"),
    [
        # plans, providers, checkpoints, verifications, logs in place of 39 of one checkpoint, and
        # those of what failed
        (("status",), 6),
        # the plan's checkpoints, its logs; one page says which drills are other plans'
        (("status", "--plan", "p00"), 7),
        (("status", "--plan", "p00", "--plan", "p01", "--plan", "p02"), 8),
        # providers, checkpoint, logs, restores, verifications
        (("show", "{newest}"), 5),
        (("show", "{newest}", "--provider", "prov"), 4),
        # the same two, the order, and a look
        (("verify", "{newest}"), 4),
        (("restore", "{newest}"), 3),
        (("restore", "{newest}", "--dry-run"), 4),
        (("drill", "{newest}"), 4),
        # plans, and of each plan its newest checkpoints, the order, and a look
        (("drill", "--newest", "--parallel", "20"), 61),
        (("drill", "--newest", "--parallel", "20", "--max-age", "24"), 81),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_command_on_a_project_of_twenty_plans_sends_so_many_requests(
    project, karbor, run, argv, requests
):
    code, _out, err = run(*(word.format(newest=project["id"]) for word in argv))
    assert code in (0, 3), err
    assert len(karbor.calls) == requests, karbor.calls


def test_what_is_shown_is_the_same_with_few_requests_and_with_many(project, karbor, rows):
    (_, together), alone = rows("status"), []
    for number in range(PLANS):
        alone += rows("status", "--plan", f"p{number:02}")[1]
    assert alone == together
    assert together[3]["Made At"] == "2026-11-19T03:00:00+00:00"
    assert together[3]["Drilled At"] == "2026-11-19T23:00:00+00:00"


def test_logs_are_not_read_back_for_years(project, karbor, rows):
    """Where thousands of newer logs would have to be read, each checkpoint is asked for its own."""
    for number in range(2000):
        karbor.log("protect", f"gone-{number}", "2026-11-20T01:00:00.000000", "available")
    karbor.calls.clear()
    _, shown = rows("status")
    assert {row["Made At"][:10] for row in shown} == {"2026-11-19"}
    assert sum("operation_logs" in call for call in karbor.calls) <= 3 + PLANS


def test_a_log_beyond_the_first_page_is_found(project, karbor, rows):
    for number in range(250):
        karbor.log("delete", f"gone-{number}", "2026-11-20T01:00:00.000000", "deleted")
    karbor.calls.clear()
    _, shown = rows("status")
    assert {row["Made At"][:10] for row in shown} == {"2026-11-19"}
    assert sum("operation_logs" in call for call in karbor.calls) == 3


def test_what_another_plan_has_at_the_provider_is_not_counted(project, karbor, rows):
    gone = karbor.plan("gone", (SHARE, "s1"))
    karbor.checkpoint(gone, status="error")
    karbor.plans.remove(gone)
    assert all(row["In Error"] == [] for row in rows("status")[1])
