# SPDX-License-Identifier: Apache-2.0
"""karbor-dashboard's own JavaScript on what we publish: every parameter can be filled in, and what
the form then sends is what the user meant."""

import os
from pathlib import Path
from typing import Any

import pytest
from karbor.objects.base import DictOfDictOfStringsField
from karbor.services.protection.protection_plugins.share.share_snapshot_plugin import (
    ManilaSnapshotProtectionPlugin as Karbors,
)

from karbor_manila.operations import parameters
from karbor_manila.service import forms as published
from tests.dashboard import browser, forms
from tests.dashboard.__main__ import PAGE, with_table
from tests.dashboard.forms import MEANT, RICH, SHARE, TYPED

PUBLISHED = forms.published()
#: What nobody can fill in, and what has to be filled in.
PLANTED = {
    "title": "planted",
    "type": "object",
    "properties": {
        "lost": {"type": ["string", "null"], "title": "lost", "description": "not drawn"},
        "must": {"type": "string", "title": "must", "description": "marked"},
    },
    "required": ["must"],
}

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the dashboard makes of our schemas, and of Karbor's own plugin's."""
    place = os.environ.get("KARBOR_MANILA_DASHBOARD")
    folder = Path(place) if place else tmp_path_factory.mktemp("dashboard") / "js"
    try:
        browser.install(folder)
    except browser.NotInstalled as error:  # as without node: a registry is not ours
        pytest.skip(str(error))
    others = {"theirs": Karbors.get_options_schema(SHARE), "planted": PLANTED}
    typed = {"theirs": {"snapshot_name": "x", "description": "y", "force": False}, "planted": {}}
    return browser.draw(folder, {"schemas": PUBLISHED | others, "typed": TYPED | typed})


def as_karbor_keeps(values: dict[str, Any]) -> dict[str, Any]:
    """After Karbor's versioned objects."""
    kept: dict[str, Any] = DictOfDictOfStringsField().coerce(None, "parameters", {SHARE: values})
    return dict(kept[SHARE])


def test_every_form_of_ours_is_among_them() -> None:
    """A property or a form that is added has to be in tests/dashboard/forms.py."""
    assert {kind: published.form(schema) for kind, schema in RICH.items()} == PUBLISHED
    for kind, schema in PUBLISHED.items():
        assert TYPED[kind].keys() == schema["properties"].keys(), kind


def test_the_dashboard_draws_what_it_is_known_to_draw(drawn: dict[str, Any]) -> None:
    """Otherwise the tests below would show nothing."""
    known = {"snapshot_name": "text", "description": "text", "force": "checkbox"}
    assert drawn["theirs"]["inputs"] == known
    assert drawn["planted"]["inputs"] == {"must": "text"}
    assert drawn["planted"]["must"] == ["must"]


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
    assert form["must"] == []
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


def test_the_table_in_the_documents_is_what_is_drawn(drawn: dict[str, Any]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page, forms.table(drawn)), "run python -m tests.dashboard"
