# SPDX-License-Identifier: Apache-2.0
"""What the tests themselves keep to: no test module is the stage of another one, and no unit test
sleeps or reads the machine's clock."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import hypothesis
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


#: In a program that a test starts in a process of its own, and that stands in a string.
IN_A_PROGRAM = re.compile(r"\bimport\b[\w, ]*\btime\b|\btime\.(sleep|time|monotonic)\(")


def waits(tree: ast.AST) -> list[int]:
    """The lines in which a module has the machine's clock, or lets time pass by it."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.expr | ast.stmt))
    return [node.lineno for node in nodes if _waits(node) or _holds_up(node)]


def _holds_up(node: ast.expr | ast.stmt) -> bool:
    """Beside tests with Karbor these threads may be green: one that waits holds up all others."""
    names = ("ThreadingHTTPServer", "ThreadingTCPServer", "ThreadingMixIn")
    return isinstance(node, ast.Attribute) and node.attr in names


def _waits(node: ast.expr | ast.stmt) -> bool:
    match node:
        case ast.Import(names=names):
            return any(alias.name == "time" for alias in names)
        case ast.ImportFrom(module="time", names=names):
            return any(alias.name != "tzset" for alias in names)
        case ast.Constant(value=str() as program):
            return bool(IN_A_PROGRAM.search(program))
        # A greenlet lets the others run by a sleep of no time.
        case ast.Call(func=ast.Attribute(value=ast.Name("eventlet" | "asyncio"), attr="sleep")):
            return [ast.unparse(argument) for argument in node.args] != ["0"]
        # Nobody can set an event that only this line has.
        case ast.Call(func=ast.Attribute(value=ast.Call(func=made), attr="wait" | "acquire")):
            return ast.unparse(made).rpartition(".")[2] in ("Event", "Condition")
    return False


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from time import sleep, tzset",
        "eventlet.sleep(0.01)",
        "await asyncio.sleep(1)",
        "threading.Event().wait(0.01)",
        "http.server.ThreadingHTTPServer(address, handler)",
        "code = 'import sys, time; time.sleep(60)'",
    ],
)
def test_a_wait_is_seen(source: str) -> None:
    assert waits(ast.parse(source)) == [1]


@pytest.mark.parametrize(
    "source", ["clock.sleep(3600)", "eventlet.sleep(0)", "ready.wait(60)", "from time import tzset"]
)
def test_the_clock_of_a_test_is_none(source: str) -> None:
    assert waits(ast.parse(source)) == []


def test_no_unit_test_sleeps_or_has_the_machines_clock() -> None:
    """The time is injected, or a test waits for an event, with a limit that decides nothing."""
    found = {where: waits(tree) for where, tree in modules(TESTS / "unit")}
    del found[str(Path(__file__).relative_to(TESTS))]  # the samples above
    assert {where: lines for where, lines in found.items() if lines} == {}


def test_no_property_fails_because_an_example_took_long() -> None:
    assert hypothesis.settings.default is not None
    assert hypothesis.settings.default.deadline is None
    assert hypothesis.HealthCheck.too_slow in hypothesis.settings.default.suppress_health_check
