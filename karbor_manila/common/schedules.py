# SPDX-License-Identifier: Apache-2.0
"""By what a schedule of Karbor is known when it was made again, with new ids.

Karbor gives every value of a definition back as a string, and gives a trigger without a start the
time of its making as one.
"""

import json
from collections.abc import Mapping
from typing import Any


def content(schedule: Mapping[str, Any]) -> tuple[str, ...]:
    """What is to happen, and when.

    :param schedule: a scheduled operation with its ``trigger``
    """
    return (
        str(schedule["name"]),
        str(schedule["operation_type"]),
        _sorted(schedule["operation_definition"]),
        *when(schedule["trigger"]),
    )


def when(trigger: Mapping[str, Any]) -> tuple[str, ...]:
    """As above, of a trigger alone."""
    properties = given(trigger["properties"])
    properties.pop("start_time", None)
    return (str(trigger["name"]), str(trigger["type"]), _sorted(properties))


def given(properties: Mapping[str, Any]) -> dict[str, Any]:
    """What of the properties of a trigger says something: no value is a string in Karbor, too."""
    return {name: value for name, value in properties.items() if value not in (None, "None", "")}


def _sorted(values: Mapping[str, Any]) -> str:
    return json.dumps({name: str(value) for name, value in values.items()}, sort_keys=True)
