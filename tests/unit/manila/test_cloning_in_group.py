# SPDX-License-Identifier: Apache-2.0
"""What no share gets that comes back with its group: it is refused, rather than left out."""

from typing import Any

import pytest

from karbor_manila.common.errors import InvalidParameter
from karbor_manila.manila import cloning


def check(parent: dict[str, Any], asked: dict[str, str]) -> Any:
    return cloning.check(parent, "snap", "share", asked, in_group=True)


def test_a_name_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="'mount_point_name' cannot be 'home'"):
        check({"share_type": "t"}, {"mount_point_name": "home"})


def test_a_share_with_a_key_does_not_come_back_without_it() -> None:
    with pytest.raises(InvalidParameter, match="'as_group' cannot be True"):
        check({"share_type": "t", "encryption_key_ref": "k"}, {})


def test_all_else_needs_nothing_of_the_type() -> None:
    assert check({"share_type": "t"}, {}).share_type == "t"
