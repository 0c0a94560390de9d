# SPDX-License-Identifier: Apache-2.0
"""Which shares of a project a plan covers, by its conditions and by the shares' own metadata."""

from typing import Any

import pytest

from karbor_manila.common import selection
from karbor_manila.common.errors import InvalidParameter


def share(name: str | None = "home-1", **fields: Any) -> dict[str, Any]:
    view = {"id": "a", "name": name, "share_type": "7f", "share_type_name": "gold", "metadata": {}}
    return view | fields


def covers(view: dict[str, Any], **given: Any) -> bool:
    return not selection.of(given).why_not(view)


@pytest.mark.parametrize("given", [{}, {"include": ""}, {"include": None, "exclude": " ,\n; "}])
def test_without_a_condition_every_share_is_covered(given: Any) -> None:
    assert covers(share(), **given)
    assert not selection.of(None).why_not(share(None))


@pytest.mark.parametrize(
    ("term", "fits"),
    [
        ("name:home-1", True),
        ("name:home-*", True),
        ("name:HOME-*", False),
        ("name:h?me-[0-9]", True),
        ("name: home-1 ", True),
        ("type:gold", True),
        ("type:7f", True),
        ("type:g*", True),
        ("type:silver", False),
        ("label:env", True),
        ("label:env=prod", True),
        ("label:env=p*", True),
        ("label:env=test", False),
        ("label:a:b=c=d", True),
        ("label:Env", False),
        ("label:empty", True),
        ("label:empty=", True),
        ("label:env=", False),
    ],
)
def test_a_condition(term: str, fits: bool) -> None:
    view = share(metadata={"env": "prod", "a:b": "c=d", "empty": ""})
    assert covers(view, include=term) is fits
    assert covers(view, exclude=term) is not fits


def test_one_of_the_conditions_is_enough_and_an_exclusion_comes_first() -> None:
    given = {"include": "type:silver, name:home-*;\nlabel:x", "exclude": "name:*-2"}
    assert covers(share("home-1"), **given)
    assert not covers(share("home-2"), **given)
    assert not covers(share("wiki"), **given)


@pytest.mark.parametrize("said", ["no", "No", " false ", "off", "0"])
def test_the_owner_of_a_share_can_take_it_out(said: str) -> None:
    view = share(metadata={"karbor:protect": said})
    assert not covers(view)
    assert not covers(view, include="name:*")
    assert f"karbor:protect={said}" in selection.of({}).why_not(view)


@pytest.mark.parametrize("said", ["yes", "", "none", "maybe"])
def test_another_word_of_the_owner_changes_nothing(said: str) -> None:
    assert covers(share(metadata={"karbor:protect": said}))


def test_why_it_is_left_out_names_the_condition() -> None:
    given = {"include": "type:silver,label:env=prod", "exclude": "name:tmp*"}
    assert selection.of(given).why_not(share("tmp-1")) == "the plan excludes name:tmp*"
    only = selection.of(given).why_not(share())
    assert only == "the plan includes only type:silver, label:env=prod"


@pytest.mark.parametrize(
    "text", ["home", "name:", "name", "label:", "label:=x", "size:3", "name:a,type:", ":x", "="]
)
@pytest.mark.parametrize("parameter", ["include", "exclude"])
def test_what_is_no_condition_is_refused_and_says_what_is(parameter: str, text: str) -> None:
    with pytest.raises(InvalidParameter, match="is no condition; it takes name:PATTERN") as raised:
        selection.of({parameter: text})
    assert raised.value.parameter == parameter


def test_there_may_not_be_any_number_of_them() -> None:
    selection.of({"include": ",".join(["name:a"] * 100)})
    with pytest.raises(InvalidParameter, match="at most 100"):
        selection.of({"include": ",".join(["name:a"] * 101)})


def test_no_pattern_takes_long() -> None:
    """As a regular expression written by hand would."""
    assert not covers(share("a" * 255), include="name:" + "*a" * 120 + "b")
