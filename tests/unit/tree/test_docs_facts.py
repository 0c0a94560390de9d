# SPDX-License-Identifier: Apache-2.0
"""What pages say that there is, drivers, rooms, marks and tools: the code is asked for it."""

import ast
import configparser
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karbor_manila import schemas
from karbor_manila.drivers import catalogue
from karbor_manila.drivers.errors import DriverOrderInvalid, DriverUnknown
from karbor_manila.drivers.order import Orders
from karbor_manila.hooks import catalogue as hooks
from karbor_manila.manila import marks
from karbor_manila.operations.verify import DRILL
from tests.unit.tree.documents import ROOT, Page, page, pages

PACKAGE = ROOT / "karbor_manila"


def text(name: str) -> str:
    """The prose of a page, in one line."""
    return " ".join(" ".join(line for _number, line in page(name).prose).split())


def named(words: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", words)


def sentence(name: str, pattern: str) -> list[str]:
    """What is named in the one sentence of a page that a pattern finds, in its first group."""
    (found,) = re.findall(pattern, text(name))
    return named(found)


def rows(name: str) -> dict[str, str]:
    """The second cells of a page's tables, by the first ones."""
    return {cells[0].strip("`"): cells[1] for _line, cells in page(name).rows()}


def contracts() -> list[dict[str, Any]]:
    """Which room may import which, for the linters."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = config["tool"]["importlinter"]["contracts"]
    return found


def of_ours() -> set[str]:
    """The installed drivers of which an operator may choose."""
    return {name for name in catalogue.names() if not catalogue.is_for_tests(name)}


def test_the_configuration_names_every_driver() -> None:
    name = "doc/operating/configure.md"
    assert set(sentence(name, r"The drivers that come along are ([^;]+);")) == of_ours()
    for_tests = sentence(name, r"drivers that come along are [^;]+; (`\w+`) is for tests")
    assert set(for_tests) == set(catalogue.names()) - of_ours()


def test_the_errors_of_drivers_are_shown_as_they_are() -> None:
    shown = text("doc/operating/drivers.md")
    unknown = str(DriverUnknown("nosuch", catalogue.names(), "share_type_drivers = gold:nosuch"))
    assert unknown.partition(". ")[0] in shown
    try:
        Orders.of({}, "group||snapshot")
    except DriverOrderInvalid as error:
        assert str(error).partition(". ")[0] in shown


def parts_of_options() -> list[Path]:
    """The files beside ``opts.py`` that have parts of it."""
    return [path.relative_to(ROOT) for path in PACKAGE.glob("opts_of_*.py")]


def test_every_room_is_in_the_architecture() -> None:
    folders = {f"{path.parent.relative_to(ROOT)}/" for path in PACKAGE.glob("*/__init__.py")}
    files = {str(path.relative_to(ROOT)) for path in PACKAGE.glob("*.py")}
    files -= {"karbor_manila/__init__.py", *map(str, parts_of_options())}
    there = {row for row in rows("doc/architecture.md") if "/" in row}
    assert there == folders | files | {"schemas/"}


def test_the_architecture_names_every_driver_hook_and_bank() -> None:
    of = rows("doc/architecture.md")
    assert set(named(of["karbor_manila/drivers/"])) == of_ours()
    assert set(named(of["karbor_manila/hooks/"])) == set(hooks.names()) | {"watch.py"}
    banks = {f"{path.parent.name}/" for path in PACKAGE.glob("bank/*/plugin.py")}
    assert set(named(of["karbor_manila/bank/"])) == banks - {"objects/"}
    inside = {f"{path.parent.name}/" for path in PACKAGE.glob("cli/*/__init__.py")}
    assert set(named(of["karbor_manila/cli/"])) == inside


def test_the_pages_know_which_room_may_import_which() -> None:
    downwards, without_karbor, _tenants = contracts()
    layers = [each.strip() for layer in downwards["layers"] for each in layer.split("|")]
    rooms = [name.removeprefix("karbor_manila.") for name in layers]
    assert sentence("CONTRIBUTING.md", r"imports point downwards: ([^.]+)\.") == rooms
    blocked = [name.removeprefix("karbor_manila.") for name in without_karbor["source_modules"]]
    says = sentence("doc/architecture.md", r"each other\. (.+?) import nothing of Karbor")
    assert says == blocked


def purposes() -> Iterator[str]:
    """What the code writes as the purpose of a share."""
    values = {"COPY": marks.COPY, "RESTORE": marks.RESTORE, "DRILL": DRILL}
    for path in PACKAGE.rglob("*.py"):
        if "testing" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if key is not None and ast.unparse(key).endswith("PURPOSE"):
                        yield values[ast.unparse(value).rpartition(".")[2]]


def test_every_purpose_of_a_share_is_among_what_is_stored() -> None:
    name = "doc/operating/stored.md"
    says = sentence(name, r"not the tenant's to use have `karbor_manila_purpose`, (.+?)\. ")
    assert set(says) == set(purposes())
    assert len(says) == 3


def test_every_field_of_a_record_is_among_what_is_stored() -> None:
    table: set[str] = set()
    inside = False
    for _number, line in page("doc/operating/stored.md").prose:
        inside = (inside and not line.startswith("Records of")) or line.startswith("| fields |")
        if inside and line.startswith("| `"):
            table.update(named(line.split("|")[1]))
    assert table == set(schemas.RECORD_SCHEMA["properties"])


def test_every_environment_and_every_tool_is_for_contributors_to_find() -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini")
    environments = {each.partition(":")[2] for each in config if each.startswith("testenv:")}
    of = rows("CONTRIBUTING.md")
    assert environments <= of.keys()
    there = {path.name for path in (ROOT / "tools").glob("*.py")}
    assert set(named(of["tools/"])) == there


@pytest.mark.parametrize("name", ["doc/operators.md", "doc/sandbox.md", "doc/operating/zaqar.md"])
def test_the_versions_that_a_page_names_are_those_that_are_installed(name: str) -> None:
    installed: dict[str, set[str]] = {}
    for path in ROOT.glob("constraints/*-py3.*.txt"):
        service = path.name.partition("-py")[0]
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{service}=="):
                installed.setdefault(service, set()).add(line.partition("==")[2])
    found = re.findall(r"(Karbor|Manila|Keystone|Swift|Zaqar) \(?(\d+\.\d+\.\d+)", text(name))
    assert found
    for service, version in found:
        assert installed[service.lower()] == {version}, f"{name}: {service} {version}"


#: How many, or what part. What CI takes of the functional tests is a sample, and its size changes.
COUNTED = re.compile(
    r"\b(?:\d+|two|three|four|five|six|seven|eight|nine|ten) (?:of (?:each|them|these)|cases|tests)"
    r"|\ba (?:half|third|quarter|fifth)\b",
    re.IGNORECASE,
)
SAMPLED = re.compile(r"tests/functional|test_[a-z_]+\.py")


def test_no_page_says_how_much_ci_takes_of_what_it_samples() -> None:
    wrong: list[str] = []
    for document in pages():
        for number, line in joined(document):
            for each in re.split(r"(?<=[.;|]) ", line):
                counts = re.search(r"\bCI\b", each) and COUNTED.search(each)
                whole = re.search("every change|each change", each) and SAMPLED.search(each)
                if counts or (whole and "sample" not in each):
                    wrong.append(f"{document}:{number}: {each}")
    assert wrong == []


def joined(document: Page) -> Iterator[tuple[int, str]]:
    """Paragraphs and rows of tables, each as one line, with the number of its first one."""
    paragraph: list[str] = []
    first = 0
    for number, line in [*document.prose, (0, "")]:
        if paragraph and (not line or line[0] in "|#-"):
            yield first, " ".join(paragraph)
            paragraph = []
        if line:
            first = first if paragraph else number
            paragraph.append(line.strip())
