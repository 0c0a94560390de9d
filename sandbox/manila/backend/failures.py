# SPDX-License-Identifier: Apache-2.0
"""Backups that failed when they began, for the looks that Manila takes afterwards.

Manila's own note of it does not get through, neither that of the share service nor that of the
data service: ``create_backup`` of share/manager.py and data/manager.py give the exception itself
to the database as the ``fail_reason``, and SQLite says "type 'ShareBackendException' is not
supported". So the backup is ``creating`` until a look at its progress fails.
"""

import functools
import inspect
from collections.abc import Callable


def remembered(method: Callable) -> Callable:
    """Add the id of the backup to ``failed`` when the method raises."""
    place = inspect.getfullargspec(inspect.unwrap(method)).args.index("backup")

    @functools.wraps(method)
    def called(self, *args, **kwargs):
        try:
            return method(self, *args, **kwargs)
        except Exception:  # whatever it is: it is told again
            self.failed.add(args[place - 1]["id"])
            raise

    return called
