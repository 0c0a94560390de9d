# SPDX-License-Identifier: Apache-2.0
"""Whatever fails, nothing of ours is left unaccounted for, nothing is stuck, and the user can read
why; what passes is ridden out. The cases are in tests/faults/cases.py."""

from collections.abc import Callable, Iterator

import pytest

from sandbox.karbor.providers import OURS
from sandbox.stack import Stack
from tests.faults import plants
from tests.faults.calls import CALLS, ONCE, Calls
from tests.faults.case import OPTIONS, Case
from tests.faults.cases import table
from tests.faults.run import run
from tests.faults.site import Site
from tests.faults.world import World

TABLE = table()


@pytest.fixture(scope="module", params=OPTIONS)
def site(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Site]:
    """The sandbox of all functional tests, with the options that a case asks for."""
    with Site(stack).configured(request.param) as site:
        yield site


def cases_of(*groups: str) -> Callable[[Callable[..., None]], pytest.MarkDecorator]:
    """Run a test once for each case of these groups, those with the same options together."""
    cases = [case for group in groups for case in TABLE[group]]
    return pytest.mark.parametrize(
        ("site", "case"),
        [pytest.param(case.options, case, id=case.name) for case in cases],
        indirect=["site"],
    )


def check(case: Case, site: Site) -> None:
    result = run(case, site)
    assert not result.broken, "\n".join(result.broken)


@cases_of("passing")
def test_a_passing_error_on_any_call_is_ridden_out(site: Site, case: Case) -> None:
    check(case, site)


@cases_of("outages")
def test_an_outage_of_twenty_seconds_is_ridden_out(site: Site, case: Case) -> None:
    check(case, site)


@cases_of("final")
def test_a_refusal_is_final_told_and_leaves_nothing(site: Site, case: Case) -> None:
    check(case, site)


@cases_of("backend")
def test_a_failing_backend_is_told_and_leaves_nothing_unaccounted_for(
    site: Site, case: Case
) -> None:
    check(case, site)


@cases_of("endless")
def test_what_never_ends_is_given_up_told_and_accounted_for(site: Site, case: Case) -> None:
    check(case, site)


@cases_of("statuses")
def test_things_that_are_not_as_they_should_be_are_waited_for_or_told(
    site: Site, case: Case
) -> None:
    check(case, site)


@cases_of("bank")
def test_a_failing_bank_loses_nothing(site: Site, case: Case) -> None:
    check(case, site)


@pytest.mark.parametrize("site", ["patient"], indirect=True)
@pytest.mark.parametrize("of", CALLS[OURS], ids=lambda of: of.name)
def test_the_table_has_every_call_of_an_operation(site: Site, of: Calls) -> None:
    world = World(site, (of.operation,), shares=1)
    try:
        with plants.backend(*filter(None, [of.undone]))(world):
            world.begin()
            world.finish()
        assert site.proxy.counts().keys() - ONCE.asked == of.asked
        world.delete(world.job)
    finally:
        world.sweep()
