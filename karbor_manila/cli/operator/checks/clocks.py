# SPDX-License-Identifier: Apache-2.0
"""The check of clocks: this host's against those of Keystone, Manila, the database and others."""

import datetime
import email.utils
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from karbor.db.sqlalchemy import api as karbor_db

from karbor_manila.cli.diagnosis import Check, Finding, bad, doubtful, good
from karbor_manila.cli.errors import NotKnown
from karbor_manila.cli.operator.checks.facts import INTERFACES, HostFacts
from karbor_manila.manila.endpoint import base_of
from karbor_manila.recovery import lease

#: Seconds of difference from which it is doubtful, and bad.
DOUBTFUL, BAD = 5.0, 60.0

_TODO = "Have both hosts ask the same time server (chrony, ntpd)."
_OF_DATABASE = {
    "mysql": "SELECT utc_timestamp()",
    "postgresql": "SELECT timezone('utc', now())",
}


def clocks(facts: HostFacts) -> Iterator[Finding]:
    """Each clock that can be read without a login of the operating system."""
    for about, read in (
        ("Keystone", lambda: _date(facts.session(), _keystone(facts))),
        ("Manila", lambda: _date(facts.session(), base_of(facts.manila().endpoint))),
        ("the database", _of_database),
    ):
        try:
            found = compared(about, read, facts.clock.utcnow)
        except NotKnown as error:
            found = doubtful(about, str(error), "Mend what is bad above, and look again.")
        except Exception as error:  # noqa: BLE001 - one that is away has a check of its own
            found = doubtful(about, f"Its clock is not known: {error}", "Look at its own check.")
        if found:
            yield found
    for provider in facts.ours():
        for each in lease.every(provider.bank):
            if -each.age > DOUBTFUL and not each.ended:
                said = f"Its clock is ahead of this host's by {-each.age:.0f} s"
                yield _sorted(f"host {each.host}", -each.age, said)


def compared(
    about: str,
    read: Callable[[], datetime.datetime | None],
    now: Callable[[], datetime.datetime],
) -> Finding | None:
    """What is to be said of a clock; None when there is none.

    :param read: gives its time (UTC), some time after it was asked
    :param now: gives ours
    """
    before = now()
    theirs = read()
    after = now()
    if theirs is None:
        return None
    # The answer may be of any moment meanwhile, and a Date has whole seconds.
    early = (before - theirs).total_seconds() - 1.0
    late = (theirs - after).total_seconds()
    difference = max(early, late, 0.0)
    where = "behind" if early > late else "ahead of"
    said = f"Its clock is {where} this host's by {difference:.0f} s"
    if difference < DOUBTFUL:
        return good(about, "Its clock agrees with this host's")
    return _sorted(about, difference, said)


def _sorted(about: str, difference: float, said: str) -> Finding:
    return (bad if difference >= BAD else doubtful)(about, said, _TODO)


def _keystone(facts: HostFacts) -> str:
    found = facts.session().get_endpoint(
        service_type="identity", interface=INTERFACES, skip_discovery=True
    )
    return str(found)


def _date(session: Any, url: str) -> datetime.datetime | None:
    """The header Date of an answer, whatever it answers."""
    answer = session.get(url, authenticated=False, raise_exc=False)
    text = answer.headers.get("Date")
    return email.utils.parsedate_to_datetime(text) if text else None


def _of_database() -> datetime.datetime | None:
    """None when the database is a file on this host."""
    engine = karbor_db.get_engine()
    query = _OF_DATABASE.get(engine.dialect.name)
    if query is None:
        return None
    with engine.connect() as connection:
        found: datetime.datetime = connection.execute(sa.text(query)).scalar()
    return found.replace(tzinfo=datetime.UTC)


CHECKS = (
    Check(
        "clocks",
        "This host's clock against those of Keystone, Manila, the database, and of the hosts whose "
        "leases are in the bank.",
        "Bad: 60 seconds of difference or more: tokens seem to be expired, schedules run late. "
        "Doubtful: 5 seconds or more, or a clock that could not be read.",
        _TODO,
        clocks,
    ),
)
