# SPDX-License-Identifier: Apache-2.0
"""What the tests themselves keep to: no test module is the stage of another one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]


def modules(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    """Each module below a folder: where it is, and what is in it."""
    for path in sorted(folder.rglob("*.py")):
        yield str(path.relative_to(TESTS)), ast.parse(path.read_text(encoding="utf-8"))


def imported_test_modules(tree: ast.AST) -> list[str]:
    """The test modules that a module imports, or imports something from."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]
    return [name for name in names if ".test_" in name]


@pytest.mark.parametrize(
    "source",
    [
        "from tests.unit.bank.test_record import RECORD",
        "from tests.unit.bank import test_record",
        "import tests.unit.bank.test_record",
        "from .test_record import RECORD",
        "from . import test_record",
        "def late():\n    from tests.unit.bank.test_record import RECORD",
    ],
)
def test_an_import_from_a_test_module_is_seen(source: str) -> None:
    assert imported_test_modules(ast.parse(source))


def test_no_module_imports_from_a_test_module() -> None:
    """What two of them share is a fixture in conftest.py or stands in a module named for it."""
    found = {where: imported_test_modules(tree) for where, tree in modules(TESTS)}
    assert {where: names for where, names in found.items() if names} == {}
