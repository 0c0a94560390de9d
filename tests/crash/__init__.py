# SPDX-License-Identifier: Apache-2.0
"""``kill -9`` of the real Karbor around every call to Manila and every write to the bank.

The promise: whatever fails, and whenever the process dies, no snapshot or share of ours is left
that the checkpoint does not account for, no checkpoint is stuck, and the user can read why.

======================= =========================================================================
``points``              what a point is, and how points are found in a recording
``pages``               what the bank says, read beside Karbor
``world``               the sandbox with its tenant, and the shares of one scenario
``operations``          what can be killed: how it begins, and what a user does afterwards
``scenario``            record an operation; kill one, start Karbor again, judge
``promise``             what is broken, told in findings
``report``              the table and the figures
======================= =========================================================================
"""
