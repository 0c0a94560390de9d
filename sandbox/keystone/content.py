# SPDX-License-Identifier: Apache-2.0
"""What Keystone holds: projects, users, roles, services and where they are. Standard library only.

A plain dict, so that it goes to Keystone's launcher as a JSON file (see ``seed``).
"""

from typing import Any

REGION = "RegionOne"
DOMAIN = "default"
SERVICE_PROJECT = "service"
TENANTS = ("alpha", "beta")
ZAQAR = "zaqar"
SWIFT = "swift"
USERS = ("admin", "karbor", "manila", ZAQAR, SWIFT, *TENANTS)


def content(urls: dict[str, str], passwords: dict[str, str]) -> dict[str, Any]:
    """Return all that is to be in Keystone.

    :param urls: of ``identity``, ``manila``, ``proxy`` and ``karbor``, without a path; of ``zaqar``
        and ``swift`` where there are such.
    :param passwords: by user name.
    """
    grants = {
        "admin": ("admin", ["admin"]),
        # Karbor lists users and acts for nobody in particular with these rights; the role
        # "service" lets its token vouch for an expired one of a user.
        "karbor": (SERVICE_PROJECT, ["admin", "service"]),
        "manila": (SERVICE_PROJECT, ["admin", "service"]),
        **{
            name: (SERVICE_PROJECT, ["admin", "service"]) for name in (ZAQAR, SWIFT) if name in urls
        },
        **{name: (name, ["member"]) for name in TENANTS},
    }
    return {
        "region": REGION,
        "domain": DOMAIN,
        # From the most to the least; each implies the next, as keystone-manage bootstrap has it.
        "role_chain": ["admin", "manager", "member", "reader"],
        "roles": ["service"],
        "projects": ["admin", SERVICE_PROJECT, *TENANTS],
        "users": [
            {"name": name, "password": passwords[name], "project": project, "roles": roles}
            for name, (project, roles) in grants.items()
        ],
        "system_admin": "admin",
        "services": _services(urls),
    }


def _services(urls: dict[str, str]) -> list[dict[str, Any]]:
    identity = f"{urls['identity']}/v3"
    # Karbor's API has the project in its path; Keystone fills it in for whoever asks.
    protection = f"{urls['karbor']}/v1/$(project_id)s"
    return [
        {
            "type": "identity",
            "name": "keystone",
            "endpoints": {"public": identity, "internal": identity, "admin": identity},
        },
        {
            "type": "sharev2",
            "name": "manilav2",
            # Karbor's clients take the public one, so they can be counted and disturbed.
            "endpoints": {
                "public": f"{urls['proxy']}/v2",
                "internal": f"{urls['manila']}/v2",
                "admin": f"{urls['manila']}/v2",
            },
        },
        {
            "type": "data-protect",
            "name": "karbor",
            "endpoints": {"public": protection, "internal": protection, "admin": protection},
        },
        *([_messaging(urls[ZAQAR])] if ZAQAR in urls else []),
        *([_object_store(urls[SWIFT])] if SWIFT in urls else []),
    ]


def _messaging(url: str) -> dict[str, Any]:
    """Zaqar, whose clients append the version themselves."""
    endpoints = {"public": url, "internal": url, "admin": url}
    return {"type": "messaging", "name": "zaqar", "endpoints": endpoints}


def _object_store(url: str) -> dict[str, Any]:
    """Swift, with an account for each project."""
    account = f"{url}/v1/AUTH_$(project_id)s"
    endpoints = {"public": account, "internal": account, "admin": account}
    return {"type": "object-store", "name": "swift", "endpoints": endpoints}
