# SPDX-License-Identifier: Apache-2.0
"""The metrics of ``karbor-manila exporter``: their names, what they mean, and their labels.

A plan is named by its project, its id and its name; there are no more of them than are asked for
(``--plans``). All other labels are words of ours. Nothing is named by the id of a checkpoint or a
share.
"""

from karbor_manila.cli.views import runs
from karbor_manila.common.metric import COUNTER, GAUGE, Metric

_PLAN = ("project_id", "plan_id", "plan")
_SINCE_1970 = "in seconds since 1970"

#: How the last run of a plan ended, and that it has had none.
LAST_STATUSES = (runs.GOOD, runs.PARTIAL, runs.FAILED, runs.MISSED, runs.RUNNING, "none")
RUN_STATES = (runs.RUNNING, runs.GOOD, runs.PARTIAL, runs.FAILED, runs.MISSED)
SHARE_STATES = ("protected", "too_old", "not_protected", "left_out")
#: What an audit finds, always there.
FINDINGS = ("orphan", "lost")

PLAN_GOOD = Metric(
    "plan_has_good_checkpoint",
    GAUGE,
    "Whether a plan has a good checkpoint: a whole one that is no copy",
    _PLAN,
)
PLAN_NEWEST = Metric(
    "plan_newest_good_timestamp_seconds",
    GAUGE,
    f"When the newest good checkpoint of a plan was begun, {_SINCE_1970}; none without one. Where "
    "Karbor tells only the day, it is the beginning of that day",
    _PLAN,
)
PLAN_INTERVAL = Metric(
    "plan_expected_interval_seconds",
    GAUGE,
    "The longest time between two runs of the schedules of a plan; none without a schedule",
    _PLAN,
)
PLAN_OLDEST = Metric(
    "plan_promised_age_seconds",
    GAUGE,
    "How old the newest good checkpoint of a plan may get: --max-age, or else the interval with "
    "time for the run; none when nothing is promised",
    _PLAN,
)
PLAN_NEXT = Metric(
    "plan_next_run_timestamp_seconds",
    GAUGE,
    f"When a schedule of a plan runs next, {_SINCE_1970}; none without a schedule",
    _PLAN,
)
PLAN_STATUS = Metric(
    "plan_last_status",
    GAUGE,
    "1 for how the last run of a plan ended: good, partial (shares are missing in it), failed, "
    "missed (a schedule made no checkpoint), running or none; 0 for the others",
    (*_PLAN, "status"),
)
PLAN_NOT_WELL = Metric(
    "plan_problems", GAUGE, "How many things karbor-manila status says of a plan", _PLAN
)
PLAN_SHARES = Metric(
    "plan_shares",
    GAUGE,
    "How many shares a plan names, or the newest good checkpoint of a whole project holds",
    _PLAN,
)
PLAN_FAILED = Metric("plan_failed_checkpoints", GAUGE, "Checkpoints of a plan in error", _PLAN)
PLAN_STUCK = Metric(
    "plan_stuck_checkpoints",
    GAUGE,
    "Checkpoints of a plan that are worked on for longer than --stuck-after",
    _PLAN,
)
PLAN_HELD = Metric("plan_held_checkpoints", GAUGE, "Checkpoints of a plan that are held", _PLAN)
PLAN_DRILLED = Metric(
    "plan_last_drill_timestamp_seconds",
    GAUGE,
    f"When the last drill of a plan began, {_SINCE_1970}; none without one, or where Karbor does "
    "not tell",
    _PLAN,
)
PLAN_DRILL_GOOD = Metric(
    "plan_last_drill_good",
    GAUGE,
    "Whether the last drill of a plan was good; none without one, or while it goes on",
    _PLAN,
)

PLANS = Metric("plans", GAUGE, "All plans, shown and not shown")
PLANS_NOT_SHOWN = Metric(
    "plans_not_shown", GAUGE, "Plans without metrics of their own: the best ones, beyond --plans"
)
SHARES = Metric(
    "shares",
    GAUGE,
    "Shares of plans, by how they stand: protected, too_old, not_protected or left_out (by their "
    "owner). A share that is in no plan is not known here",
    ("state",),
)
DRILLED = Metric("drilled_shares", GAUGE, "Shares with a good drill within --drill-days")
DRILLS_OVERDUE = Metric(
    "drills_overdue_shares", GAUGE, "Shares that have a checkpoint, and no such drill"
)
DRILLS_FAILED = Metric("drills_failed_shares", GAUGE, "Those of them whose last drill failed")
DRILL_MEDIAN = Metric(
    "drill_duration_median_seconds", GAUGE, "How long these drills took, the median; none without"
)
DRILL_WORST = Metric(
    "drill_duration_worst_seconds", GAUGE, "How long the longest of them took; none without"
)
RUNS = Metric(
    "recent_runs",
    GAUGE,
    "Runs of the last --days by operation and result, as Karbor's operation logs have them",
    ("operation", "result"),
)
RUNNING_SINCE = Metric(
    "oldest_running_timestamp_seconds",
    GAUGE,
    f"When the oldest run that goes on was begun, {_SINCE_1970}; none without one",
    ("operation",),
)
STUCK = Metric("stuck_runs", GAUGE, "Runs that go on for longer than --stuck-after", ("operation",))
GOING = Metric(
    "retention_next_removals", GAUGE, "Checkpoints that go when each retention has run once more"
)
AUDITED = Metric(
    "audit_open_findings",
    GAUGE,
    "Orphans, and snapshots that are lost, in what karbor-manila audit printed into --audit; none "
    "without such a file",
    ("finding",),
)
AUDITED_AT = Metric("audit_timestamp_seconds", GAUGE, f"When that file was written, {_SINCE_1970}")

DATA_AT = Metric(
    "exporter_data_timestamp_seconds",
    GAUGE,
    f"When what is shown was asked for, {_SINCE_1970}; none before the first time. It gets old "
    "while Karbor does not answer",
)
LOOK_GOOD = Metric(
    "exporter_last_look_good", GAUGE, "Whether the last look at Karbor brought all that there is"
)
LOOKS = Metric(
    "exporter_looks", COUNTER, "Looks at Karbor, by their result: good, partial or failed",
    ("result",),
)  # fmt: skip
LOOK_SECONDS = Metric("exporter_last_look_seconds", GAUGE, "How long the last look took")

#: All of them, as they are shown.
CATALOGUE = (
    PLAN_GOOD, PLAN_NEWEST, PLAN_INTERVAL, PLAN_OLDEST, PLAN_NEXT, PLAN_STATUS, PLAN_NOT_WELL,
    PLAN_SHARES, PLAN_FAILED, PLAN_STUCK, PLAN_HELD, PLAN_DRILLED, PLAN_DRILL_GOOD, PLANS,
    PLANS_NOT_SHOWN, SHARES, DRILLED, DRILLS_OVERDUE, DRILLS_FAILED, DRILL_MEDIAN, DRILL_WORST,
    RUNS, RUNNING_SINCE, STUCK, GOING, AUDITED, AUDITED_AT, DATA_AT, LOOK_GOOD, LOOKS,
    LOOK_SECONDS,
)  # fmt: skip
