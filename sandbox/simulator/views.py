# SPDX-License-Identifier: Apache-2.0
"""Things as Manila shows them, by microversion (manila/api/views)."""

from typing import Any

from sandbox.simulator.microversions import Version
from sandbox.simulator.objects import Message, Rule, Share, Snapshot, type_id

View = dict[str, Any]

# Field -> the microversion from which on a share has it.
_SINCE: dict[str, Version] = {
    "snapshot_support": (2, 2),
    "task_state": (2, 5),
    "share_type_name": (2, 6),
    "access_rules_status": (2, 10),
    "replication_type": (2, 11),
    "has_replicas": (2, 11),
    "user_id": (2, 16),
    "create_share_from_snapshot_support": (2, 24),
    "revert_to_snapshot_support": (2, 27),
    "share_group_id": (2, 31),
    "source_share_group_snapshot_member_id": (2, 31),
    "mount_snapshot_support": (2, 32),
    "progress": (2, 54),
    "is_soft_deleted": (2, 69),
    "scheduled_to_be_deleted_at": (2, 69),
    "source_backup_id": (2, 80),
    "encryption_key_ref": (2, 90),
    "snapshot_inherit_share_access_support": (2, 99),
}


def links(kind: str, thing_id: str, base: str) -> list[View]:
    """A thing's own links (manila/api/common.py, _get_links)."""
    return [
        {"rel": "self", "href": f"{base}/v2/{kind}/{thing_id}"},
        {"rel": "bookmark", "href": f"{base}/{kind}/{thing_id}"},
    ]


def summary(kind: str, thing: Share | Snapshot, base: str) -> View:
    """What a list without details has of each."""
    return {"id": thing.id, "name": thing.name, "links": links(kind, thing.id, base)}


def share(thing: Share, version: Version, base: str) -> View:
    """A share in detail. Up to 2.8 its export locations are told, from 2.9 on they are a request of
    their own."""
    status = thing.status
    if status == "creating_from_snapshot" and version < (2, 54):
        status = "creating"
    kind = type_id(thing.type_name) if version >= (2, 6) else thing.type_name
    view: View = {
        "id": thing.id,
        "size": thing.size,
        "availability_zone": thing.availability_zone,
        "created_at": thing.created_at,
        "status": status,
        "name": thing.name,
        "description": thing.description,
        "project_id": thing.project_id,
        "snapshot_id": thing.snapshot_id,
        "share_network_id": thing.share_network_id,
        "share_proto": thing.share_proto,
        "metadata": thing.metadata,
        "share_type": kind,
        "volume_type": thing.type_name,
        "links": links("shares", thing.id, base),
        "is_public": thing.is_public,
    }
    if version < (2, 9):
        paths = [] if status.startswith("creating") else [path(thing)]
        view |= {"export_location": paths[0] if paths else None, "export_locations": paths}
    later = _later(thing)
    return view | {name: later[name] for name, since in _SINCE.items() if version >= since}


def _later(thing: Share) -> View:
    return {
        "snapshot_support": thing.snapshot_support,
        "task_state": thing.task_state,
        "share_type_name": thing.type_name,
        "access_rules_status": thing.access_rules_status,
        "replication_type": None,
        "has_replicas": False,
        "user_id": None,
        "create_share_from_snapshot_support": thing.create_share_from_snapshot_support,
        "revert_to_snapshot_support": thing.revert_to_snapshot_support,
        "share_group_id": None,
        "source_share_group_snapshot_member_id": None,
        "mount_snapshot_support": thing.mount_snapshot_support,
        "progress": "100%" if thing.status == "available" else "0%",
        "is_soft_deleted": False,
        "scheduled_to_be_deleted_at": None,
        "source_backup_id": None,
        "encryption_key_ref": None,
        "snapshot_inherit_share_access_support": False,
    }


def snapshot(thing: Snapshot, version: Version, base: str) -> View:
    """A snapshot in detail."""
    view: View = {
        "id": thing.id,
        "share_id": thing.share_id,
        "share_size": thing.share_size,
        "created_at": thing.created_at,
        "status": thing.status,
        "name": thing.name,
        "description": thing.description,
        "size": thing.size,
        "share_proto": thing.share_proto,
        "links": links("snapshots", thing.id, base),
    }
    if version >= (2, 17):
        view |= {"user_id": None, "project_id": thing.project_id}
    if version >= (2, 73):
        view["metadata"] = thing.metadata
    return view


def rule(thing: Rule, version: Version) -> View:
    """An access rule. ``access_key`` is that of CephFS; other backends have none."""
    view: View = {
        "id": thing.id,
        "access_level": thing.access_level,
        "access_to": thing.access_to,
        "access_type": thing.access_type,
        "state": thing.state,
        "access_key": None,
        "created_at": thing.created_at,
        "updated_at": None,
    }
    if version >= (2, 45):
        view["metadata"] = thing.metadata
    return view


def path(thing: Share) -> str:
    """Where a share is mounted from."""
    return f"127.0.0.1:/shares/{thing.id}"


def export_location(thing: Share) -> View:
    """The one export location of a share."""
    return {"id": thing.id, "path": path(thing), "preferred": False, "metadata": {}}


def message(thing: Message, base: str) -> View:
    """A user message."""
    return {
        "id": thing.id,
        "project_id": thing.project_id,
        "action_id": "001",
        "detail_id": "002",
        "message_level": "ERROR",
        "created_at": thing.created_at,
        "expires_at": None,
        "request_id": thing.request_id,
        "links": links("messages", thing.id, base),
        "resource_type": thing.resource_type,
        "resource_id": thing.resource_id,
        "user_message": thing.user_message,
    }


def share_type(name: str, can: dict[str, bool], default: str) -> View:
    """A share type."""
    return {
        "id": type_id(name),
        "name": name,
        "extra_specs": {key: str(value) for key, value in can.items()},
        "required_extra_specs": {"driver_handles_share_servers": "False"},
        "share_type_access:is_public": True,
        "description": None,
        "is_default": name == default,
    }


def versions(base: str, newest: str) -> View:
    """The version document (manila/api/versions.py)."""
    return {
        "versions": [
            {
                "id": "v2.0",
                "status": "CURRENT",
                "version": newest,
                "min_version": "2.0",
                "updated": "2015-08-27T11:33:21Z",
                "links": [
                    {
                        "rel": "describedby",
                        "type": "text/html",
                        "href": "http://docs.openstack.org/",
                    },
                    {"rel": "self", "href": f"{base}/v2/"},
                ],
                "media-types": [
                    {
                        "base": "application/json",
                        "type": "application/vnd.openstack.share+json;version=1",
                    }
                ],
            }
        ]
    }
