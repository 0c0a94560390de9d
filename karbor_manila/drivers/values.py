# SPDX-License-Identifier: Apache-2.0
"""The plain values that a driver is given and gives back; see also :class:`.kept.Kept`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import NewShare


@dataclass(frozen=True)
class ProtectOptions:
    """One share's resolved parameters of a protection.

    ``name`` and ``description`` are of what keeps the share. ``force`` is whether a share that is
    not available is protected all the same, as far as Manila lets it. ``record_access_rules`` is
    whether the share's record is to have its access rules; no driver needs it.
    """

    name: str
    description: str | None = None
    force: bool = False
    record_access_rules: bool = True


@dataclass(frozen=True)
class Preflight:
    """What a driver found of the shares of a flow, by their ids, before anything was made.

    ``refused`` are the errors of those that cannot be protected; ``caveats`` are sentences on
    others, which their user should know.
    """

    refused: Mapping[str, Exception] = field(default_factory=dict)
    caveats: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """What a restore makes: a new share with this mark. ``share_proto`` is what the source share
    had, by its record: Manila wants it. ``as_group`` is whether the group that was kept together
    comes back as a group, of which the new share is one (see :class:`.abilities.KeepsTogether`)."""

    mark: Mark
    new: NewShare
    share_proto: str
    as_group: bool = False
