# SPDX-License-Identifier: Apache-2.0
"""Makes a project and a plain member of it in Keystone, with the sandbox's administrator."""

import secrets

from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3
from keystoneclient.v3 import client as keystone_client

from sandbox.info import Credentials, StackInfo

ROLE = "member"


def new_member(info: StackInfo, project: str, user: str) -> Credentials:
    """Create a project and a user with the role ``member`` in it, and nothing else.

    :returns: what the user needs to work in the project.
    """
    admin = info.users["admin"]
    keystone = keystone_client.Client(session=_session(admin), interface="public")
    password = secrets.token_urlsafe(16)
    made = keystone.projects.create(
        name=project, domain=admin.domain, description="Made by the demonstration"
    )
    member = keystone.users.create(
        name=user, domain=admin.domain, password=password, default_project=made
    )
    keystone.roles.grant(keystone.roles.find(name=ROLE), user=member, project=made)
    return Credentials(
        username=user,
        user_id=member.id,
        password=password,
        project=project,
        project_id=made.id,
        domain=admin.domain,
        auth_url=admin.auth_url,
        region=admin.region,
    )


def _session(user: Credentials) -> keystone_session.Session:
    auth = v3.Password(
        auth_url=user.auth_url,
        username=user.username,
        password=user.password,
        project_name=user.project,
        user_domain_id=user.domain,
        project_domain_id=user.domain,
    )
    return keystone_session.Session(auth=auth)
