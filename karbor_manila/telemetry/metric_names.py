# SPDX-License-Identifier: Apache-2.0
"""The metrics of a karbor-protection: their names, what they mean, and the words of their labels.

Every label has few values: words of ours, the providers and the listeners of karbor.conf; never an
id of a checkpoint, a share or a project.
"""

from karbor_manila.common.metric import COUNTER, GAUGE, HISTOGRAM, Metric
from karbor_manila.telemetry.events import BrowseEvent, ShareEvent

#: What is counted although we have no word for it.
OTHER = "other"

OPERATIONS = (*ShareEvent.OPERATIONS, *BrowseEvent.OPERATIONS)
FLOWS = ("protect", "restore", "verify", "copy", "delete")
#: What may be unfinished, or claimed: flows, and what karbor_manila.recovery.claim_table names.
WORK = (
    *FLOWS, "revert", "browse", "drill", "hold", "reconcile", "reset_state", "audit", "hooks",
    "periodic_hooks",
)  # fmt: skip
FINDINGS = ("orphan", "lost")

OPERATIONS_TOTAL = Metric(
    "operations",
    COUNTER,
    "Operations on single shares, by what became of them: begun, done, failed, followed (failed, "
    "and the reconciliation goes on with it) or left_out (the others went on)",
    ("operation", "result"),
)
OPERATION_SECONDS = Metric(
    "operation_duration_seconds",
    HISTOGRAM,
    "How long operations on single shares took, in buckets of 1 to 1440 minutes",
    ("operation",),
)
FLOWS_TOTAL = Metric(
    "flows",
    COUNTER,
    "Karbor's flows over all shares of a checkpoint, by what became of them, as above",
    ("flow", "result"),
)
FLOW_SECONDS = Metric(
    "flow_duration_seconds",
    HISTOGRAM,
    "How long Karbor's flows took, in buckets of 1 to 1440 minutes",
    ("flow",),
)
RECONCILED_TOTAL = Metric(
    "reconciled",
    COUNTER,
    "What dead processes had left, by what it was and what became of it: done (settled) or failed "
    "(tried again later)",
    ("item", "result"),
)
FINDINGS_TOTAL = Metric(
    "audit_findings",
    COUNTER,
    "What does not agree between the bank and Manila, as this process noticed it: begun (found), "
    "done (mended, or said in the checkpoint) or failed (left)",
    ("finding", "result"),
)
EVENTS_DELIVERED = Metric(
    "events_delivered", COUNTER, "Events that a listener has taken", ("listener",)
)
EVENTS_DROPPED = Metric(
    "events_dropped",
    COUNTER,
    "Events that did not fit into the queue of a listener, or were left in it at the end",
    ("listener",),
)
EVENTS_FAILED = Metric(
    "events_failed", COUNTER, "Events for which a listener raised an error", ("listener",)
)
EVENTS_WAITING = Metric(
    "events_waiting", GAUGE, "Events in the queue of a listener now", ("listener",)
)
CLAIMS = Metric("claims", GAUGE, "What this process has claimed now, by operation", ("operation",))
OLDEST_CLAIM = Metric(
    "oldest_claim_timestamp_seconds",
    GAUGE,
    "When the oldest of these claims was taken, in seconds since 1970; none without a claim",
    ("operation",),
)
LEASE_FRESH = Metric(
    "lease_fresh",
    GAUGE,
    "Whether the lease of this process in the bank of a provider is fresh: without, nothing is "
    "created, deleted or committed for it",
    ("provider_id",),
)
LEASE_AGE = Metric(
    "lease_age_seconds",
    GAUGE,
    "Seconds since the lease was renewed; none before the first time",
    ("provider_id",),
)
LEASE_LAPSES = Metric(
    "lease_lapses",
    COUNTER,
    "How often the lease had run out before it was renewed: others may have taken work over",
    ("provider_id",),
)

#: All of them, as they are shown.
CATALOGUE = (
    OPERATIONS_TOTAL, OPERATION_SECONDS, FLOWS_TOTAL, FLOW_SECONDS, RECONCILED_TOTAL,
    FINDINGS_TOTAL, EVENTS_DELIVERED, EVENTS_DROPPED, EVENTS_FAILED, EVENTS_WAITING, CLAIMS,
    OLDEST_CLAIM, LEASE_FRESH, LEASE_AGE, LEASE_LAPSES,
)  # fmt: skip
