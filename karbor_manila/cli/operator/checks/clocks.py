# SPDX-License-Identifier: Apache-2.0
"""The check of clocks: this host's against those of Keystone, Manila, the database and others."""

import datetime
from collections.abc import Iterator

import sqlalchemy as sa
from karbor.db.sqlalchemy import api as karbor_db

from karbor_manila.cli import clock_reading
from karbor_manila.cli.clock_reading import ADVICE, DOUBTFUL, date_of, judged
from karbor_manila.cli.diagnosis import Check, Finding, doubtful
from karbor_manila.cli.errors import NotKnown
from karbor_manila.cli.operator.checks.facts import INTERFACES, HostFacts
from karbor_manila.manila.endpoint import base_of
from karbor_manila.recovery import lease

_OF_DATABASE = {
    "mysql": "SELECT utc_timestamp()",
    "postgresql": "SELECT timezone('utc', now())",
}


def clocks(facts: HostFacts) -> Iterator[Finding]:
    """Each clock that can be read without a login of the operating system."""
    for about, read in (
        ("Keystone", lambda: date_of(facts.session(), _keystone(facts))),
        ("Manila", lambda: date_of(facts.session(), base_of(facts.manila().endpoint))),
        ("the database", _of_database),
    ):
        try:
            found = clock_reading.compared(about, read, facts.clock.utcnow)
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
                yield judged(f"host {each.host}", -each.age, said)


def _keystone(facts: HostFacts) -> str:
    found = facts.session().get_endpoint(
        service_type="identity", interface=INTERFACES, skip_discovery=True
    )
    return str(found)


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
        ADVICE,
        clocks,
    ),
)
