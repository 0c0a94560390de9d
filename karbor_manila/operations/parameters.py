# SPDX-License-Identifier: Apache-2.0
"""The user's parameters, resolved once per share into a frozen value: coerced, defaults filled in,
validated against ``schemas/``.

Karbor checks only that the names are known and turns every value into a string on its way
(karbor/objects/base.py, DictOfDictOfStringsField), so ``"True"`` has to become true here before a
schema can be applied. A form sends text for everything but a check box, and an empty one for what
was left alone (see ``forms``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oslo_utils import strutils

from karbor_manila.common import validators
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.drivers.base import ProtectOptions
from karbor_manila.operations import browse_parameters, hold_parameters
from karbor_manila.schemas import OPTIONS_SCHEMA, RESTORE_SCHEMA, VERIFY_SCHEMA

# Parameters of a new share that mean nothing for one that is there, and the other way round.
_OF_A_NEW_SHARE = (
    "restore_name",
    "restore_description",
    "size",
    "share_type",
    "share_network_id",
    "mount_point_name",
    "is_public",
    "access_rules",
    "as_group",
    "keep_failed",
)
_OF_A_REVERT = ("remove_newer", "safety_copy")

#: The depths of a verification (schemas/verify.json).
RECORD, PLAN, DRILL, BROWSE = "record", "plan", "drill", "browse"


@dataclass(frozen=True)
class RestoreOptions:
    """The parameters of one share's restore; see ``schemas/restore.json``. ``size`` is in GiB."""

    include: bool
    share_id: str | None
    restore_name: str | None
    restore_description: str | None
    size: int | None
    share_type: str | None
    share_network_id: str | None
    mount_point_name: str | None
    is_public: bool
    metadata: bool
    access_rules: bool
    as_group: bool
    keep_failed: bool
    remove_newer: bool
    safety_copy: bool

    @classmethod
    def usual(cls) -> "RestoreOptions":
        """Those of a restore of which nothing was asked for."""
        return cls(**resolve(RESTORE_SCHEMA, None))

    @property
    def is_revert(self) -> bool:
        """Whether the protected share itself is put back."""
        return bool(self.share_id)

    @property
    def makes_share(self) -> bool:
        """Whether the restore makes a share: a new one, or the safety copy of a revert."""
        return self.include and (self.safety_copy or not self.is_revert)

    @property
    def asked(self) -> dict[str, str]:
        """What the user asked for of what Manila gives a new share by itself."""
        given = {
            "share_type": self.share_type,
            "share_network_id": self.share_network_id,
            "mount_point_name": self.mount_point_name,
        }
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True)
class VerifyOptions(RestoreOptions):
    """The parameters of one share's verification: those of the restore that it plans, how deeply it
    checks, to whom it gives access, and how the checkpoint is held. ``browse_for`` and
    ``drill_older_than`` are in seconds, ``hold_until`` a day (UTC)."""

    depth: str
    browse_to: str | None
    browse_type: str | None
    browse_for: int | None
    browse_end: bool
    hold_why: str | None
    hold_until: str | None
    drill_older_than: int | None

    @property
    def changes_access(self) -> bool:
        """Whether access is given or taken back."""
        browses = self.include and self.depth == BROWSE
        return browses and bool(self.browse_to or self.browse_end)


def protect_options(
    given: Mapping[str, Any] | None, checkpoint_id: str, *, record_access_rules: bool = True
) -> ProtectOptions:
    """The parameters of a protection or a copy of one share. Raises InvalidParameter.

    :param record_access_rules: what the provider says, for who does not
    """
    wanted = resolve(OPTIONS_SCHEMA, given)
    recorded = wanted["record_access_rules"]
    return ProtectOptions(
        name=wanted["snapshot_name"] or default_name(checkpoint_id),
        description=wanted["description"],
        force=wanted["force"],
        record_access_rules=record_access_rules if recorded is None else recorded,
    )


def default_name(checkpoint_id: str) -> str:
    """The name of what keeps a share in a checkpoint, when the user gives none."""
    return f"checkpoint-{checkpoint_id}"


def restore_options(share_id: str, given: Mapping[str, Any] | None) -> RestoreOptions:
    """The parameters of a restore of one share, whatever Manila says.

    :param share_id: the share that the checkpoint holds
    :raises InvalidParameter: one of them cannot be used, or not with the others
    """
    options = RestoreOptions(**resolve(RESTORE_SCHEMA, given))
    _check_together(share_id, options)
    return options


def verify_options(share_id: str, given: Mapping[str, Any] | None) -> VerifyOptions:
    """The parameters of a verification of one share.

    :raises InvalidParameter: as :func:`restore_options`, for what a drill cannot do, and for what
        is of a whole checkpoint
    """
    options = VerifyOptions(**resolve(VERIFY_SCHEMA, given))
    hold_parameters.refuse(options)
    if options.drill_older_than and options.depth != DRILL:
        why = "it is for the depth 'drill' alone"
        raise InvalidParameter("drill_older_than", options.drill_older_than, why)
    if options.depth == BROWSE:
        browsed: VerifyOptions = browse_parameters.checked(options, vars(RestoreOptions.usual()))
        return browsed
    browse_parameters.refuse(options)
    _check_together(share_id, options)
    if options.depth == DRILL:
        for name in ("share_id", "keep_failed", "mount_point_name", "as_group"):
            if value := getattr(options, name):
                raise InvalidParameter(
                    name, value, "a drill makes a temporary share and leaves nothing behind"
                )
    return options


def _check_together(share_id: str, options: RestoreOptions) -> None:
    """Refuse parameters that mean nothing for the way of the restore."""
    target = options.share_id
    if target and target != share_id:
        for name in _OF_A_REVERT:
            if value := getattr(options, name):
                why = "it can only be given when share_id is the protected share itself"
                raise InvalidParameter(name, value, why)
    for name in _OF_A_NEW_SHARE if target else _OF_A_REVERT:
        if value := getattr(options, name):
            when = "a new share is made" if target else "the share is restored in place (share_id)"
            raise InvalidParameter(name, value, f"it can only be given when {when}")


def resolve(schema: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The parameters as the schema means them, every property of the schema present.

    Empty text and null are what was not given, except for a boolean: no form leaves that open, and
    its sender may have meant either.

    :param schema: a JSON Schema of type object, with ``properties``
    :param given: what the user gave, values possibly as strings; may be None
    :raises InvalidParameter: names the parameter, the value and what is allowed
    """
    properties = schema["properties"]
    given = given or {}
    for name in given:
        if name not in properties:
            known = ", ".join(sorted(properties)) or "none"
            raise InvalidParameter(
                name, given[name], f"there is no such parameter; known are: {known}"
            )
    resolved = {name: prop["default"] for name, prop in properties.items() if "default" in prop}
    resolved |= {
        name: _coerce(properties[name], name, value)
        for name, value in given.items()
        if not _is_left_open(properties[name], value)
    }
    _validate(schema, resolved)
    return resolved


def merge(
    parameters: Mapping[str, Mapping[str, Any]] | None, resource_type: str, resource_id: str
) -> dict[str, Any]:
    """What Karbor hands to the hooks of one resource: its type's parameters, its own on top.

    The rule is Karbor's (karbor/services/protection/resource_flow.py, _create_hook_task).
    """
    parameters = parameters or {}
    merged = dict(parameters.get(resource_type) or {})
    merged.update(parameters.get(f"{resource_type}#{resource_id}") or {})
    return merged


def _is_left_open(prop: Mapping[str, Any], value: Any) -> bool:
    """Whether this is what a form sends for a field that was left alone or cleared."""
    return value in ("", None) and "default" in prop and types(prop) != ["boolean"]


def _coerce(prop: Mapping[str, Any], name: str, value: Any) -> Any:
    kinds = types(prop)
    if not isinstance(value, str) or "string" in kinds:
        return value
    if "boolean" in kinds:
        try:
            return strutils.bool_from_string(value, strict=True)
        except ValueError:
            raise InvalidParameter(name, value, _allowed(prop)) from None
    # int() takes underscores and the digits of all scripts as well.
    if "integer" in kinds and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", value):
        return int(value)
    return value


def _validate(schema: Mapping[str, Any], resolved: Mapping[str, Any]) -> None:
    wrong = validators.worst(schema, resolved)
    if wrong is None:
        return
    if not wrong.absolute_path:
        raise InvalidParameter("parameters", dict(resolved), wrong.message)
    name = str(wrong.absolute_path[0])
    raise InvalidParameter(name, resolved[name], _allowed(schema["properties"][name]))


def _allowed(prop: Mapping[str, Any]) -> str:
    """What a property takes, as the end of a sentence."""
    return f"it takes {takes(prop)}"


def takes(prop: Mapping[str, Any]) -> str:
    """What a property takes, in words: its type, choices and bounds."""
    words = {"string": "text", "boolean": "true or false", "integer": "a whole number"}
    expected = " or ".join(words[kind] for kind in types(prop) if kind in words)
    if prop.get("format") == "uuid":
        expected = "an id (a UUID)"
    if "enum" in prop:
        expected = "one of " + ", ".join(str(value) for value in prop["enum"] if value)
    if "maxLength" in prop:
        expected += f" of at most {prop['maxLength']} characters"
    if "pattern" in prop:
        expected += f" that matches {prop['pattern']}"
    if "minimum" in prop:
        expected += f", at least {prop['minimum']}"
    if "maximum" in prop:
        expected += f", at most {prop['maximum']}"
    return expected + (" or nothing" if "null" in types(prop) else "")


def types(prop: Mapping[str, Any]) -> list[str]:
    """The JSON types that a property may have."""
    kinds = prop.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)
