# SPDX-License-Identifier: Apache-2.0
"""Every form that we publish, what somebody types into it, and what that means."""

import importlib.metadata
from collections.abc import Iterator, Mapping
from typing import Any

from karbor.common import constants
from karbor.services.protection.protection_plugin import ProtectionPlugin

from karbor_manila import schemas

SHARE, PROJECT = constants.SHARE_RESOURCE_TYPE, constants.PROJECT_RESOURCE_TYPE
SHARE_ID = "0c7f5f8e-6f0e-4b3f-9a53-4ad7a3f7a7d1"
#: What the dashboard has a form for: ``extended_info_schema`` of a provider. What is saved of a
#: resource is shown and not asked for.
KINDS = ("options", "restore", "verify")

#: What the forms are made from, and what their values are checked against.
RICH: dict[str, Mapping[str, Any]] = {
    f"{SHARE} options": schemas.OPTIONS_SCHEMA,
    f"{SHARE} restore": schemas.RESTORE_SCHEMA,
    f"{SHARE} verify": schemas.VERIFY_SCHEMA,
    f"{PROJECT} options": schemas.PROJECT_OPTIONS_SCHEMA,
    f"{PROJECT} restore": schemas.PROJECT_SCHEMA,
    f"{PROJECT} verify": schemas.PROJECT_SCHEMA,
}
_RESTORE: dict[str, Any] = {
    "share_id": SHARE_ID,
    "restore_name": "true",
    "restore_description": "a, b = c",
    "size": "20",
    "share_type": "gold",
    "share_network_id": SHARE_ID,
    "mount_point_name": "home-2",
    "is_public": True,
    "metadata": False,
    "access_rules": True,
    "include": False,
    "keep_failed": True,
    "remove_newer": True,
    "safety_copy": True,
    "as_group": True,
}
#: Something else than the default, in each field.
TYPED: dict[str, dict[str, Any]] = {
    f"{SHARE} options": {
        "snapshot_name": "<b>nightly</b>",
        "description": "1",
        "force": True,
        "record_access_rules": "false",
        "keep_last": "3",
        "keep_hourly": "24",
        "keep_daily": "7",
        "keep_weekly": "4",
        "keep_monthly": "12",
        "keep_yearly": "10",
        "keep_time_zone": "Europe/Berlin",
    },
    f"{SHARE} restore": _RESTORE,
    f"{SHARE} verify": _RESTORE
    | {
        "depth": "plan",
        "browse_to": "10.0.0.0/24",
        "browse_type": "ip",
        "browse_for": "600",
        "browse_end": True,
        "drill_older_than": "3600",
        "hold_why": "the auditor looks at it",
        "hold_until": "2026-12-31",
    },
    f"{PROJECT} options": {"include": "type:gold, label:env=prod", "exclude": "name:tmp*"},
    f"{PROJECT} restore": {},
    f"{PROJECT} verify": {},
}
#: What is meant by a text that is no text, by field.
MEANT = {
    "size": 20,
    "record_access_rules": False,
    "browse_for": 600,
    "drill_older_than": 3600,
    "keep_last": 3,
    "keep_hourly": 24,
    "keep_daily": 7,
    "keep_weekly": 4,
    "keep_monthly": 12,
    "keep_yearly": 10,
}


def published() -> dict[str, dict[str, Any]]:
    """What each of our plugins publishes for each of its types, by type and kind."""
    return {
        f"{of} {kind}": getattr(plugin, f"get_{kind}_schema")(of)
        for plugin in _plugins()
        for of in plugin.get_supported_resources_types()
        for kind in KINDS
    }


def _plugins() -> Iterator[type[ProtectionPlugin]]:
    for entry in importlib.metadata.distribution("karbor-manila").entry_points:
        if entry.group == "karbor.protections":
            loaded = entry.load()
            if issubclass(loaded, ProtectionPlugin):
                yield loaded


def table(drawn: Mapping[str, Any]) -> list[str]:
    """Property by input, as Markdown.

    :param drawn: what the dashboard has made of what we publish, see draw.js
    """
    rows = [
        "| form | property | input | must be filled in | untouched it sends | filled in it sends |"
    ]
    rows.append("|---|---|---|---|---|---|")
    for kind, schema in published().items():
        form = drawn[kind]
        if not schema["properties"]:
            rows.append(f"| {kind} | none | | | | |")
        for name in schema["properties"]:
            drawn_as = {"text": "text box", "checkbox": "check box"}.get(
                form["inputs"].get(name), "**none**"
            )
            untouched, sent = (form[of].get(name) for of in ("untouched", "filled_in"))
            must = "yes" if name in form["must"] else "no"
            rows.append(
                f"| {kind} | `{name}` | {drawn_as} | {must} | {_cell(untouched)} | {_cell(sent)} |"
            )
    return rows


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
