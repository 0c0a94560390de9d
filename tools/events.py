#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write a sample of each event, and the list of events in doc/reference/events.md.

    python tools/events.py

Made from the classes in karbor_manila/telemetry/events.py, with fixed values; a unit test compares
what it makes with what is in the tree. Needs karbor_manila to be importable, and no Karbor.
"""

import dataclasses
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from karbor_manila.telemetry.events import (  # noqa: E402 - of this tree, not an installed one
    CLASSES,
    END,
    ERROR,
    PREFIX,
    START,
    TYPES,
    Event,
)

FOLDER = ROOT / "doc" / "reference" / "event_samples"
PAGE = ROOT / "doc" / "reference" / "events.md"
_BEGIN, _END = "<!-- made by tools/events.py -->", "<!-- up to here -->"

_SHARE = "0d4f7a52-6e2c-4f0b-9a53-1f3f2d5c8b11"
_SNAPSHOT = "5b8b7a0c-2d1f-4c58-8f5e-c0a1d7be6c22"
_REQUEST = "9f6f2f0e-7b1d-4b5e-8d33-52a4be0f1a33"

_FIXED: dict[str, Any] = {
    "event_id": "c7f1a5c4-3a1b-4e63-9f0e-0d2b8c4d5e44",
    "at": "2026-11-26T18:00:00+00:00",
    "host": "karbor-1",
    "provider_id": "b766f37c-d011-4026-8228-28730d734a3f",
    "checkpoint_id": "3f0f6a4b-8c1d-4d2e-9b7a-6e5d4c3b2a55",
    "project_id": "e1b2c3d4f5a64b7c8d9e0f1a2b3c4d66",
    "plan_id": "a1a2a3a4-b1b2-4c1c-8d1d-e1e2e3e4e577",
}

# What else each class has, by phase; the last ones count.
_OF_ALL: dict[str, dict[str, Any]] = {
    "ShareEvent": {"share_id": _SHARE},
    "CheckpointEvent": {"flow": "protect", "shares": 3},
    "BrowseEvent": {"share_id": _SHARE, "request_id": _REQUEST},
    "HoldEvent": {"request_id": _REQUEST},
    "ReconcileEvent": {
        "item": "protect",
        "item_id": _FIXED["checkpoint_id"],
        "since": "2026-11-26T17:30:00+00:00",
        "plan_id": "",
    },
    "AuditEvent": {
        "finding": "lost",
        "snapshot_id": _SNAPSHOT,
        "share_id": _SHARE,
        "driver": "snapshot",
        "kind": "gone",
        "plan_id": "",
    },
}
_GIVEN = {
    "snapshot_id": _SNAPSHOT,
    "access_type": "ip",
    "access_to": "10.0.0.7",
    "until": "2026-11-26T19:00:00+00:00",
}
_HELD = {
    "why": "the auditor looks at it",
    "held_by": "5d0c1b2a3f4e4d5c8b6a7f8e9d0c1b99",
    "until": "2027-03-31",
}
_COUNTED = {"seconds": 12.5, "left_out": 0}
_FAILED = "Manila answered the request to create a snapshot with HTTP 413: no quota is left."
_OF_PHASE: dict[tuple[str, str], dict[str, Any]] = {
    ("ShareEvent", END): {"seconds": 12.5, "driver": "snapshot"},
    ("ShareEvent", ERROR): {"seconds": 12.5, "driver": "snapshot", "reason": _FAILED},
    ("CheckpointEvent", START): {"status": "protecting"},
    ("CheckpointEvent", END): {**_COUNTED, "status": "available", "ok": 3, "failed": 0},
    ("CheckpointEvent", ERROR): {
        **_COUNTED,
        "status": "error",
        "ok": 2,
        "failed": 1,
        "reason": _FAILED,
    },
    ("BrowseEvent", START): _GIVEN,
    ("BrowseEvent", END): _GIVEN,
    ("BrowseEvent", ERROR): {"reason": "Manila refused the access: the address is no IP address."},
    ("ReconcileEvent", END): {"status": "available"},
    ("ReconcileEvent", ERROR): {"reason": "Manila does not answer (HTTP 503)."},
    ("AuditEvent", START): {"reason": "its snapshot is not in Manila any more"},
    ("AuditEvent", END): {"reason": "said so in the checkpoint"},
    ("AuditEvent", ERROR): {"reason": "left alone: it is not what it was when it was listed"},
}
_ASKED = ("restore", "revert", "verify", "drill")


def sample(name: str) -> Event:
    """An event of a type, always the same."""
    _prefix, operation, phase = name.split(".")
    kind = TYPES[name]
    fields = _FIXED | _OF_ALL[kind.__name__] | _OF_PHASE.get((kind.__name__, phase), {})
    if kind.__name__ == "ShareEvent":
        fields["request_id"] = _REQUEST if operation in _ASKED else ""
        if phase == END and operation in ("protect", "copy"):
            fields["made_id"] = _SNAPSHOT
        if phase == END and operation == "restore":
            fields["made_id"] = "7e57ed00-1c2d-4e3f-8a9b-0c1d2e3f4a88"
    if kind.__name__ == "HoldEvent":
        fields |= {"status": "available"} if operation == "undelete" else _HELD
    return kind(operation=operation, phase=phase, **fields)


def samples() -> dict[Path, str]:
    """The files of samples, with what is to be in each."""
    return {
        FOLDER / f"{name}.json": json.dumps(sample(name).as_dict(), indent=2) + "\n"
        for name in TYPES
    }


def page() -> str:
    """The page with its list of events made anew."""
    before, rest = PAGE.read_text(encoding="utf-8").split(_BEGIN)
    _old, after = rest.split(_END)
    return f"{before}{_BEGIN}\n\n" + "\n".join(_lines()) + f"\n{_END}{after}"


def _lines() -> Iterator[str]:
    yield "```json"
    yield json.dumps(sample(f"{PREFIX}.protect.{END}").as_dict(), indent=2)
    yield "```"
    yield ""
    for kind in CLASSES:
        yield f"### {kind.__name__}, version {kind.VERSION}"
        yield ""
        yield (inspect.getdoc(kind) or "").split("\n")[0]
        yield ""
        for operation in kind.OPERATIONS:
            names = [f"{PREFIX}.{operation}.{phase}" for phase in kind.PHASES]
            yield f"- `{PREFIX}.{operation}`: " + ", ".join(
                f"[{name.rpartition('.')[2]}](event_samples/{name}.json)" for name in names
            )
        yield ""
        yield "| in the payload | |"
        yield "|---|---|"
        for name, meaning in _fields(kind):
            yield f"| `{name}` | {meaning} |"
        yield ""


_IDS = {
    "provider_id": "of Karbor's provider",
    "checkpoint_id": "of the checkpoint",
    "project_id": "whose it is",
    "plan_id": "of the plan; empty where that is not known",
    "share_id": "of the protected share",
}


def _fields(kind: type[Event]) -> Iterator[tuple[str, str]]:
    told = {**_IDS, **_ivars(Event), **_ivars(kind)}
    for field in dataclasses.fields(kind):
        if field.name not in ("operation", "phase", "event_id", "at", "host"):
            yield field.name, told[field.name].replace("|", "\\|")


def _ivars(kind: type[Event]) -> dict[str, str]:
    """What the docstring of a class says of its fields, each in one line."""
    found: dict[str, str] = {}
    for part in (inspect.getdoc(kind) or "").split(":ivar ")[1:]:
        name, _colon, text = part.partition(":")
        found[name] = " ".join(text.replace("``", "`").split())
    return found


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(exist_ok=True)
    wanted = samples()
    for path in set(FOLDER.iterdir()) - wanted.keys():
        path.unlink()
    for path, text in {**wanted, PAGE: page()}.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
