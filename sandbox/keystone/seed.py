# SPDX-License-Identifier: Apache-2.0
"""Brings Keystone to what ``content`` says, inside Keystone's own process.

Everything here may run again on a database that holds it all already; then only endpoints whose
URL has changed are written. Keystone's managers must have been loaded before.
"""

import logging
import uuid
from typing import Any

from keystone import exception
from keystone.common import driver_hints, provider_api

LOG = logging.getLogger(__name__)
P = provider_api.ProviderAPIs


def seed(wanted: dict[str, Any]) -> dict[str, Any]:
    """Create what is missing and move the endpoints.

    :param wanted: what ``content.content`` returns.
    :returns: ``{'projects': {name: id}, 'users': {name: id}}``.
    """
    _domain(wanted["domain"])
    roles = _roles(wanted["role_chain"], wanted["roles"])
    projects = {name: _project(wanted["domain"], name) for name in wanted["projects"]}
    users = {}
    for user in wanted["users"]:
        project_id = projects[user["project"]]
        users[user["name"]] = user_id = _user(wanted["domain"], user, project_id)
        for role in user["roles"]:
            _grant(user_id, project_id, roles[role])
    _system_admin(users[wanted["system_admin"]], roles["admin"])
    _region(wanted["region"])
    for service in wanted["services"]:
        _endpoints(_service(service), wanted["region"], service["endpoints"])
    return {"projects": projects, "users": users}


def _domain(domain_id: str) -> None:
    try:
        P.resource_api.get_domain(domain_id)
    except exception.DomainNotFound:
        domain = {"id": domain_id, "name": "Default", "enabled": True}
        P.resource_api.create_domain(domain_id, domain)


def _roles(chain: list[str], others: list[str]) -> dict[str, str]:
    """Return the ids of all roles by name; each of the chain implies its next."""
    ids = {role["name"]: role["id"] for role in P.role_api.list_roles()}
    for name in [*chain, *others]:
        if name not in ids:
            ids[name] = uuid.uuid4().hex
            P.role_api.create_role(ids[name], {"id": ids[name], "name": name})
    for prior, implied in zip(chain, chain[1:], strict=False):
        try:
            P.role_api.create_implied_role(ids[prior], ids[implied])
        except exception.Conflict:
            LOG.debug("role %s implies %s already", prior, implied)
    return ids


def _project(domain_id: str, name: str) -> str:
    try:
        return P.resource_api.get_project_by_name(name, domain_id)["id"]
    except exception.ProjectNotFound:
        project_id = uuid.uuid4().hex
        project = {"id": project_id, "name": name, "domain_id": domain_id, "enabled": True}
        P.resource_api.create_project(project_id, project)
        return project_id


def _user(domain_id: str, user: dict[str, Any], project_id: str) -> str:
    try:
        return P.identity_api.get_user_by_name(user["name"], domain_id)["id"]
    except exception.UserNotFound:
        reference = {
            "name": user["name"],
            "password": user["password"],
            "domain_id": domain_id,
            "enabled": True,
            # [trustee] in karbor.conf names no project: Karbor works in this one.
            "default_project_id": project_id,
        }
        return P.identity_api.create_user(reference)["id"]


def _grant(user_id: str, project_id: str, role_id: str) -> None:
    try:
        P.assignment_api.add_role_to_user_and_project(user_id, project_id, role_id)
    except exception.Conflict:
        LOG.debug("user %s has role %s already", user_id, role_id)


def _system_admin(user_id: str, role_id: str) -> None:
    granted = P.assignment_api.list_system_grants_for_user(user_id)
    if role_id not in {role["id"] for role in granted}:
        P.assignment_api.create_system_grant_for_user(user_id, role_id)


def _region(region: str) -> None:
    try:
        P.catalog_api.create_region({"id": region})
    except exception.Conflict:
        LOG.debug("region %s exists", region)


def _service(service: dict[str, Any]) -> str:
    hints = driver_hints.Hints()
    hints.add_filter("type", service["type"])
    for found in P.catalog_api.list_services(hints):
        if found["type"] == service["type"]:
            return found["id"]
    service_id = uuid.uuid4().hex
    reference = {"id": service_id, "type": service["type"], "name": service["name"]}
    P.catalog_api.create_service(service_id, {**reference, "enabled": True})
    return service_id


def _endpoints(service_id: str, region: str, urls: dict[str, str]) -> None:
    hints = driver_hints.Hints()
    hints.add_filter("service_id", service_id)
    present = {
        endpoint["interface"]: endpoint
        for endpoint in P.catalog_api.list_endpoints(hints)
        if endpoint["service_id"] == service_id
    }
    for interface, url in urls.items():
        old = present.get(interface)
        if old is None:
            endpoint_id = uuid.uuid4().hex
            reference = {
                "id": endpoint_id,
                "interface": interface,
                "region_id": region,
                "service_id": service_id,
                "url": url,
                "enabled": True,
            }
            P.catalog_api.create_endpoint(endpoint_id, reference)
        elif old["url"] != url:
            LOG.info("endpoint %s moves from %s to %s", interface, old["url"], url)
            P.catalog_api.update_endpoint(old["id"], {**old, "url": url})
