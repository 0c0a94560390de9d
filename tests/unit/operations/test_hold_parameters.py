# SPDX-License-Identifier: Apache-2.0
"""Which verifications are a hold, a release, or a deletion had back or purged."""

import pytest

from karbor_manila.operations import hold_parameters

SHARE = "OS::Manila::Share"


@pytest.mark.parametrize("depth", sorted(hold_parameters.DEPTHS))
def test_each_depth_of_a_whole_checkpoint_is_known(depth: str) -> None:
    assert hold_parameters.of_request({SHARE: {"depth": depth}}) == depth


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        {},
        {SHARE: None},
        {SHARE: "hold"},
        {SHARE: ["hold"]},
        {SHARE: {}},
        {SHARE: {"depth": "record"}},
        {SHARE: {"depth": ["hold"]}},
        {SHARE: {"depth": {"hold": 1}}},
        {SHARE: {"depth": None}},
    ],
)
def test_anything_else_is_none_of_them_and_no_error(parameters: object) -> None:
    assert hold_parameters.of_request(parameters) == ""
