# SPDX-License-Identifier: Apache-2.0
"""Share networks, extra specs, mount point names, keys and locks of the Manila in memory."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from karbor_manila.manila.errors import ManilaRefused
from karbor_manila.manila.features import Features
from tests.fakes.cloud import Cloud

View = dict[str, Any]

#: The spec by which a type allows names.
NAMES = "mount_point_name_support"
_PREFIX = "provisioning:mount_point_prefix"


class FakePlacement:
    """A part of FakeManila."""

    _cloud: Cloud
    _project: str
    _call: Callable[[str, Callable[[], Any]], Any]

    def share_network(self, network_id: str) -> View | None:
        """A network that no test speaks of is active and serves every zone."""
        default = {"id": network_id, "status": "active", "share_network_subnets": [{}]}
        return self._call("share_network", lambda: self._cloud.networks.get(network_id, default))

    def share_type(self, type_id: str) -> View | None:
        specs = self._cloud.type_specs.get(type_id, {})
        return self._call("share_type", lambda: {"id": type_id, "extra_specs": dict(specs)})

    def share_types(self) -> list[View]:
        def view(name: str) -> View:
            type_id = self._cloud.type_ids.get(name, f"id-of-{name}")
            found = {"id": type_id, "name": name}
            specs = self._cloud.type_specs.get(type_id)
            return found | ({"extra_specs": dict(specs)} if specs else {})

        return self._call("share_types", lambda: list(map(view, sorted(self._cloud.share_types))))

    def quota_of(self, project_id: str) -> View:
        return self._call("quota_of", lambda: dict(self._cloud.quotas.get(project_id, {})))

    def mounted_as(self, name: str, *, soft_deleted: bool = False) -> list[View]:
        return self._call(
            "mounted_as",
            lambda: [
                {"id": view["id"], "name": view["name"]}
                for view in self._cloud.shares.values()
                if view.get("mount_point_name") == name
                and view["project_id"] == self._project
                and view["is_soft_deleted"] == soft_deleted
            ],
        )

    def shares_named(self, name: str) -> list[View]:
        return self._call(
            "shares_named",
            lambda: [
                dict(view)
                for view in self._cloud.shares.values()
                if view["name"] == name and view["project_id"] == self._project
            ],
        )

    def locks(self, resource_id: str, *, every_project: bool = False) -> list[View]:
        """Those of another project only to who asks for every project's."""

        def seen() -> list[View]:
            locks = self._cloud.locks.get(resource_id, [])
            of_share = self._cloud.shares[resource_id]["project_id"]
            return list(locks) if every_project or of_share == self._project else []

        return self._call("locks", seen)


def check_name(
    cloud: Cloud, parent: View, fields: dict[str, Any], project_id: str, features: Features
) -> None:
    """manila/share/api.py, _get_mount_point_name; below 2.84 it is ignored without a word."""
    if not features.mount_point_names:
        fields.pop("mount_point_name", None)
    if fields.get("mount_point_name") is None:
        return
    specs = cloud.type_specs.get(parent["share_type"], {})
    if specs.get(NAMES) != "True":
        raise ManilaRefused("create", 400, "Setting a mount point name is not supported")
    prefix = specs.get(_PREFIX, "{project_id}_").format(project_id=project_id)
    fields["mount_point_name"] = prefix + fields["mount_point_name"]


def check_key(fields: Mapping[str, Any]) -> None:
    """manila/share/api.py, create."""
    key = fields.get("encryption_key_ref")
    try:
        _ = key and uuid.UUID(key)
    except ValueError:
        raise ManilaRefused("create", 400, "Encryption key ref is not valid UUID") from None


def check_locks(cloud: Cloud, share_id: str) -> None:
    """manila/share/api.py, prevent_locked_action_on_share."""
    locks = ", ".join(lock["id"] for lock in cloud.locks.get(share_id, []))
    if locks:
        raise ManilaRefused("delete", 403, f"Resource lock/s [{locks}] prevent delete action.")
