# SPDX-License-Identifier: Apache-2.0
"""Compares what Manila has under a bank's marks with what the checkpoints in that bank account for.

Nothing is removed on the word of a bank that is absent, empty, unreadable, another one or older
than Karbor's database, nor on a mark whose project or record disagrees (tenants can forge marks),
nor when it is young. Nothing is called lost on the word of a Manila that shows nothing of what the
records name. Shares are never judged here: a restored share bears a mark for ever and is the
user's.

:mod:`.bank_side` and :mod:`.manila_side` look, :mod:`.judge` judges, :mod:`.act` finds and mends.
"""

from karbor_manila.recovery.audit.act import Audit
from karbor_manila.recovery.audit.finding import LOST, ORPHAN, Action, Finding, Outcome

__all__ = ["LOST", "ORPHAN", "Action", "Audit", "Finding", "Outcome"]
