# SPDX-License-Identifier: Apache-2.0
"""Validators of JSON Schemas, each made once: that takes longer than to validate."""

from collections.abc import Mapping
from typing import Any

import cachetools
import jsonschema


@cachetools.cached({}, key=id)  # a validator keeps its schema, so that no other one gets that id
def validator(schema: Mapping[str, Any]) -> Any:
    """The validator (jsonschema's, draft 2020-12, which checks formats too) of a schema that is
    never changed."""
    kind = jsonschema.Draft202012Validator
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


def worst(schema: Mapping[str, Any], value: object) -> Any:
    """The error (a jsonschema.ValidationError) that tells most of what is wrong with a value, None
    when nothing is."""
    return jsonschema.exceptions.best_match(validator(schema).iter_errors(value))
