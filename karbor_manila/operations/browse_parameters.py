# SPDX-License-Identifier: Apache-2.0
"""The parameters of a browse, which are those of a verification that gives access."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from karbor_manila.common import access_to
from karbor_manila.common.errors import InvalidParameter

NAMES = ("browse_to", "browse_type", "browse_for", "browse_end")


def refuse(options: Any) -> None:
    """Refuse them in any other verification (a VerifyOptions). Raises InvalidParameter."""
    for name in NAMES:
        if value := getattr(options, name):
            raise InvalidParameter(name, value, "it is for the depth 'browse' alone")


def checked(options: Any, usual: Mapping[str, Any]) -> Any:
    """The parameters (a VerifyOptions) with the access type that is meant.

    :param usual: the parameters of a restore of which nothing is asked
    :raises InvalidParameter: one of them cannot be used, or not with the others
    """
    for name in sorted(usual.keys() - {"include"}):
        if (value := getattr(options, name)) != usual[name]:
            raise InvalidParameter(name, value, "nothing is restored when a snapshot is browsed")
    if options.browse_end and options.browse_for:
        raise InvalidParameter("browse_for", options.browse_for, "browse_end ends it now")
    if not options.browse_to:
        for name in ("browse_type", "browse_for"):
            if value := getattr(options, name):
                raise InvalidParameter(name, value, "it says nothing without browse_to")
        return options
    try:
        kind = access_to.type_of(options.browse_to, options.browse_type)
    except ValueError as error:
        raise InvalidParameter("browse_to", options.browse_to, str(error)) from None
    return dataclasses.replace(options, browse_type=kind)
