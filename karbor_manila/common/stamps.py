# SPDX-License-Identifier: Apache-2.0
"""Whether the time at which a checkpoint says that it was made can be.

A host whose clock was wrong makes checkpoints of a day that is still to come. Such a one is the
newest for ever: it would take the place of one that was made later in truth, and that one would go.
So what is stamped later than now stays and is counted for nothing, as what is held, until its time
has come. When it is the clock of who asks that is behind, nothing more goes either.
"""

import datetime

#: So far ahead may the clock of another host be: what it has just made counts as made now.
SLACK = datetime.timedelta(minutes=1)


def is_ahead(made: datetime.datetime, now: datetime.datetime) -> bool:
    """Whether a checkpoint is stamped later than now.

    :param made, now: with a time zone
    """
    return made - now > SLACK
