# SPDX-License-Identifier: Apache-2.0
"""The one vocabulary of faults: every harness names them by these words and maps them to its means.
Stdlib only.

| word | the proxy | mortal_bank | the fakes, tests/unit/{banks,points}.py | tests/walk |
|---|---|---|---|---|
| ``kill`` | SIGKILL | SIGKILL | ``Died`` | ``Died`` |
| ``pause`` | SIGSTOP | SIGSTOP | | another process takes over |
| ``delay`` | waits | waits | | |
| ``outage`` | refuses connections | | every call fails for a time | every call fails for a time |
| ``transient`` | 5xx, 429, a broken connection | | ``ManilaTransient`` | the same, and the bank's |
| ``refused`` | 4xx | | ``ManilaRefused`` | ``ManilaRefused`` |
| ``late`` | a pause ``before`` with seconds | | | carried out later, no answer |
| ``strange`` | | | | an error of nobody's with a secret |
| ``failing`` | the backend's faults (``knobs``) | | ``Cloud.failing`` | ``Cloud.failing`` |

A fault has a place, acts on the nth call from 1 on, ``times`` often, and on one side of the call:
``before`` it nothing was done, ``after`` it everything was and the caller does not hear of it (a
lost reply is a transient fault after the call).
"""

MANILA = "manila"
BANK = "bank"
DATABASE = "database"
PLACES = (MANILA, BANK, DATABASE)

BEFORE = "before"
AFTER = "after"
SIDES = (BEFORE, AFTER)

KILL = "kill"
PAUSE = "pause"
DELAY = "delay"
OUTAGE = "outage"
TRANSIENT = "transient"
REFUSED = "refused"
LATE = "late"
#: The sender dies as well.
LATE_KILL = "late kill"
STRANGE = "strange"
FAILING = "failing"
KINDS = (KILL, PAUSE, DELAY, OUTAGE, TRANSIENT, REFUSED, LATE, LATE_KILL, STRANGE, FAILING)
