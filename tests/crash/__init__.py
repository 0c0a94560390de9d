# SPDX-License-Identifier: Apache-2.0
"""``kill -9`` of the real Karbor around every call to Manila and every write to the bank; or
SIGSTOP, a takeover and SIGCONT; or a second actor in the middle of it.

The promise: whatever fails, and whenever the process dies, no snapshot or share of ours is left
that the checkpoint does not account for, no checkpoint is stuck, and the user can read why. What
was told stays true, whoever wakes up and whoever else acts.

======================= =========================================================================
``points``              what a point is, and how points are found in a recording
``pages``               what the bank says, read beside Karbor
``ways``                for each driver: shares that it can keep, and what keeps them in Manila
``world``               the sandbox with its tenant, and the shares of one scenario
``operations``          what can be killed: how it begins, and what a user does afterwards
``more_operations``     copies, drills, restores in place, into others, of one and of a group
``browsing``            access to a snapshot: given, taken back, over, deleted
``scenario``            record an operation; kill one, start Karbor again, judge
``pauses``              stop one, let another Karbor take over, let it wake up, judge
``actors``, ``second``  hold one up while somebody else acts through another Karbor, judge
``user``                what a user does when a process seems to have died
``told``                what was told, and whether it is still so
``promise``             what is broken, told in findings
``report``              the table and the figures
======================= =========================================================================
"""
