# SPDX-License-Identifier: Apache-2.0
"""The documents: what they link to and name is there, and they speak the words of the glossary."""

import importlib
import importlib.metadata
import importlib.util
import re
from pathlib import Path

import pytest

from tests.unit.tree.documents import ROOT, Page, anchor, page, pages

LONGEST = 250  # lines
TOPS = (
    "benchmarks|constraints|doc|karbor_manila|monitoring|releasenotes|sandbox|schemas|tests|tools"
)
#: ``unit/...`` and the like, as the tables of the comparison name tests.
BELOW_TESTS = "contract|crash|dashboard|faults|functional|unit|walk"
PATH = re.compile(rf"(?:(?:{TOPS}|{BELOW_TESTS})/[\w./*-]+|(?:\w+/)?test_\w+\.py)(?:::\w+)?")
TEST = re.compile(r"(?:test|\.\.\.)_\w+(?:\.\.\.)?")
MODULE = re.compile(r"(?:karbor_manila|sandbox|tests|benchmarks)(?:\.\w+)+")
#: What was said in place of the glossary's words.
BANNED = (
    "ridden out",
    "passing error",
    "may pass",
    "nobody's",
    "carried out late",
    "ask for the end",
    "patience",
)

#: Where a path may begin.
ROOTS = ("", "tests/", "tests/unit/")
ALL = pages()
NOTES = sorted((ROOT / "releasenotes" / "notes").glob("*.yaml"))


def names(of: Page) -> str:
    return str(of)


def functions() -> set[str]:
    """The names of all tests."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        found.update(re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8")))
    return found


TESTS = functions()


@pytest.mark.parametrize("document", ALL, ids=names)
def test_every_link_leads_somewhere(document: Page) -> None:
    for line, target in document.links():
        if target.startswith(("https://", "http://")):
            continue
        path, _, fragment = target.partition("#")
        to = (document.path.parent / path).resolve() if path else document.path
        assert to.exists(), f"{document}:{line}: {target}"
        if fragment:
            assert fragment in Page(to).anchors(), f"{document}:{line}: {target}"


@pytest.mark.parametrize("document", ALL, ids=names)
def test_every_path_that_is_named_exists(document: Page) -> None:
    for line, span in document.spans():
        if not PATH.fullmatch(span):
            continue
        path, _, name = span.partition("::")
        found = [each for root in ROOTS for each in ROOT.glob(f"{root}{path}")]
        assert found, f"{document}:{line}: {span}"
        if name:
            assert f"def {name}(" in found[0].read_text(encoding="utf-8"), (
                f"{document}:{line}: {span}"
            )


@pytest.mark.parametrize("document", ALL, ids=names)
def test_every_test_that_is_named_exists(document: Page) -> None:
    example = "test_a_lost_reply_makes_no_second_snapshot"
    for line, span in document.spans():
        if TEST.fullmatch(span) and span != example:
            pattern = re.compile(span.replace("...", r"\w*"))
            assert any(map(pattern.fullmatch, TESTS)), f"{document}:{line}: {span}"


@pytest.mark.parametrize("document", ALL, ids=names)
def test_every_module_and_class_that_is_named_exists(document: Page) -> None:
    groups = {
        entry.group for entry in importlib.metadata.distribution("karbor-manila").entry_points
    }
    for line, span in document.spans():
        if MODULE.fullmatch(span) and span not in groups:
            assert resolves(span), f"{document}:{line}: {span}"


def resolves(dotted: str) -> bool:
    """Whether this is a module, or something in one."""
    module, rest = dotted, []
    while True:
        try:
            found = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            rest.insert(0, last)
            if not module:
                return False
    for name in rest:
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


@pytest.mark.parametrize("document", ALL, ids=names)
def test_every_environment_of_tox_that_is_named_exists(document: Page) -> None:
    text = document.path.read_text(encoding="utf-8")
    config = (ROOT / "tox.ini").read_text(encoding="utf-8")
    for name in re.findall(r"tox (?:run )?-e ([a-z]+)", text):
        assert f"[testenv:{name}]" in config, f"{document}: {name}"


@pytest.mark.parametrize("document", ALL, ids=names)
def test_a_page_is_short_and_says_what_it_is(document: Page) -> None:
    text = document.path.read_text(encoding="utf-8")
    lines = text.splitlines()
    by_hand = re.sub(r"<!-- made by .*?<!-- up to here -->", "", text, flags=re.DOTALL)
    assert len(by_hand.splitlines()) <= LONGEST
    assert lines[0].startswith("# ")
    titles = [line for _number, line in document.prose if re.match("# ", line)]
    assert len(titles) == 1


@pytest.mark.parametrize("path", [*(each.path for each in ALL), *NOTES], ids=lambda p: p.name)
def test_the_words_are_those_of_the_glossary(path: Path) -> None:
    words = " ".join(path.read_text(encoding="utf-8").lower().split())
    assert [banned for banned in BANNED if banned in words] == []


def test_every_page_is_in_the_index_once() -> None:
    listed: list[str] = []
    for block in page("doc/index.md").blocks:
        if block.language == "{toctree}":
            listed += [line for line in block.lines if line and not line.startswith(":")]
    there = {
        str(each.path.relative_to(ROOT / "doc").with_suffix(""))
        for each in ALL
        if each.path.is_relative_to(ROOT / "doc") and each.path.name != "index.md"
    }
    assert sorted(listed) == sorted(there)


@pytest.mark.parametrize(("guide", "folder"), [("usage", "tasks"), ("operators", "operating")])
def test_every_page_of_a_guide_is_in_its_reading_order(guide: str, folder: str) -> None:
    linked = {target.partition("#")[0] for _line, target in page(f"doc/{guide}.md").links()}
    there = {f"{folder}/{path.name}" for path in (ROOT / "doc" / folder).glob("*.md")}
    assert there <= linked


def test_a_word_of_the_glossary_has_one_meaning() -> None:
    words = [
        word
        for _line, cells in page("doc/glossary.md").rows()
        for word in re.findall(r"\*\*([^*]+)\*\*", cells[0])
    ]
    assert len(words) == len(set(words))
    assert len(words) > 30


def pictures():
    """``tools/pictures.py`` as a module."""
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "tools" / "pictures.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_picture_is_what_its_text_says() -> None:
    drawn = pictures().pictures()
    assert drawn
    for path, expected in drawn.items():
        assert path.read_text(encoding="utf-8") == expected, "run python3 tools/pictures.py"


def test_the_picture_of_the_rooms_has_every_room() -> None:
    tool = pictures()
    source = tool.tomllib.loads((tool.PICTURES / "rooms.toml").read_text(encoding="utf-8"))
    named = {*source["rooms"], *source["beside"]}
    package = ROOT / "karbor_manila"
    there = {path.parent.name for path in package.glob("*/__init__.py")} - {"cli"}
    there |= {f"cli.{path.parent.name}" for path in package.glob("cli/*/__init__.py")}
    assert named == there | {"manager"}


def test_a_heading_is_reached_as_github_reaches_it() -> None:
    heading = "Options of the group `manila_share_protection`, in karbor.conf"
    assert anchor(heading) == "options-of-the-group-manila_share_protection-in-karborconf"
