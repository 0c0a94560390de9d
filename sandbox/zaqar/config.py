# SPDX-License-Identifier: Apache-2.0
"""Zaqar's configuration file. Standard library only."""

from pathlib import Path
from typing import Any

from sandbox import files, ports
from sandbox.keystone.content import DOMAIN, REGION, SERVICE_PROJECT, ZAQAR

#: Zaqar's defaults keep each request for half a minute when Redis is down.
RECONNECT = {"max_reconnect_attempts": 1, "reconnect_sleep": 0.2}
MAILS = "mails"


def write(
    directory: Path, *, keystone_url: str, password: str, redis_port: int, debug: bool
) -> Path:
    """Write zaqar.conf below a directory and return its path.

    Queues and subscriptions are in Redis as well as messages: with a management store in SQLite,
    Zaqar 23.0.1 cannot make its tables.

    :param keystone_url: with ``/v3``.
    :param password: of the user zaqar.
    """
    store = {"uri": f"redis://{ports.HOST}:{redis_port}", **RECONNECT}
    sections: dict[str, dict[str, Any]] = {
        "DEFAULT": {
            "debug": debug,
            "use_stderr": True,
            # Else anybody could post into anybody's project.
            "auth_strategy": "keystone",
        },
        "drivers": {"transport": "wsgi", "message_store": "redis", "management_store": "redis"},
        "drivers:message_store:redis": store,
        "drivers:management_store:redis": store,
        # Without it there are subscriptions, and nothing is handed on to them.
        "storage": {"message_pipeline": "zaqar.notification.notifier"},
        # Mails are kept in a file.
        "notification": {"smtp_command": f"tee -a {directory / MAILS}"},
        "keystone_authtoken": {
            "auth_type": "password",
            "auth_url": keystone_url,
            "username": ZAQAR,
            "password": password,
            "project_name": SERVICE_PROJECT,
            "user_domain_id": DOMAIN,
            "project_domain_id": DOMAIN,
            "www_authenticate_uri": keystone_url,
            "region_name": REGION,
            "interface": "public",
            "service_token_roles": "service",
            "service_token_roles_required": True,
        },
    }
    return files.write(directory / "zaqar.conf", files.ini(sections))
