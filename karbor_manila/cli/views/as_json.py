# SPDX-License-Identifier: Apache-2.0
"""The views as plain values that JSON has: the names of the fields are what a program reads."""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from karbor_manila.cli.views.face import Face
from karbor_manila.cli.views.plans import PlanView
from karbor_manila.cli.views.shares import ShareView, Totals

#: Of the format; a field more does not change it.
VERSION = 1

# Where these stand below something else, they are named: each is whole in a list of its own.
_NAMED = (PlanView, ShareView)


def as_json(face: Face) -> dict[str, Any]:
    """All of it. Times are ISO 8601, UTC; lengths of time are seconds."""
    found = _fields(face)
    found["plans"] = [_fields(plan) for plan in face.plans]
    found["shares"] = [_fields(share) for share in face.shares]
    return {"version": VERSION} | found


def _fields(value: Any) -> dict[str, Any]:
    found = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return found | ({"all": value.all} if isinstance(value, Totals) else {})


def _plain(value: Any) -> Any:
    if isinstance(value, _NAMED):
        return {"id": value.id, "name": value.name}
    if dataclasses.is_dataclass(value):
        return _fields(value)
    if isinstance(value, datetime.date):
        return _time(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _time(value: datetime.date) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="seconds")
    return value.isoformat()
