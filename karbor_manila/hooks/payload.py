# SPDX-License-Identifier: Apache-2.0
"""What a hook's call tells to a program or a service of the operator's: plain JSON, no secrets."""

from collections.abc import Mapping, Sequence
from typing import Any

from karbor_manila.hooks.base import Call, Outcome
from karbor_manila.manila.views import View

#: Of the payload. A field may join it; one that goes or changes its meaning makes another version.
VERSION = 1

PRE, POST, PERIODIC = "pre", "post", "periodic"
PHASES = (PRE, POST, PERIODIC)

# Metadata is not among them: a tenant may keep private values in it.
_OF_SHARE = {
    "id": "id",
    "name": "name",
    "share_type_id": "share_type",
    "share_type": "share_type_name",
    "share_proto": "share_proto",
    "size": "size",
}


def describe(
    hook: str,
    phase: str,
    call: Call,
    shares: Sequence[View],
    outcome: Outcome | None = None,
) -> dict[str, Any]:
    """A call of a hook, as JSON values.

    :param hook: its name in ``hook_drivers``
    :param shares: those of the call that it is told of; ``size`` is in GiB. What is not known of
        one is null
    :param outcome: of a post
    """
    told: dict[str, Any] = {
        "version": VERSION,
        "hook": hook,
        "phase": phase,
        "point": call.point,
        "scope": call.scope,
        "checkpoint_id": call.checkpoint_id,
        "provider_id": call.provider_id,
        "project_id": call.project_id,
        "request_id": call.request_id,
        "shares": [of_share(view) for view in shares],
    }
    if outcome is not None:
        told["outcome"] = {
            "status": outcome.status,
            "error": outcome.error,
            "pre_error": outcome.pre_error,
        }
    return told


def of_share(view: View) -> dict[str, Any]:
    """What is told of a share."""
    return {name: view.get(field) for name, field in _OF_SHARE.items()}


def periodic(hook: str, data: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A periodic call, as JSON values.

    :param data: what the drivers tell of the shares; their metadata are left out, as above
    """
    shares = [{name: row[name] for name in row if name != "metadata"} for row in data]
    return {"version": VERSION, "hook": hook, "phase": PERIODIC, "shares": shares}
