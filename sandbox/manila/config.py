# SPDX-License-Identifier: Apache-2.0
"""Write the files that Manila in the sandbox is configured by.

Standard library only: the launcher calls this from an interpreter that has no Manila.
"""

import os
import pathlib
from collections.abc import Mapping

from sandbox import files

BACKEND = "directories"
"""Name of the backend that has all plain shares, of its section and of its only pool."""
MIRROR = "mirror"
"""A backend for replicas of the first one's shares, and for groups of more than one moment."""
SERVERS = "servers"
"""A backend with share servers on share networks."""
WATCH = "watch"
"""The folder, below that of Manila, in which a hook tells Karbor what becomes of its snapshots."""

# One pipeline is enough: the sandbox has one way to authenticate and serves only v2.
PASTE = {
    "composite:osapi_share": {
        "use": "call:manila.api:root_app_factory",
        "/": "versions",
        "/v2": "v2",
    },
    "pipeline:versions": {"pipeline": "request_id faultwrap http_proxy_to_wsgi versions_app"},
    "pipeline:v2": {
        "pipeline": "request_id faultwrap http_proxy_to_wsgi sizelimit authtoken context v2_app",
    },
    "app:versions_app": {"paste.app_factory": "manila.api.versions:VersionsRouter.factory"},
    "app:v2_app": {"paste.app_factory": "manila.api.v2.router:APIRouter.factory"},
    "filter:request_id": {
        "paste.filter_factory": "oslo_middleware.request_id:RequestId.factory",
    },
    "filter:faultwrap": {
        "paste.filter_factory": "manila.api.middleware.fault:FaultWrapper.factory",
    },
    "filter:http_proxy_to_wsgi": {
        "paste.filter_factory": "oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory",
    },
    "filter:sizelimit": {
        "paste.filter_factory": "oslo_middleware.sizelimit:RequestBodySizeLimiter.factory",
    },
    "filter:authtoken": {"paste.filter_factory": "keystonemiddleware.auth_token:filter_factory"},
    "filter:context": {
        "paste.filter_factory": "manila.api.middleware.auth:ManilaKeystoneContext.factory",
    },
}


def write(
    directory: str | os.PathLike,
    *,
    port: int,
    keystone_url: str,
    password: str,
    host: str = "sandbox",
    **options: Mapping[str, object],
) -> pathlib.Path:
    """Write manila.conf and api-paste.ini below a directory, replacing what is there.

    :param directory: made if absent; database, log, locks and shares live below it too
    :param port: TCP port of the API on 127.0.0.1
    :param keystone_url: public Identity endpoint, for example http://127.0.0.1:5000/v3
    :param password: of user ``manila`` in project ``service``, both in domain Default
    :param host: Manila's host name; shares remember it, so keep it over restarts
    :param options: one mapping for each section of manila.conf, laid over what is written
        here: ``write(..., DEFAULT={'debug': True}, quota={'shares': 3})``
    :returns: the path of manila.conf
    """
    top = pathlib.Path(directory).resolve()
    top.mkdir(parents=True, exist_ok=True)
    paste = top / "api-paste.ini"
    sections = _sections(
        top, paste, port=port, keystone_url=keystone_url, password=password, host=host
    )
    for name, values in options.items():
        sections.setdefault(name, {}).update(values)
    files.write(paste, files.ini(PASTE))
    return files.write(top / "manila.conf", files.ini(sections))


def _sections(
    top: pathlib.Path,
    paste: pathlib.Path,
    *,
    port: int,
    keystone_url: str,
    password: str,
    host: str,
) -> dict[str, dict[str, object]]:
    """Answer manila.conf as section -> option -> value."""
    database = f"sqlite:///{top / 'manila.db'}"
    return {
        "DEFAULT": {
            "host": host,
            "my_ip": "127.0.0.1",
            "state_path": top / "state",
            "log_file": top / "manila.log",
            "transport_url": "fake://",
            "osapi_share_listen": "127.0.0.1",
            "osapi_share_listen_port": port,
            "api_paste_config": paste,
            "auth_strategy": "keystone",
            "enabled_share_backends": ",".join((BACKEND, MIRROR, SERVERS)),
            "enabled_share_protocols": "NFS,CIFS,CEPHFS",
            "default_share_type": "sandbox",
            "default_share_group_type": "sandbox",
            # Without GoodnessWeigher, which warns in the log for every share made.
            "scheduler_default_weighers": "CapacityWeigher",
            # Otherwise a restart shows every share as "ensuring" for a while, and a kill in
            # that while leaves it so (manila/share/manager.py, ensure_driver_resources).
            "update_shares_status_on_ensure": False,
            # How often the driver is asked about what goes on in steps (backend/backups.py).
            "driver_backup_continue_update_interval": 1,
            "driver_restore_continue_update_interval": 1,
            "backup_continue_update_interval": 1,
            "restore_continue_update_interval": 1,
            "migration_driver_continue_update_interval": 1,
            "replica_state_update_interval": 2,
            "backup_driver": "sandbox.manila.backend.data.DirectoryBackupDriver",
            "sandbox_backup_root": top / "data-backups",
            "sandbox_delays_file": top / "delays.json",
            "sandbox_faults_file": top / "faults.json",
        },
        **_backends(top),
        # The isolation levels are read by sandbox/manila/sqlite.py: one engine for those who
        # write, another for those who only read.
        "database": {
            "connection": database + "?isolation_level=IMMEDIATE",
            "slave_connection": database + "?isolation_level=DEFERRED",
        },
        "quota": {
            "shares": 10000,
            "snapshots": 10000,
            "gigabytes": 1000000,
            "snapshot_gigabytes": 1000000,
            "share_groups": 1000,
            "share_group_snapshots": 1000,
            "backups": 10000,
            "backup_gigabytes": 1000000,
        },
        "oslo_concurrency": {"lock_path": top / "state" / "locks"},
        # Credentials in a section of their own: the API and the share service live in one
        # process, and both would register auth_url in keystone_authtoken.
        "keystone_authtoken": {
            "www_authenticate_uri": keystone_url,
            "auth_section": "service_user_of_manila",
            "interface": "public",
            "region_name": "RegionOne",
            "service_token_roles": "service",
            "service_token_roles_required": True,
        },
        "service_user_of_manila": {
            "auth_type": "password",
            "auth_url": keystone_url,
            "username": "manila",
            "password": password,
            "project_name": "service",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        },
    }


def _backends(top: pathlib.Path) -> dict[str, dict[str, object]]:
    """Answer the sections of the backends.

    Plain shares come to the first one, whose capacity is the largest by far.
    """
    common = {
        "share_driver": "sandbox.manila.driver.DirectoryShareDriver",
        "driver_handles_share_servers": False,
        "sandbox_delays_file": top / "delays.json",
        "sandbox_faults_file": top / "faults.json",
        # The process has this repository on its path, so that Manila finds it.
        "hook_drivers": "karbor_manila.hooks.watch.CheckpointWatchHook",
        "enable_pre_hooks": True,
        "enable_post_hooks": True,
        "enable_periodic_hooks": True,
        "karbor_watch_spool": top / WATCH,
    }
    replicas = {**common, "replication_domain": "sandbox"}
    network = {
        "network_api_class": "manila.network.standalone_network_plugin.StandaloneNetworkPlugin",
        "standalone_network_plugin_gateway": "10.254.0.1",
        "standalone_network_plugin_mask": "24",
    }
    return {
        BACKEND: {
            **replicas,
            "share_backend_name": BACKEND,
            "sandbox_export_root": top / "exports",
        },
        MIRROR: {
            **replicas,
            "share_backend_name": MIRROR,
            "sandbox_export_root": top / "exports-of-mirror",
            "sandbox_capacity_gb": 1000,
            "sandbox_consistent_groups": False,
        },
        SERVERS: {
            **common,
            **network,
            "share_driver": "sandbox.manila.driver.ServerShareDriver",
            "share_backend_name": SERVERS,
            "driver_handles_share_servers": True,
            "sandbox_export_root": top / "exports-of-servers",
            "sandbox_capacity_gb": 1000,
        },
    }
