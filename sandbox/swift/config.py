# SPDX-License-Identifier: Apache-2.0
"""Swift's configuration files, and Karbor's options for it. Standard library only.

One replica on one device, as Swift's own "all in one" has it but for the number of processes.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import files, ports
from sandbox.keystone.content import DOMAIN, SERVICE_PROJECT, SWIFT

if TYPE_CHECKING:
    from sandbox.services import Services

#: The ports of one process, by the names that ``sandbox.ports`` knows them under.
PORTS = (SWIFT, "swift_account", "swift_container", "swift_object")
#: The kinds of servers behind the proxy, each of which has a ring.
KINDS = ("account", "container", "object")
DEVICE = "disk"
CONTAINER = "karbor"
#: As few keys in one answer as a test can afford to exceed; Swift's own number is 10000.
LISTING = 50
_PIPELINE = "catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk authtoken"
_FILTERS = {
    name: {"use": f"egg:swift#{entry}"}
    for name, entry in {
        "catch_errors": "catch_errors",
        "gatekeeper": "gatekeeper",
        "healthcheck": "healthcheck",
        "proxy-logging": "proxy_logging",
        "cache": "memcache",
        "listing_formats": "listing_formats",
        "bulk": "bulk",
        "copy": "copy",
        "slo": "slo",
        "dlo": "dlo",
    }.items()
}


def write_for(services: "Services") -> Path:
    """As :func:`write`, for a sandbox."""
    return write(
        services.state.directory(SWIFT),
        chosen=services.ports,
        keystone_url=f"{services.url('identity')}/v3",
        password=services.state.passwords()[SWIFT],
        debug=services.settings.debug,
    )


def sections_for(services: "Services") -> dict[str, dict[str, Any]]:
    """As :func:`sections`, for a sandbox, whose catalog says that Swift is at the proxy."""
    return sections(f"{services.url('identity')}/v3", services.state.passwords()["karbor"])


def write(
    directory: Path, *, chosen: Mapping[str, int], keystone_url: str, password: str, debug: bool
) -> Path:
    """Write everything below a directory and return it.

    :param chosen: the port of each of ``PORTS``
    :param keystone_url: with ``/v3``
    :param password: of the user swift
    """
    (directory / "devices" / DEVICE).mkdir(parents=True, exist_ok=True)
    level = "DEBUG" if debug else "INFO"
    files.write(directory / "swift.conf", files.ini(_hash(directory)))
    files.write(
        directory / "proxy-server.conf",
        files.ini(_proxy(directory, chosen, keystone_url, password, level)),
    )
    for kind in KINDS:
        sections = _server(directory, kind, chosen[f"swift_{kind}"], level)
        files.write(directory / f"{kind}-server.conf", files.ini(sections))
    return directory


def sections(keystone_url: str, password: str) -> dict[str, dict[str, Any]]:
    """Karbor's options for it, in a provider's file (karbor/services/protection/clients/swift.py):
    the bank is in the account of the project in which Karbor itself is.

    :param password: of the user karbor
    """
    return {
        "swift_client": {
            "swift_auth_url": keystone_url,
            "swift_user": "karbor",
            "swift_key": password,
            "swift_tenant_name": SERVICE_PROJECT,
            # By their names, whatever case these are in: not as ids.
            "swift_user_domain_name": "Default",
            "swift_project_domain_name": "Default",
        },
        "swift_bank_plugin": {"bank_swift_object_container": CONTAINER},
    }


def _hash(directory: Path) -> dict[str, dict[str, Any]]:
    """Where objects are on disk depends on it, so it is made once."""
    known = files.read_json(directory / "hash.json")
    if known is None:
        known = {"swift_hash_path_suffix": secrets.token_hex(8)}
        files.write_json(directory / "hash.json", known)
    return {
        "swift-hash": known,
        "storage-policy:0": {"name": "one", "default": "yes"},
        "swift-constraints": {"container_listing_limit": LISTING},
    }


def _proxy(
    directory: Path, chosen: Mapping[str, int], keystone_url: str, password: str, level: str
) -> dict[str, dict[str, Any]]:
    return {
        "DEFAULT": {
            "bind_ip": ports.HOST,
            "bind_port": chosen[SWIFT],
            "swift_dir": directory,
            "log_level": level,
        },
        "pipeline:main": {
            "pipeline": f"{_PIPELINE} keystoneauth copy slo dlo proxy-logging proxy-server"
        },
        "app:proxy-server": {
            "use": "egg:swift#proxy",
            "account_autocreate": True,
            # One server of a kind that failed now and then is all there are of it.
            "error_suppression_limit": 1_000_000,
        },
        **{f"filter:{name}": dict(options) for name, options in _FILTERS.items()},
        "filter:keystoneauth": {
            "use": "egg:swift#keystoneauth",
            "operator_roles": "admin, member",
        },
        "filter:authtoken": {
            "paste.filter_factory": "keystonemiddleware.auth_token:filter_factory",
            "www_authenticate_uri": keystone_url,
            "auth_type": "password",
            "auth_url": keystone_url,
            "username": SWIFT,
            "password": password,
            "project_name": SERVICE_PROJECT,
            "user_domain_id": DOMAIN,
            "project_domain_id": DOMAIN,
            "delay_auth_decision": True,
            "service_token_roles_required": True,
        },
    }


def _server(directory: Path, kind: str, port: int, level: str) -> dict[str, dict[str, Any]]:
    return {
        "DEFAULT": {
            "bind_ip": ports.HOST,
            "bind_port": port,
            "devices": directory / "devices",
            "mount_check": False,
            "disable_fallocate": True,
            "swift_dir": directory,
            "recon_cache_path": directory,
            "log_level": level,
        },
        "pipeline:main": {"pipeline": f"{kind}-server"},
        f"app:{kind}-server": {"use": f"egg:swift#{kind}"},
        f"{kind}-replicator": {},
        f"{kind}-updater": {},
        f"{kind}-auditor": {},
    }
