# SPDX-License-Identifier: Apache-2.0
"""What a command of the operator's is told: its environment, and a document on standard input."""

import shlex
import shutil
from collections.abc import Mapping
from typing import Any, Final

from oslo_serialization import jsonutils

from karbor_manila.common.visible import visible
from karbor_manila.hooks.base import SHARE

#: All that it inherits: what karbor-protection was started with may hold credentials.
INHERITED: Final[Mapping[str, str]] = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}

_PREFIX = "KARBOR_MANILA_"

# Bytes: Linux starts no program with a variable of more than 128 KiB (MAX_ARG_STRLEN).
_LONGEST = 100_000

_OF_CALL = ("hook", "phase", "point", "scope", "checkpoint_id", "provider_id", "project_id")


def objection(command: str) -> str:
    """Why a command cannot be run on this host; empty if it can."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        return f"it cannot be read ({error}). It is quoted as for a shell."
    if not words or shutil.which(words[0], path=INHERITED["PATH"]) is None:
        program = words[0] if words else ""
        return f"there is no program {program!r} on this host. Its path is {INHERITED['PATH']}."
    return ""


def environment(told: Mapping[str, Any]) -> dict[str, str]:
    """The variables for what :func:`.payload.describe` has told: one line each, but for lists,
    which have a value a line. Nothing in them is obeyed by a terminal."""
    variables = {name: told.get(name) or "" for name in (*_OF_CALL, "request_id")}
    shares = told["shares"]
    variables["share_ids"] = "\n".join(_line(share.get("id")) for share in shares)
    if told.get("scope") == SHARE and shares:
        variables |= _of_share(shares[0])
    if outcome := told.get("outcome"):
        variables |= {
            "outcome": outcome["status"],
            "error": outcome["error"],
            "pre_error": outcome["pre_error"],
        }
    named = {f"{_PREFIX}{name.upper()}": _lines(value) for name, value in variables.items()}
    fitting = {name: value if _fits(value) else "" for name, value in named.items()}
    return {**INHERITED, **fitting}


def document(told: Mapping[str, Any]) -> bytes:
    """The same with all shares, as JSON."""
    return jsonutils.dump_as_bytes(told)


def one_line(output: str) -> str:
    """The output of a command as a part of a sentence."""
    return "; ".join(filter(None, map(str.strip, output.splitlines()))).rstrip(".")


def annotations(output: str) -> dict[str, str]:
    """What a command wants to be kept of its work: the last line of its output may be the object
    ``{"annotations": {...}}``, of texts. Any other line is none."""
    try:
        said = jsonutils.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        return {}
    found = said.get("annotations") if isinstance(said, dict) else None
    if not isinstance(found, dict):
        return {}
    return {str(name): visible(str(text)) for name, text in found.items()}


def _of_share(share: Mapping[str, Any]) -> dict[str, str]:
    places = [_line(place) for place in share.get("export_locations") or []]
    return {
        "share_id": _line(share.get("id")),
        "share_name": _line(share.get("name")),
        "share_type": _line(share.get("share_type")),
        "share_proto": _line(share.get("share_proto")),
        "metadata_value": _line(share.get("metadata_value")),
        "export_location": places[0] if places else "",
        "export_locations": "\n".join(places),
    }


def _line(value: object) -> str:
    return "" if value is None else visible(str(value))


def _lines(value: str) -> str:
    return "\n".join(visible(line) for line in value.split("\n"))


def _fits(value: str) -> bool:
    return len(value.encode()) < _LONGEST
