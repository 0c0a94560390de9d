# SPDX-License-Identifier: Apache-2.0
"""No word of others reaches a terminal or a log as something that these obey."""

import importlib.metadata
import inspect
import json
import logging
import unicodedata
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from cliff.columns import FormattableColumn

from karbor_manila.cli import app, columns
from karbor_manila.cli.operator.commands import HostCommand
from karbor_manila.cli.operator.into_file import IntoFile
from karbor_manila.cli.output import Output, Shown
from karbor_manila.common import command
from karbor_manila.common.errors import CheckFailed, KarborManilaError
from karbor_manila.common.visible import visible, visible_lines
from karbor_manila.manila.errors import ManilaRefused, ShareNotProtectable
from tests.fakes.karbor import SHARE
from tests.unit.cli.tenant.saying import ends, key

#: Clears the screen, goes back over the line, begins another one, is a CSI of one byte, turns the
#: direction of reading, rings, and is half a letter.
EVIL = "evil\x1b[2J\r\n| forged row |\x9b31m\u202egpj\x07\x00\u2028\ud800"
HARMLESS = ("home", "Grüße", "共享", "پوشه\u200cها", "👩\u200d💻", "a\\x1b", "")


def obeyed(text: str) -> list[str]:
    """What a terminal would obey, but for the ends of our own lines."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return [letter for letter in text if letter != "\n" and unicodedata.category(letter) in kinds]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_only_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_every_character_that_is_obeyed_is_shown_as_python_writes_it() -> None:
    shown = visible(EVIL)
    assert obeyed(shown) == []
    assert "\n" not in shown
    assert shown == ("evil\\x1b[2J\\r\\n| forged row |\\x9b31m\\u202egpj\\x07\\x00\\u2028\\ud800")


def test_no_character_of_unicode_slips_through() -> None:
    letters = "".join(map(chr, range(0x110000)))
    assert [letter for letter in obeyed(visible(letters)) if letter not in "\u200c\u200d"] == []


def test_what_was_made_visible_stays_as_it_is() -> None:
    assert visible(visible(EVIL)) == visible(EVIL)


def test_our_own_line_breaks_stay() -> None:
    assert visible_lines("one\ntwo\x1b") == "one\ntwo\\x1b"


# -- all commands ------------------------------------------------------------------------------


def commands() -> list[Any]:
    found = importlib.metadata.entry_points(group=app.NAMESPACE)
    return sorted(found, key=lambda point: point.name)


@pytest.mark.parametrize("name", [point.name for point in commands()])
def test_every_command_prints_through_the_one_way(name: str) -> None:
    (point,) = (point for point in commands() if point.name == name)
    kind = point.load()
    assert issubclass(kind, Output)
    ancestors = [base for base in kind.__mro__ if "produce_output" in vars(base)]
    if ancestors[0] is IntoFile:  # puts into a file what the one way has made (test_into_file)
        del ancestors[0]
    assert ancestors[0] is Output, "the command prints past it"


@pytest.fixture
def hostile(karbor: Any) -> Any:
    """A Karbor in which everything that somebody may name bears an evil name."""
    karbor.providers[:] = [{"id": "prov", "name": EVIL}]
    plan = karbor.plan("home", (SHARE, "s1"))
    plan["name"] = EVIL
    karbor.checkpoint(plan, "error")
    made = karbor.checkpoint(
        plan,
        shares=(("s1", EVIL), ("s2", EVIL)),
        extra_info=json.dumps(
            {
                "left_out": [{"type": SHARE, "id": "s3", "name": EVIL, "reason": EVIL}],
                "reasons": {key("s1"): EVIL, f"checkpoint#{EVIL}": EVIL},
            }
        ),
    )
    told = json.dumps({"restored_from": {"share_id": "s1"}, "not_restored": [EVIL]})
    bad = {key("s1"): EVIL, key("s2"): told, key(EVIL): EVIL}
    statuses = {key("s1"): "error", key("s2"): EVIL, key(EVIL): "error"}
    karbor.verification(made, "fail", resources_status=statuses, resources_reason=bad)
    for kind in ("restore", "verification"):
        karbor.scripts[kind] = ends("fail", statuses, bad)
    return SimpleNamespace(karbor=karbor, id=made["id"])


ARGUMENTS = [
    ("status",),
    ("status", "--long"),
    ("show", "ID"),
    ("restore", "ID"),
    ("restore", "ID", "--wait"),
    ("restore", "ID", "--dry-run"),
    ("verify", "ID"),
    ("drill", "ID"),
    ("drill", "--newest"),
]


FORMS = [
    (words, form)
    for words in ARGUMENTS
    for form in ("table", "value", "json", "yaml", "shell" if words[0] == "show" else "csv")
]


@pytest.mark.parametrize(("words", "form"), FORMS, ids=str)
def test_a_command_of_a_tenant_prints_nothing_that_is_obeyed(
    hostile: Any,
    run: Any,
    words: tuple[str, ...],
    form: str,
) -> None:
    words = tuple(hostile.id if word == "ID" else word for word in words)
    code, out, err = run(*words, "-f", form)
    assert code in {0, 1, 3}
    assert "evil" in out + err
    assert obeyed(out) == []
    assert obeyed(err) == []
    assert not [line for line in (out + err).splitlines() if line.startswith("| forged")]


def test_programs_get_the_name_that_there_is(hostile: Any, run: Any) -> None:
    _code, out, _err = run("show", hostile.id, "-f", "json")
    assert json.loads(out)["shares"][0]["name"] == EVIL
    _code, out, _err = run("show", hostile.id, "-f", "yaml")
    assert yaml.safe_load(out)["plan"]["name"].startswith("evil\x1b")


@pytest.mark.parametrize("verbosity", [(), ("-vv",), ("--debug",), ("--log-file", "LOG")])
def test_what_karbor_answers_is_not_obeyed(
    karbor: Any,
    run: Any,
    verbosity: tuple[str, ...],
    tmp_path: Any,
) -> None:
    log = tmp_path / "log"
    words = [str(log) if word == "LOG" else word for word in verbosity]
    karbor.failures["GET", "/plans"] = [(403, EVIL.replace("\ud800", ""))]
    code, out, err = run(*words, "status")
    assert code == 1
    assert "evil" in err
    assert obeyed(out + err) == []
    if log.exists():
        assert obeyed(log.read_text()) == []


def test_a_name_in_wrong_usage_is_not_obeyed(hostile: Any, run: Any) -> None:
    code, _out, err = run("restore", hostile.id, "--share", EVIL)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert obeyed(err) == []


def test_a_finding_of_the_operator_is_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    class Finds(HostCommand):
        """Finds."""

        def take_action(self, parsed_args: Any) -> Any:
            return ("Why",), [(EVIL,)]

    finds = Finds(SimpleNamespace(stdout=None), None)
    for form in ("table", "csv", "value"):
        finds.app.stdout = out = _Kept()
        finds.run(finds.get_parser("finds").parse_args(["-f", form]))
        assert "evil" in out.text
        assert obeyed(out.text) == []


class _Kept:
    """A stream that keeps what is written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def isatty(self) -> bool:
        return False


COLUMNS = [
    kind
    for kind in vars(columns).values()
    if inspect.isclass(kind)
    and issubclass(kind, FormattableColumn)
    and kind.__module__ == columns.__name__
]


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_kind_of_column_is_made_visible(kind: Any) -> None:
    values: dict[str, Any] = {
        "Text": EVIL,
        "Lines": [EVIL, EVIL],
        "Facts": {EVIL: EVIL, "list": [EVIL], "facts": {EVIL: EVIL}},
        "Table": [{"name": EVIL}, {EVIL: [EVIL]}],
        "Seconds": 3.0,
        "Moment": None,
        "Names": [EVIL, EVIL],
    }
    value = values[kind.__name__]
    shown = Shown(kind(value))
    assert obeyed(shown.human_readable()) == []
    assert "\n| forged" not in shown.human_readable()
    assert obeyed(str(shown.machine_readable())) == []
    assert "\n" not in str(shown.machine_readable())


# -- what the service says and logs -------------------------------------------------------------


def test_no_sentence_of_ours_is_obeyed() -> None:
    for error in (
        ManilaRefused("create a snapshot", 400, EVIL),
        CheckFailed("check", "ended with exit code 1", EVIL),
        ShareNotProtectable("s1", EVIL, EVIL),
        KarborManilaError(EVIL),
    ):
        assert obeyed(str(error)) == []
        assert "\n" not in str(error)


def test_the_lines_of_a_check_are_one_sentence() -> None:
    error = CheckFailed("check", "ended with exit code 1", "a is gone\nb is gone\n")
    assert "It said: a is gone; b is gone. The share" in str(error)


def test_what_a_good_check_says_begins_no_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    command.run("printf 'good\\nforged \\033[2J'", {}, 60)
    (line,) = (record.getMessage() for record in caplog.records if "passed" in record.msg)
    assert line.endswith("good\\nforged \\x1b[2J")
