# SPDX-License-Identifier: Apache-2.0
"""Asks Karbor (and Manila for its list of shares) once for all that the views are made from."""

import datetime
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.api import Karbor
from karbor_manila.cli.views.listed import Listed
from karbor_manila.common.errors import KarborManilaError

#: So many operation logs are read at most: a hundred pages.
MOST_LOGS = 20_000
# They are listed by when they were written, and that of a run which was missed is written later
# (karbor_manila/service/missed_runs.py).
_LATE = datetime.timedelta(days=1)

#: So many restores and verifications are read at most.
MOST_RECORDS = 5_000


_NEVER = datetime.datetime.max.replace(tzinfo=datetime.UTC)


class _Trouble:
    """What could not be listed is said, and the rest is shown."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def list(self, asked: Callable[[], Iterable[Any]]) -> list[Any]:
        """What this gives, as far as it is given."""
        found: list[Any] = []
        try:
            found.extend(asked())  # what came before an error is kept
        except KarborManilaError as error:
            self.said.append(str(error))
        return found


def gather(
    karbor: Karbor,
    now: datetime.datetime,
    *,
    days: int = 30,
    shares: Callable[[], list[dict[str, Any]]] | None = None,
    all_projects: bool = False,
) -> Listed:
    """Everything that Karbor lists of the project, or of all of them.

    :param karbor: of the project; of all projects when it was made so
    :param days: so far back operation logs are read
    :param shares: lists Manila's shares; None to do without
    :raises KarborManilaError: the plans or providers cannot be listed; of what else cannot, the
        result says so
    """
    trouble = _Trouble()
    since = now - datetime.timedelta(days=days)
    plans, providers = karbor.plans(), karbor.providers()
    checkpoints: list[dict[str, Any]] = []
    for provider in providers:
        provider_id = provider["id"]
        for item in trouble.list(functools.partial(karbor.checkpoints, provider_id)):
            checkpoints.append({**item, "provider_id": provider_id})
    logs, since = _logs(karbor, since, trouble)
    found = None
    if shares is not None:
        before = len(trouble.said)
        listed = trouble.list(shares)
        found = listed if len(trouble.said) == before else None
    return Listed(
        at=now,
        plans=plans,
        providers=providers,
        checkpoints=checkpoints,
        logs=logs,
        restores=_most(karbor.restores, trouble),
        verifications=_most(karbor.verifications, trouble),
        schedules=trouble.list(karbor.schedules),
        triggers=trouble.list(karbor.triggers),
        shares=found,
        since=since,
        all_projects=all_projects,
        not_listed=tuple(trouble.said),
    )


def _logs(
    karbor: Karbor, since: datetime.datetime, trouble: _Trouble
) -> tuple[list[dict[str, Any]], datetime.datetime]:
    """The logs since then, and since when they are known to be all."""
    back_to = since

    def read() -> Iterator[dict[str, Any]]:
        nonlocal back_to
        for number, log in enumerate(karbor.logs()):
            began = reading.moment(log.get("started_at"))
            if number == MOST_LOGS:
                back_to = began or since
                trouble.said.append(
                    f"There are more operation logs than {MOST_LOGS}: those before "
                    f"{back_to:%Y-%m-%d %H:%M} UTC are not read."
                )
                return
            yield log
            if began and began < since - _LATE:
                return

    before = len(trouble.said)
    found = trouble.list(read)
    if len(trouble.said) > before and len(found) < MOST_LOGS:  # they were refused on the way
        begun = [began for log in found if (began := reading.moment(log.get("started_at")))]
        back_to = min(begun, default=_NEVER)
    return found, back_to


def _most(asked: Callable[[], Iterator[Any]], trouble: _Trouble) -> list[Any]:
    return trouble.list(lambda: itertools.islice(asked(), MOST_RECORDS))
