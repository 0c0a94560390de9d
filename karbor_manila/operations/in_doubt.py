# SPDX-License-Identifier: Apache-2.0
"""In-doubt requests, which may take effect after their sender has died or given up.

A POST whose reply was lost may still wait in a load balancer or in Manila's API. Whoever finds
nothing under its mark right after it was sent has not yet found that there is nothing.
"""

import datetime
from collections.abc import Callable
from typing import TypeVar

from karbor_manila.bank.record import Intent
from karbor_manila.common.polling import poll
from karbor_manila.manila.errors import ManilaUnavailable
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.views import View
from karbor_manila.operations.share_job import ShareJob

T = TypeVar("T")

_BETWEEN_LOOKS = 1.0  # seconds

# Seconds by which the clocks of two hosts may differ: who looks is not always who has sent.
_CLOCKS = 300.0


def is_unclear(error: Exception) -> bool:
    """Whether a failed request is in doubt: there was no answer to it, or to an earlier one that it
    repeated."""
    return isinstance(error, ManilaUnavailable) or getattr(error, "in_doubt", False)


def intent_kept(intent: Intent, kept_id: str) -> Kept:
    """What keeps a share, as far as its intent tells."""
    return Kept(intent.driver, kept_id, intent.clone_id or intent.mark.resource)


def find(job: ShareJob, intent: Intent, *, since: str | None = None) -> Kept | None:
    """What keeps a share under the mark of an intent, in the project in which it was to be made;
    waits while it may still appear.

    :param since: when the request was last sent, UTC, ISO 8601; by default when the intent was
        written
    :returns: a usable one if there is one
    """
    return _first(job, intent, since, job.driver(intent.driver).find)


def find_share(job: ShareJob, intent: Intent, *, since: str | None = None) -> View | None:
    """As :func:`find`, of a share that a restore or a copy makes."""
    return _first(job, intent, since, job.flow.shares.find)


def _first(
    job: ShareJob, intent: Intent, since: str | None, look: Callable[..., list[T]]
) -> T | None:
    found = settled(
        job,
        since or intent.since,
        lambda: look(intent.mark, project_id=intent.project_id),
        seen=bool,
    )
    return found[0] if found else None


def settled(job: ShareJob, sent: str, look: Callable[[], T], seen: Callable[[T], bool]) -> T:
    """Look until something of a request in doubt is seen, or it would have been.

    What another process has written says roughly when that was: by its own clock, and a request
    that Manila does not answer is sent again for ``outage_timeout`` after its intent was written.
    So what is not certainly older is looked for as if it had been sent just now.

    :param sent: when the request was last sent, UTC, ISO 8601
    :returns: what the last look gave
    """
    clock, settings = job.flow.clock, job.flow.settings
    settles = settings.request_settle_time
    age = (clock.utcnow() - datetime.datetime.fromisoformat(sent)).total_seconds()
    left = settles if age < settings.outage_timeout + settles + _CLOCKS else 0.0
    return poll(
        look, seen, timeout=left, clock=clock, shortest=_BETWEEN_LOOKS, longest=_BETWEEN_LOOKS
    )
