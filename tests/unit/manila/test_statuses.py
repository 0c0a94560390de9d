# SPDX-License-Identifier: Apache-2.0
"""The table of Manila's statuses: each has one meaning."""

import ast
import re
from pathlib import Path

import pytest

from karbor_manila.manila import statuses

PACKAGE = Path(statuses.__file__).parents[1]


def test_no_status_of_a_share_is_busy_and_final():
    assert not statuses.SHARE_BUSY & statuses.SHARE_FINAL
    assert statuses.AVAILABLE not in statuses.SHARE_BUSY | statuses.SHARE_FINAL


def test_what_is_going_becomes_available_no_more():
    assert statuses.SHARE_GOING < statuses.SHARE_FINAL
    assert statuses.SNAPSHOT_DELETING < statuses.SNAPSHOT_FINAL


@pytest.mark.parametrize("kind", ["SHARE", "SNAPSHOT"])
def test_what_manila_deletes_needs_no_administrator(kind):
    assert not getattr(statuses, f"{kind}_DELETABLE") & getattr(statuses, f"{kind}_STUCK")


def test_a_rule_in_force_is_granted():
    assert statuses.RULE_ACTIVE not in statuses.RULE_NOT_GRANTED


def test_nobody_else_spells_a_status_of_manilas():
    """Some are words of Karbor, too."""
    shared = {"error", "available", "deleting", "deleted", "active", "restoring"}
    words = {
        node.value
        for node in ast.walk(ast.parse((PACKAGE / "manila" / "statuses.py").read_text()))
        if isinstance(node, ast.Constant) and re.fullmatch("[a-z_]+", str(node.value))
    } - shared
    spelled = {
        (path.relative_to(PACKAGE).as_posix(), node.value)
        for room in ("manila", "drivers", "operations", "recovery", "service", "bank")
        for path in (PACKAGE / room).rglob("*.py")
        if path.name != "statuses.py" and "testing" not in path.parts  # its modules have names
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in words
    }
    assert spelled == set()
