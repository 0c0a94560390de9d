# SPDX-License-Identifier: Apache-2.0
"""karbor-dashboard's own JavaScript on what we publish: every parameter can be filled in, and what
the form then sends is what the user meant."""

import os
from pathlib import Path
from typing import Any

import pytest
from karbor.common import constants
from karbor.objects.base import DictOfDictOfStringsField
from karbor.services.protection.protection_plugins.share.share_snapshot_plugin import (
    ManilaSnapshotProtectionPlugin as Karbors,
)

from karbor_manila import schemas
from karbor_manila.operations import parameters
from karbor_manila.service.project import ProjectPlugin
from karbor_manila.service.protection import ShareProtectionPlugin as Ours
from tests.dashboard import browser

SHARE = constants.SHARE_RESOURCE_TYPE
SHARE_ID = "0c7f5f8e-6f0e-4b3f-9a53-4ad7a3f7a7d1"
RICH = {
    "options": schemas.OPTIONS_SCHEMA,
    "restore": schemas.RESTORE_SCHEMA,
    "verify": schemas.VERIFY_SCHEMA,
    "project": schemas.PROJECT_OPTIONS_SCHEMA,
}
PUBLISHED = {
    "options": Ours.get_options_schema(SHARE),
    "restore": Ours.get_restore_schema(SHARE),
    "verify": Ours.get_verify_schema(SHARE),
    "project": ProjectPlugin.get_options_schema(constants.PROJECT_RESOURCE_TYPE),
}
#: Something else than the default, in each field.
TYPED: dict[str, dict[str, Any]] = {
    "options": {
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
    "project": {"include": "type:gold, label:env=prod", "exclude": "name:tmp*"},
    "restore": {
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
    },
}
TYPED["verify"] = TYPED["restore"] | {
    "depth": "plan",
    "browse_to": "10.0.0.0/24",
    "browse_type": "ip",
    "browse_for": "600",
    "browse_end": True,
    "hold_why": "the auditor looks at it",
    "hold_until": "2026-12-31",
}
#: What is meant by a text that is no text, by field.
MEANT = {"size": 20, "record_access_rules": False, "browse_for": 600} | {
    "keep_last": 3,
    "keep_hourly": 24,
    "keep_daily": 7,
    "keep_weekly": 4,
    "keep_monthly": 12,
    "keep_yearly": 10,
}

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the dashboard makes of our schemas, and of Karbor's own plugin's."""
    place = os.environ.get("KARBOR_MANILA_DASHBOARD")
    folder = Path(place) if place else tmp_path_factory.mktemp("dashboard") / "js"
    theirs = {"theirs": Karbors.get_options_schema(SHARE)}
    typed = {"theirs": {"snapshot_name": "x", "description": "y", "force": False}}
    return browser.draw(folder, {"schemas": PUBLISHED | theirs, "typed": TYPED | typed})


def as_karbor_keeps(values: dict[str, Any]) -> dict[str, Any]:
    """After Karbor's versioned objects."""
    kept: dict[str, Any] = DictOfDictOfStringsField().coerce(None, "parameters", {SHARE: values})
    return dict(kept[SHARE])


def test_the_dashboard_draws_what_it_is_known_to_draw(drawn: dict[str, Any]) -> None:
    """Otherwise the tests below would show nothing."""
    known = {"snapshot_name": "text", "description": "text", "force": "checkbox"}
    assert drawn["theirs"]["inputs"] == known


@pytest.mark.parametrize("kind", RICH)
def test_every_parameter_has_an_input(drawn: dict[str, Any], kind: str) -> None:
    form = drawn[kind]
    fields = RICH[kind]["properties"]
    assert form["inputs"] == {
        name: "checkbox" if prop["type"] == "boolean" else "text" for name, prop in fields.items()
    }
    assert form["labels"] == [prop["title"] for prop in fields.values()]
    assert form["help"] == len(fields)


@pytest.mark.parametrize("kind", RICH)
def test_a_form_can_be_saved_as_it_is_and_then_asks_for_the_defaults(
    drawn: dict[str, Any], kind: str
) -> None:
    form = drawn[kind]
    assert form["required"] == 0
    assert form["may_be_saved"]
    meant = parameters.resolve(RICH[kind], {})
    for sent in (form["untouched"], form["never_opened"]):
        assert parameters.resolve(RICH[kind], sent) == meant
        assert parameters.resolve(RICH[kind], as_karbor_keeps(sent)) == meant


@pytest.mark.parametrize("kind", RICH)
def test_what_is_filled_in_is_what_is_meant(drawn: dict[str, Any], kind: str) -> None:
    sent = drawn[kind]["filled_in"]
    assert sent == TYPED[kind]
    meant = TYPED[kind] | {name: MEANT[name] for name in MEANT if name in TYPED[kind]}
    assert parameters.resolve(RICH[kind], sent) == meant
    assert parameters.resolve(RICH[kind], as_karbor_keeps(sent)) == meant
