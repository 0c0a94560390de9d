# SPDX-License-Identifier: Apache-2.0
"""The page of the doctors has their checks as the code has them, and each check says what to do."""

import importlib.util

import pytest

from karbor_manila.cli.operator.checks.catalogue import CHECKS as OPERATOR
from karbor_manila.cli.tenant.checks import CHECKS as TENANT
from tests.unit.tree.documents import ROOT


def test_what_is_looked_at_is_written_by_the_code() -> None:
    path = ROOT / "tools" / "doctor_checks.py"
    spec = importlib.util.spec_from_file_location("doctor_checks", path)
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = tool.PAGE.read_text(encoding="utf-8")
    assert text == tool.written(text), "run python3 tools/doctor_checks.py"


@pytest.mark.parametrize("checks", [OPERATOR, TENANT], ids=["operator", "tenant"])
def test_each_check_has_a_name_of_its_own_and_says_what_to_do(checks) -> None:
    names = [check.name for check in checks]
    assert len(names) == len(set(names))
    for check in checks:
        assert check.todo.endswith(".")
        assert check.looks.endswith(".")
        assert "|" not in check.looks + check.wrong  # a table has it
        assert check.wrong.startswith(("Bad: ", "Doubtful: "))
