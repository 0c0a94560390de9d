# SPDX-License-Identifier: Apache-2.0
"""Whatever fails, nothing of ours is left unaccounted for, nothing is stuck, and the user can read
why; what is transient is retried. The cases are in tests/faults/cases/."""

import re
from collections.abc import Iterator

import pytest

from sandbox.karbor.providers import OURS
from sandbox.stack import Stack
from tests.faults import driver_calls, plants
from tests.faults.calls import CALLS, ONCE, Calls
from tests.faults.case import Case
from tests.faults.cases import DRIVERS, table
from tests.faults.run import run
from tests.faults.site import Site
from tests.faults.world import World

TABLE = table()

# The client cannot tell a lost reply to a GET from a reset; `tox -e faults` has them all.
TABLE["transient"] = [case for case in TABLE["transient"] if ": lost on GET" not in case.name]


# Of the other drivers, what they ask for with a reply that is lost, and what their things do.
SAMPLE = {
    driver: [
        *(case for case in of["transient"] if re.search(": lost on (POST|DELETE)", case.name)),
        *of["backend"],
        *of["statuses"],
    ]
    for driver in DRIVERS
    if (of := table(driver=driver))
}


@pytest.fixture(scope="module")
def site(stack: Stack) -> Iterator[Site]:
    """The sandbox of all functional tests, for as long as the table is worked through."""
    site = Site(stack)
    yield site
    site.leave()


@pytest.fixture(scope="module")
def group_site(stack: Stack) -> Iterator[Site]:
    """As above, with shares that are kept by groups."""
    site = Site(stack, driver="group")
    yield site
    site.leave()


@pytest.fixture(scope="module")
def backup_site(stack: Stack) -> Iterator[Site]:
    """As above, with shares that are kept by backups."""
    site = Site(stack, driver="backup")
    yield site
    site.leave()


def cases_of(group: str) -> pytest.MarkDecorator:
    """Run a test once for each case of a group."""
    return pytest.mark.parametrize("case", TABLE[group], ids=lambda case: case.name)


def check(case: Case, site: Site) -> None:
    result = run(case, site)
    assert not result.broken, "\n".join(result.broken)


@cases_of("transient")
def test_a_transient_error_on_any_call_is_retried(site: Site, case: Case) -> None:
    check(case, site)


@cases_of("outages")
def test_an_outage_of_twenty_seconds_is_ridden_out(site: Site, case: Case) -> None:
    check(case, site)


@cases_of("permanent")
def test_a_refusal_is_final_told_and_leaves_nothing(site: Site, case: Case) -> None:
    check(case, site)


@cases_of("backend")
def test_a_failing_backend_is_told_and_leaves_nothing_unaccounted_for(
    site: Site, case: Case
) -> None:
    check(case, site)


@cases_of("statuses")
def test_things_that_are_not_as_they_should_be_are_waited_for_or_told(
    site: Site, case: Case
) -> None:
    check(case, site)


@cases_of("bank")
def test_a_failing_bank_loses_nothing(site: Site, case: Case) -> None:
    check(case, site)


@pytest.mark.parametrize("of", CALLS[OURS], ids=lambda of: of.name)
def test_the_table_has_every_call_of_an_operation(site: Site, of: Calls) -> None:
    compare(of, site)


def compare(of: Calls, site: Site) -> None:
    site.configure("patient")
    world = World(site, (of.operation,), shares=1)
    try:
        with plants.backend(*filter(None, [of.undone]), anything=True)(world):
            world.begin()
            world.finish()
        assert site.proxy.counts().keys() - ONCE.asked == of.asked
        world.delete(world.job)
    finally:
        world.sweep()


def sample_of(driver: str) -> pytest.MarkDecorator:
    """Run a test once for each case of a driver's sample."""
    return pytest.mark.parametrize("case", SAMPLE[driver], ids=lambda case: case.name)


@sample_of("group")
def test_groups_under_the_same_faults(group_site: Site, case: Case) -> None:
    check(case, group_site)


@sample_of("backup")
def test_backups_under_the_same_faults(backup_site: Site, case: Case) -> None:
    check(case, backup_site)


@pytest.mark.parametrize("of", driver_calls.CALLS["group"], ids=lambda of: of.name)
def test_the_table_has_every_call_of_groups(group_site: Site, of: Calls) -> None:
    compare(of, group_site)


@pytest.mark.parametrize("of", driver_calls.CALLS["backup"], ids=lambda of: of.name)
def test_the_table_has_every_call_of_backups(backup_site: Site, of: Calls) -> None:
    compare(of, backup_site)


# Last, because it needs a Karbor with other options: who runs the file alone restarts it once.
@cases_of("endless")
def test_what_never_ends_is_given_up_told_and_accounted_for(site: Site, case: Case) -> None:
    check(case, site)
