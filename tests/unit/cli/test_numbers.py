# SPDX-License-Identifier: Apache-2.0
"""Numbers on the command line: what cannot be meant is refused before anything is asked for."""

import argparse
from importlib.metadata import entry_points

import pytest

from karbor_manila.cli import numbers
from karbor_manila.cli.app import NAMESPACE

NONE = ["nan", "inf", "-inf", "-1", "1e300", "9" * 5000, "soon", ""]


@pytest.mark.parametrize("text", NONE)
@pytest.mark.parametrize("kind", [numbers.fraction(), numbers.whole()])
def test_what_is_no_number_or_out_of_bounds_is_refused(kind, text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no (whole )?number from 0 to 10+$"):
        kind(text)


def test_a_number_within_its_bounds_is_taken():
    assert numbers.fraction()("2.5") == 2.5
    assert numbers.fraction()("0") == 0
    assert numbers.whole(1, 366)("366") == 366


def test_a_bound_may_be_left_out():
    with pytest.raises(argparse.ArgumentTypeError, match="'0' is no number above 0 up to 10+$"):
        numbers.fraction(above=True)("0")


@pytest.mark.parametrize("entry", entry_points(group=NAMESPACE), ids=lambda entry: entry.name)
def test_no_command_reads_a_number_without_bounds(entry, monkeypatch):
    taken = {}
    plain = argparse._ActionsContainer.add_argument

    def noted(self, *names, **given):
        taken[names[0]] = given.get("type")
        return plain(self, *names, **given)

    monkeypatch.setattr("karbor_manila.cli.tenant.base.sys.argv", ["karbor-manila", "--help"])
    monkeypatch.setattr(argparse._ActionsContainer, "add_argument", noted)
    entry.load()(argparse.Namespace(argv=["--help"]), None).get_parser("karbor-manila")
    taken.pop("--max-width", None)  # cliff's own, of a table
    assert [name for name, kind in taken.items() if kind in (int, float)] == []
