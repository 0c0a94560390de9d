#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the reference: each command, each option and each parameter, from where they are defined.

    python tools/reference.py

The tables between the two marks of doc/reference/commands-*.md, options.md and parameters.md are
made from the entry points in setup.cfg, from the lists of options and from schemas/*.json; a unit
test compares. What stands around the marks is written by hand. Needs what karbor_manila needs.
"""

import argparse
import configparser
import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "doc" / "reference"
BEGIN, END = "<!-- made by tools/reference.py -->", "<!-- up to here -->"
#: What cliff and openstacksdk give to each command; the pages say so once.
_OF_LIBRARIES = (
    "output formatters",
    "CSV Formatter",
    "json formatter",
    "table formatter",
    "shell formatter",
    "Authentication Options",
    "API Connection Options",
    "Service Options",
)
#: Code, which stays as it is, or an option.
_OPTION = re.compile(r"`[^`]*`|(?<![\w-])(--[a-z][\w-]*)")
#: What users give: the schema that checks it, a heading, and the schema that it goes beyond.
_SCHEMAS = {
    "options": ("Parameters of a plan", ""),
    "project_options": ("Parameters of a plan for its project", ""),
    "restore": ("Parameters of a restore", ""),
    "verify": ("Parameters of a verification", "restore"),
}


def pages() -> dict[Path, str]:
    """The pages, with what is to be in each."""
    made = {
        "commands-tenant.md": _commands(tenant=True),
        "commands-operator.md": _commands(tenant=False),
        "options.md": _options(),
        "parameters.md": _parameters(),
    }
    return {FOLDER / name: _between(FOLDER / name, lines) for name, lines in made.items()}


def _between(page: Path, lines: Iterable[str]) -> str:
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    _old, after = rest.split(END)
    return f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n{END}{after}"


def _prose(text: Any) -> str:
    """A text as Markdown: options of commands are code, where a site would make dashes of them."""
    return _OPTION.sub(
        lambda found: f"`{found[1]}`" if found[1] else found[0], str(text).replace("``", "`")
    )


def _cell(text: Any) -> str:
    """A text in a cell of a table: one line, as Markdown that means nothing else."""
    return " ".join(_prose(text).split()).replace("|", "\\|").replace("<", "\\<")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def _commands(*, tenant: bool) -> Iterator[str]:
    """Each command of a room: what it does, and what it takes."""
    for name, factory in commands():
        if (".cli.tenant." in factory.__module__) is tenant:
            parser = factory(None, None).get_parser(f"karbor-manila {name}")
            yield f"## karbor-manila {name}"
            yield ""
            yield from _prose(inspect.getdoc(factory) or "").splitlines()
            yield ""
            yield from ("```text", usage(parser), "```", "")
            if rows := [_argument(parser, action) for action in arguments(parser)]:
                yield from _table(("argument", "meaning"), rows)


def commands() -> Iterator[tuple[str, Any]]:
    """Name and class of each, by their names."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    for line in sorted(config["options.entry_points"]["karbor_manila.commands"].split("\n")):
        name, _, target = (word.strip() for word in line.partition("="))
        if name:
            module, _, what = target.partition(":")
            yield name.replace("_", " "), getattr(importlib.import_module(module), what)


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Those of the command itself."""
    # argparse has no public way to ask a parser what it takes.
    groups = parser._action_groups
    theirs = {id(it) for g in groups if g.title in _OF_LIBRARIES for it in g._group_actions}
    return [
        action
        for action in parser._actions
        if id(action) not in theirs
        and action.help != argparse.SUPPRESS
        and not any(flag == "--help" or flag.startswith("--os-") for flag in action.option_strings)
    ]


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    value = _value(action)
    written = ", ".join(f"`{flag} {value}`".replace(" `", "`") for flag in action.option_strings)
    told = (action.help or "") % {**vars(action), "prog": parser.prog}
    return (written or f"`{value}`").replace("|", "\\|"), _cell(told)


def usage(parser: argparse.ArgumentParser) -> str:
    """A line with the arguments that have to be given."""
    words = [parser.prog, "[options]"]
    for action in arguments(parser):
        if not action.option_strings:
            repeated = f"{_value(action)} ..." if action.nargs in ("*", "+") else _value(action)
            words.append(f"[{repeated}]" if action.nargs in ("*", "?") else repeated)
        elif action.required:
            words.append(f"{action.option_strings[-1]} {_value(action)}")
    return " ".join(words)


def _value(action: argparse.Action) -> str:
    """The name of what is given, empty for a flag."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    if action.metavar:
        return action.metavar
    if action.choices:
        return "|".join(map(str, action.choices))
    return action.dest.upper()


def _options() -> Iterator[str]:
    """Each option of each file, by its group."""
    from karbor_manila import opts  # noqa: PLC0415 - after main() has found this tree
    from karbor_manila.hooks import watch_options  # noqa: PLC0415 - likewise

    for title, listed in (
        ("In the provider's file", opts.list_provider_opts()),
        ("In karbor.conf", opts.list_service_opts()),
        ("In manila.conf, for the hook of manila-share", watch_options.list_opts()),
    ):
        yield f"## {title}"
        yield ""
        for group, options in listed:
            yield f"Group `[{group}]`:"
            yield ""
            yield from _table(("option", "default", "allowed", "meaning"), map(_option, options))


def _option(option: Any) -> tuple[str, str, str, str]:
    default = option.default if option.sample_default is None else option.sample_default
    if isinstance(default, bool):
        default = str(default).lower()
    elif isinstance(default, list):
        default = ",".join(default)
    shown = "" if default in (None, "") else f"`{default}`"
    if option.sample_default is not None:
        shown = f"none; such as {shown}"
    return f"`{option.name}`", shown, _allowed(option.type), _cell(option.help)


def _allowed(kind: Any) -> str:
    """The values of an option: its bounds, its choices, or what sort of a text it is."""
    if choices := getattr(kind, "choices", None):
        return ", ".join(f"`{each}`" for each in choices)
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return {"Boolean": "true, false", "List": "a list"}.get(type(kind).__name__, "a text")


def _parameters() -> Iterator[str]:
    """What each parameter takes, by the schema that checks it."""
    for name, (title, besides) in _SCHEMAS.items():
        shown = _properties(name)
        known = _properties(besides) if besides else {}
        yield f"## {title}"
        yield ""
        yield f"Checked by `schemas/{name}.json`" + (", besides those above:" if besides else ":")
        yield ""
        yield from _table(
            ("parameter", "takes", "default", "meaning"),
            (_parameter(key, each) for key, each in shown.items() if key not in known),
        )


def _properties(name: str) -> dict[str, Any]:
    schema = json.loads((ROOT / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    properties: dict[str, Any] = schema["properties"]
    return properties


def _parameter(name: str, schema: dict[str, Any]) -> tuple[str, str, str, str]:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    takes = [each for each in schema.get("enum", ()) if each is not None] or [
        each for each in kinds if each != "null"
    ]
    bounds = [
        f"{word} {schema[key]}"
        for key, word in (
            ("minimum", "from"),
            ("maximum", "to"),
            ("minLength", "length from"),
            ("maxLength", "length to"),
        )
        if key in schema
    ]
    default = schema.get("default")
    shown = "" if default is None else f"`{json.dumps(default)}`"
    return (
        f"`{name}`",
        ", ".join([*takes, *bounds]),
        shown,
        _cell(schema.get("description", schema.get("title", ""))),
    )


def main() -> None:
    """Write them all."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
