# SPDX-License-Identifier: Apache-2.0
"""Credential files as OpenStack's clients read them."""

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from sandbox import files
from sandbox.info import Credentials, StackInfo

DEFAULT_USER = "alpha"


def environment(user: Credentials) -> dict[str, str]:
    """Return the ``OS_*`` variables of one user."""
    return {
        "OS_AUTH_TYPE": "password",
        "OS_AUTH_URL": user.auth_url,
        "OS_IDENTITY_API_VERSION": "3",
        "OS_USERNAME": user.username,
        "OS_PASSWORD": user.password,
        "OS_PROJECT_NAME": user.project,
        "OS_USER_DOMAIN_ID": user.domain,
        "OS_PROJECT_DOMAIN_ID": user.domain,
        "OS_REGION_NAME": user.region,
    }


def openrc(path: Path, user: Credentials) -> Path:
    """Write a file to source in a shell."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment(user).items()]
    return files.write(path, "\n".join(lines) + "\n")


def clouds(path: Path, users: Mapping[str, Credentials]) -> Path:
    """Write clouds.yaml with one cloud per user, for ``openstack --os-cloud NAME``."""
    document = {"clouds": {name: _cloud(user) for name, user in users.items()}}
    # JSON is YAML.
    return files.write(path, json.dumps(document, indent=2) + "\n")


def without_openstack(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without another cloud's credentials and without HTTP proxies."""
    return {
        name: value
        for name, value in env.items()
        if not name.startswith("OS_") and not name.lower().endswith("_proxy")
    }


def for_commands(info: StackInfo) -> dict[str, str]:
    """Return the environment in which a user's command meets the sandbox as the user alpha.

    ``OS_CLOUD`` rather than a user's name and password: ``--os-cloud beta`` can replace it.
    """
    return {
        **without_openstack(os.environ),
        "OS_CLIENT_CONFIG_FILE": str(info.clouds),
        "OS_CLOUD": DEFAULT_USER,
        "SANDBOX_STATE": str(info.state),
        "PATH": f"{info.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


def _cloud(user: Credentials) -> dict[str, object]:
    return {
        "auth_type": "password",
        "auth": {
            "auth_url": user.auth_url,
            "username": user.username,
            "password": user.password,
            "project_name": user.project,
            "user_domain_id": user.domain,
            "project_domain_id": user.domain,
        },
        "region_name": user.region,
        "identity_api_version": "3",
    }
