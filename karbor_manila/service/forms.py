# SPDX-License-Identifier: Apache-2.0
"""The schemas as Karbor publishes them: simple enough for a dashboard to draw a form from them.

karbor-dashboard draws an input for the types ``string`` and ``boolean`` and for nothing else, marks
what is ``required`` as not to be left empty, shows no ``enum``, puts titles into the page as HTML
and sends every ``default``, a null too (karbordashboard/js/jquery.karbor.js, createDynamicField).
Karbor's API looks at the names of the properties alone (karbor/api/v1/plans.py,
validate_plan_parameters). What comes back is checked against the schema that the form was made
from, see ``parameters``.
"""

from collections.abc import Mapping
from typing import Any

from karbor_manila.operations import parameters


def form(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with an input for each property.

    :param schema: one of ``schemas/*.json`` with parameters
    :returns: a schema of the same properties: booleans, and text for all else; what it takes and
        what it is by default stands in the description
    """
    properties = schema["properties"]
    made = {
        "title": schema["title"],
        "type": "object",
        "properties": {name: _field(prop) for name, prop in properties.items()},
        "required": [
            name for name in schema.get("required", []) if "default" not in properties[name]
        ],
    }
    if "description" in schema:
        made["description"] = schema["description"]
    return made


def _field(prop: Mapping[str, Any]) -> dict[str, Any]:
    """One property. A default of null is left out: an empty field says the same."""
    default = prop.get("default")
    boolean = parameters.types(prop) == ["boolean"]
    described = [prop["description"], f"It takes {parameters.takes(prop)}."]
    field = {"type": "boolean" if boolean else "string", "title": prop["title"]}
    if default is not None:
        field["default"] = default if boolean else _text(default)
        described.append(f"Default: {_text(default)}.")
    return field | {"description": " ".join(described)}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
