# SPDX-License-Identifier: Apache-2.0
"""The examples in the documents: commands that parse, options that exist, parameters that hold."""

import ast
import importlib.metadata
import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from karbor.common import config as _karbor_config  # noqa: F401  registers [DEFAULT]
from karbor.services.protection import manager as _karbor_manager  # noqa: F401  likewise
from karbor.services.protection.bank_plugins.file_system_bank_plugin import (
    file_system_bank_plugin_opts,
)
from karbor.services.protection.bank_plugins.s3_bank_plugin import s3_bank_plugin_opts
from karbor.services.protection.bank_plugins.swift_bank_plugin import swift_bank_plugin_opts
from karbor.services.protection.clients import manila as manila_client
from karbor.services.protection.clients import s3 as s3_client
from karbor.services.protection.clients import swift as swift_client
from karbor.services.protection.provider import provider_opts
from oslo_config import cfg

from karbor_manila import opts, schemas
from karbor_manila.bank.objects import options as objects
from karbor_manila.cli import app
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.drivers import catalogue
from karbor_manila.hooks import catalogue as hooks
from karbor_manila.hooks.options import HOOK_OPTS
from karbor_manila.hooks.watch_options import WATCH_OPTS
from karbor_manila.operations import parameters
from karbor_manila.telemetry import listening
from sandbox import cli as sandbox_cli
from tests.unit.tree.documents import ROOT, Block, page, pages

SHARE = "11111111-2222-4333-8444-555555555555"
#: Ends a command among the words of a line.
AFTER = {";", "|", "||", "&&", "&", ">", "2>/dev/null"}
#: What stands before a program: the times of cron, variables.
SHELL = re.compile(r"(?:[\d*]+ +){0,5}(?:\w+=\S+ +)*")
#: What a document shows to be refused.
REFUSED = {"force=perhaps", "snapshotname=x"}
SCHEMAS = {
    "plan create": schemas.OPTIONS_SCHEMA,
    "restore create": schemas.RESTORE_SCHEMA,
    "verification create": schemas.VERIFY_SCHEMA,
}

BLOCKS = [block for each in pages() for block in each.blocks]


def typed(program: str) -> list[tuple[str, list[str]]]:
    """Where each command of a program stands, and its words."""
    found: list[tuple[str, list[str]]] = []
    for block in BLOCKS:
        for line in block.commands():
            found += [(str(block), words) for words in calls(line, program)]
    for each in pages():
        for number, span in each.spans():
            found += [(f"{each}:{number}", words) for words in calls(span, program)]
    return found


def calls(line: str, program: str) -> Iterator[list[str]]:
    """The words of each call of a program in a line of a shell."""
    start = re.match(rf"(\w+=\$\()?{SHELL.pattern}{re.escape(program)}(?=\s)", line)
    if not start:
        return
    # What stands behind three spaces says what the command does.
    rest = re.split(r"\s{3,}", line[start.end() :].strip())[0]
    if start[1]:
        rest = rest[: rest.rindex(")")]
    lexer = shlex.shlex(rest, posix=True, punctuation_chars=";|&")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word in AFTER or word.startswith("2>"):
            break
        words.append(word)
    if words and "..." not in words:
        yield words


# In the OpenStack client they are the same classes (tests/unit/cli/tenant/test_openstack.py).
OURS = typed("karbor-manila") + typed("openstack share protection")
SANDBOX = typed("python3 -m sandbox")


def test_the_documents_have_examples() -> None:
    assert len(OURS) > 30
    assert len(SANDBOX) > 10


@pytest.mark.parametrize(("where", "words"), OURS, ids=str)
def test_a_command_is_one_that_karbor_manila_takes(where: str, words: list[str]) -> None:
    words = app.cloud_options_last([word for word in words if word != "--debug"])
    program = app.KarborManila()
    factory, name, rest = program.command_manager.find_command(words)
    parser: Any = factory(program, None).get_parser(name)
    if not rest:
        return  # the name of a command, in a sentence
    try:
        parser.parse_args(rest)
    except SystemExit as refused:
        pytest.fail(f"{where}: {words}: {refused}")


def test_the_page_about_openstack_names_each_command_that_is_there() -> None:
    _head, _rule, (_line, (same, _behind)), *_others = page("doc/tasks/openstack.md").rows()
    there = {
        entry.name.removeprefix("share_protection_").replace("_", " ")
        for entry in importlib.metadata.entry_points(group="openstack.share_protection.v1")
    }
    assert set(re.findall("`([^`]+)`", same)) == there


@pytest.mark.parametrize(("where", "words"), SANDBOX, ids=str)
def test_a_command_is_one_that_the_sandbox_takes(where: str, words: list[str]) -> None:
    try:
        sandbox_cli._parser().parse_args(words)
    except SystemExit as refused:
        pytest.fail(f"{where}: {words}: {refused}")


SNIPPETS = [block for block in BLOCKS if block.language in ("ini", "diff")]


def settings(block: Block) -> Iterator[tuple[str, str, str]]:
    """Group, option and value of each line; of a difference what is new and what stays."""
    group = ""
    for line in block.lines:
        if block.language == "diff" and line.startswith("-"):
            continue
        text = line.lstrip("+ " if block.language == "diff" else "").strip()
        if text.startswith("["):
            group = text.strip("[]")
        elif "=" in text and not text.startswith("#"):
            name, _, value = text.partition("=")
            yield group, name.strip(), value.strip()


def known() -> dict[str, dict[str, cfg.Opt]]:
    """The options of each group that a document may name."""
    manager = cfg.CONF._opts
    listed = (*opts.PROVIDER_OPTS, *opts.SERVICE_OPTS)
    declared = (*hooks.options_of_all(), *listening.options_of_all())
    ours = {opt.name: opt for opt in (*listed, *declared)}
    return {
        "DEFAULT": {info["opt"].name: info["opt"] for info in manager.values()},
        "provider": {opt.name: opt for opt in provider_opts},
        "file_system_bank_plugin": {opt.name: opt for opt in file_system_bank_plugin_opts},
        "swift_bank_plugin": {opt.name: opt for opt in swift_bank_plugin_opts},
        "swift_client": {opt.name: opt for opt in swift_client.swift_client_opts},
        "s3_bank_plugin": {opt.name: opt for opt in s3_bank_plugin_opts},
        "s3_client": {opt.name: opt for opt in s3_client.s3_client_opts},
        objects.GROUP: {opt.name: opt for opt in objects.OBJECT_BANK_OPTS},
        "manila_client": {
            opt.name: opt for opt in (*manila_client.manila_client_opts, *client_options())
        },
        opts.GROUP: ours,
        # A backend in manila.conf: Manila's options of hooks have the names of ours.
        "nfs1": {opt.name: opt for opt in (*HOOK_OPTS, *WATCH_OPTS)},
        **{
            group: {option.name: option for option in listed}
            for group, listed in catalogue.options_of_all()
        },
    }


def client_options() -> list[cfg.Opt]:
    """What Karbor registers in ``[manila_client]`` for each of its clients."""
    group = cfg.CONF._get_group(manila_client.CONFIG_GROUP)
    return [info["opt"] for info in group._opts.values()]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=str)
def test_an_option_of_a_snippet_exists_and_takes_its_value(snippet: Block) -> None:
    found = list(settings(snippet))
    assert found
    for group, name, value in found:
        if group == "options.entry_points":
            continue
        option = known()[group].get(name)
        assert option, f"{snippet}: [{group}] {name}"
        if not value.startswith("<"):
            option.type(value)


@pytest.mark.parametrize(
    ("heading", "expected"),
    [("provider", opts.PROVIDER_OPTS), ("service", opts.SERVICE_OPTS)],
)
def test_the_tables_of_options_are_complete_and_true(heading: str, expected: list[cfg.Opt]) -> None:
    tables: dict[str, dict[str, list[str]]] = {"provider": {}, "service": {}}
    place = "provider"
    for _line, text in page("doc/operating/configure.md").prose:
        if text.startswith("In **karbor.conf**"):
            place = "service"
        if text.startswith("| `"):
            cells = [cell.strip() for cell in text.strip("|").split("|")]
            tables[place][cells[0].strip("`")] = cells[1:]
    table = tables[heading]
    assert set(table) == {opt.name for opt in expected}
    for opt in expected:
        default, allowed = table[opt.name][0], table[opt.name][1]
        if isinstance(opt, cfg.FloatOpt | cfg.IntOpt):
            assert float(default.removesuffix(" s")) == opt.default, opt.name
            low, high = (float(each) for each in allowed.split(" to "))
            assert (low, high) == (opt.type.min, opt.type.max), opt.name
        elif isinstance(opt, cfg.BoolOpt):
            assert (default, allowed) == (str(opt.default).lower(), "true or false"), opt.name
        else:
            assert default.strip("`") == (opt.default or "none"), opt.name


def given(words: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each group of parameters on the command line of ``openstack data protection``: of what, and
    which."""
    for flag, value in zip(words, words[1:], strict=False):
        if flag == "--parameters":
            pairs = dict(each.split("=", 1) for each in value.split(","))
            resource_type = pairs.pop("resource_type")
            pairs.pop("resource_id", None)
            yield resource_type, pairs
        if flag == "--parameters-json":
            yield from json.loads(value).items()


def parametrised() -> list[tuple[str, str, list[str]]]:
    """Each command of Karbor's client that has parameters."""
    return [
        (where, kind, words)
        for where, words in typed("openstack data protection")
        for kind in SCHEMAS
        if " ".join(words[:2]) == kind and any(word.startswith("--parameters") for word in words)
    ]


def test_the_documents_have_parameters() -> None:
    assert {kind for _where, kind, _words in parametrised()} == set(SCHEMAS)


@pytest.mark.parametrize(("where", "kind", "words"), parametrised(), ids=str)
def test_parameters_of_an_example_hold(where: str, kind: str, words: list[str]) -> None:
    for resource_type, each in given(words):
        of_project = resource_type.startswith("OS::Keystone::Project")
        schema = schemas.PROJECT_OPTIONS_SCHEMA if of_project else SCHEMAS[kind]
        values = {name: re.sub(r"^\$\w+_ID$", SHARE, value) for name, value in each.items()}
        if REFUSED & {f"{name}={value}" for name, value in values.items()}:
            with pytest.raises(InvalidParameter):
                parameters.resolve(schema, values)
        else:
            parameters.resolve(schema, values)


@pytest.mark.parametrize(
    ("documents", "schema"),
    [
        (["doc/tasks/plan.md"], schemas.OPTIONS_SCHEMA),
        (["doc/tasks/restore.md", "doc/tasks/revert.md"], schemas.RESTORE_SCHEMA),
        (
            [
                "doc/tasks/restore.md",
                "doc/tasks/revert.md",
                "doc/tasks/verify.md",
                "doc/tasks/browse.md",
                "doc/tasks/hold.md",
            ],
            schemas.VERIFY_SCHEMA,
        ),
    ],
)
def test_every_parameter_is_documented(documents: list[str], schema: dict[str, Any]) -> None:
    named: set[str] = set()
    for document in documents:
        for _line, cells in page(document).rows():
            named.update(re.findall(r"`(\w+)`", cells[0]))
    assert set(schema["properties"]) <= named


def sentences() -> list[str]:
    """Every text of the package, with ``\0`` where a value stands in it."""
    found: list[str] = []
    for path in (ROOT / "karbor_manila").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    each.value if isinstance(each, ast.Constant) else "\0" for each in node.values
                ]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%[sd]|\{\w*\}", "\0", node.value))
    return found


def test_a_reason_that_is_explained_is_one_that_is_given() -> None:
    texts = sentences()
    explained = 0
    for line, cells in page("doc/tasks/reasons.md").rows():
        for reason in re.findall(r"`([^`]+)`", cells[0]):
            for part in re.split(r"\.\.\.|[:()]|<command>|'error'|4xx|HTTP", reason):
                words = part.strip(" .,;")
                assert any(words in text for text in texts), f"{line}: {reason}"
                explained += 1
    assert explained > 30


def test_a_call_is_read_as_a_shell_would() -> None:
    line = "15 4 * * 0  OS_CLOUD=alpha karbor-manila drill --newest -f csv; echo $?"
    assert list(calls(line, "karbor-manila")) == [["drill", "--newest", "-f", "csv"]]
