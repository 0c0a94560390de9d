# SPDX-License-Identifier: Apache-2.0
"""Which microversion a request is in (manila/api/openstack/wsgi.py, set_api_version_request)."""

import re

from sandbox.simulator.errors import Refused

HEADER = "X-OpenStack-Manila-API-Version"
LOWEST = "2.0"

Version = tuple[int, int]


def numbers(text: str) -> Version:
    """``2.73`` as numbers.

    :raises Refused: 400, it is none
    """
    found = re.fullmatch(r"(\d+)\.(\d+)", text)
    if not found:
        raise Refused(
            400,
            f"API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum.",
        )
    return int(found[1]), int(found[2])


def of(asked: str | None, newest: str) -> Version:
    """The microversion of a request with this header; without one, the lowest.

    :raises Refused: 400 or 406
    """
    version = numbers(asked or LOWEST)
    if not numbers(LOWEST) <= version <= numbers(newest):
        raise Refused(
            406,
            f"Version {asked} is not supported by the API. Minimum is {LOWEST} and maximum is "
            f"{newest}.",
        )
    return version
