# SPDX-License-Identifier: Apache-2.0
"""Karbor's configuration file. Standard library only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox import files
from sandbox.keystone.content import DOMAIN, REGION, SERVICE_PROJECT

OUR_MANAGER = "karbor_manila.manager.ProtectionManager"
DATABASE = "karbor.sqlite"
STOCK_MANAGER = "karbor.services.protection.manager.ProtectionManager"


def write(
    directory: Path,
    *,
    port: int,
    identity: str,
    password: str,
    manager: str,
    paste: Path,
    providers: Path,
    debug: bool,
    options: Mapping[str, Any],
    host: str = "sandbox",
    database: Path | None = None,
    connection: str = "",
    transport: str = "fake://",
) -> Path:
    """Write karbor.conf below a directory and return its path.

    :param identity: Keystone's URL without a version.
    :param password: of the user karbor.
    :param manager: class path of the protection manager.
    :param paste: api-paste.ini as Karbor ships it.
    :param options: ``group/name`` to value, laid over what is written here.
    :param host: what Karbor calls the machine that it runs on.
    :param database: the SQLite file; by default one of its own, below the directory.
    :param connection: SQLAlchemy's URL of another database than that.
    :param transport: oslo.messaging's URL of the broker.
    """
    login = {
        "auth_type": "password",
        "auth_url": f"{identity}/v3",
        "username": "karbor",
        "password": password,
        "user_domain_id": DOMAIN,
    }
    sections: dict[str, dict[str, Any]] = {
        "DEFAULT": {
            "debug": debug,
            "use_stderr": True,
            "host": host,
            "state_path": directory,
            "transport_url": transport,
            "osapi_karbor_listen": "127.0.0.1",
            "osapi_karbor_listen_port": port,
            "osapi_karbor_workers": 1,
            "auth_strategy": "keystone",
            "api_paste_config": paste,
            "provider_config_dir": providers,
            "protection_manager": manager,
            **_schedules(),
            "quota_plans": -1,
            "quota_checkpoints": -1,
        },
        "database": {"connection": connection or f"sqlite:///{database or directory / DATABASE}"},
        "oslo_concurrency": {"lock_path": directory / "locks"},
        "keystone_authtoken": {
            **login,
            "project_name": SERVICE_PROJECT,
            "project_domain_id": DOMAIN,
            # With the slash at the end: Karbor appends OS-TRUST to it.
            "www_authenticate_uri": f"{identity}/v3/",
            "service_token_roles": "service",
            "service_token_roles_required": True,
        },
        # No project: a trust brings its own, and without one the user's default project counts.
        "trustee": login,
        "clients_keystone": {"auth_uri": identity},
        "karbor_client": _client("karbor", "data-protect", version="1"),
        "manila_client": _client("manilav2", "sharev2"),
        # Below sandbox.stack.STOP_SECONDS.
        "manila_share_protection": {"shutdown_timeout": 5},
    }
    files.merge(sections, options)
    return files.write(directory / "karbor.conf", files.ini(sections))


def _schedules() -> dict[str, Any]:
    """Return limits that let a test see a schedule fire within two minutes."""
    return {
        "time_format": "crontab",
        "min_interval": 60,
        "min_window_time": 10,
        "max_window_time": 30,
        "trigger_poll_interval": 5,
    }


def _client(name: str, service_type: str, **more: Any) -> dict[str, Any]:
    return {
        "service_name": name,
        "service_type": service_type,
        "interface": "public",
        "region_id": REGION,
        **more,
    }
