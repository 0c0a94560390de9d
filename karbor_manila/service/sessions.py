# SPDX-License-Identifier: Apache-2.0
"""Sessions for Manila, made from Karbor's request context, and where the operator says Manila is.

The session carries the tenant's token (or that of the schedule's trust) and Karbor's own service
token, so that long operations outlive the tenant's token. It is made by Karbor's ClientFactory
(karbor/services/protection/client_factory.py), which also reads the CA file and the insecure flag
of ``[manila_client]``.
"""

import dataclasses
from typing import Any

from karbor.services.protection.client_factory import ClientFactory
from karbor.services.protection.clients import manila as karbor_manila_client
from oslo_config import cfg

from karbor_manila.manila import client, responses
from karbor_manila.service import certificates
from karbor_manila.service.errors import SessionUnavailable

_GROUP = karbor_manila_client.CONFIG_GROUP


def connect(
    context: Any,
    *,
    project_id: str | None,
    timeout: float,
    parallel: int,
    patience: float | None = None,
    conf: Any = cfg.CONF,
) -> client.Manila:
    """A Manila client for the user of a request.

    :param context: Karbor's RequestContext
    :param project_id: the project whose objects are worked on, when known
    :param timeout: seconds to wait for one answer
    :param parallel: requests under way at a time
    :param patience: seconds that a request waits for its turn among those of other operations, when
        the user waits for the answer; None for as long as they take
    :raises SessionUnavailable: Karbor could not make a session
    :raises NotAdministrator: the project is another one than the user's own, and he is no
        administrator of Manila, whatever he is in Karbor
    :raises CaFileMissing: what certificates are checked with is not there
    :raises ManilaTransient, ManilaRefused, EndpointMissing, EndpointUnsuitable, ManilaTooOld: see
        client.Manila
    """
    session = _session(context, timeout, conf)
    elsewhere = project_id if project_id and project_id != context.project_id else None
    manila = client.Manila(
        session,
        _in_project(where(conf), context.project_id),
        project_id=elsewhere,
        own_project_id=context.project_id,
        timeout=timeout,
        parallel=parallel,
        patience=patience,
    )
    if elsewhere:
        manila.require_administrator(elsewhere)
    return manila


def connect_as_karbor(
    project_id: str, *, timeout: float, parallel: int, conf: Any = cfg.CONF
) -> client.Manila:
    """A Manila client for work without a tenant: that of Karbor's own user, who is an administrator
    (``[trustee]`` of ``karbor.conf``).

    :param project_id: the project whose objects are worked on, or client.EVERY_PROJECT
    :raises: as :func:`connect`, and NotAdministrator
    """
    session = _session(None, timeout, conf)
    found = where(conf)
    if found.endpoint:
        with responses.asking("find the project of Karbor's own user"):
            found = _in_project(found, session.get_project_id())
    manila = client.Manila(
        session, found, project_id=project_id, timeout=timeout, parallel=parallel
    )
    manila.require_administrator()  # without a project: it is Karbor's own user
    return manila


def karbor_user_id(*, timeout: float, conf: Any = cfg.CONF) -> str:
    """The id of Karbor's own user (``[trustee]`` of ``karbor.conf``), to whom users give trusts.

    :param timeout: seconds to wait for Keystone
    :raises SessionUnavailable, ManilaTransient: Keystone does not say
    """
    session = _session(None, timeout, conf)
    with responses.asking("find Karbor's own user"):
        return str(session.get_user_id())


def for_service(context: Any | None, *, timeout: float, ca_file: str = "") -> Any:
    """A session of keystoneauth for another service than Manila.

    :param context: Karbor's RequestContext; None for Karbor's own user
    :param timeout: seconds to wait for one answer, of Keystone or of the service
    :param ca_file: to check certificates with; empty for what ``[manila_client]`` says
    :raises SessionUnavailable, CaFileMissing: as :func:`connect`
    """
    session = _session(context, timeout, cfg.CONF)
    if ca_file:
        session.verify = ca_file
    return session


def _session(context: Any | None, timeout: float, conf: Any) -> Any:
    """:param context: None for Karbor's own user"""
    session = ClientFactory._generate_session(context, "manila", privileged_user=context is None)
    if session is None:  # ClientFactory swallows the reason
        raise SessionUnavailable(context.project_id if context else None)
    session.timeout = timeout  # of Keystone's answers, too
    group = conf[_GROUP]
    used = "manila_ca_cert_file"
    if not group.manila_ca_cert_file and not group.manila_auth_insecure:
        # Karbor's generic options of the group, which its factory passes over.
        used = "ca_cert_file"
        if group.auth_insecure:
            session.verify = False
        elif group.ca_cert_file:
            session.verify = group.ca_cert_file
    certificates.check_file(used, getattr(session, "verify", None))
    certificates.keystone_apart(session)
    return session


def _in_project(found: client.Where, project_id: str | None) -> client.Where:
    """As Karbor's own client does it: Manilas before Xena want the project in the path."""
    return dataclasses.replace(found, in_path=project_id) if found.endpoint else found


def where(conf: Any = cfg.CONF) -> client.Where:
    """Where Manila is, by ``[manila_client]`` of ``karbor.conf``.

    What the operator has set counts. What is only a default of Karbor does not: its own client
    takes the public endpoint of the catalog (``manila_catalog_info``), whatever the default of
    ``interface`` and ``region_id`` says, and a change of plugin must not move the traffic.
    """
    group = conf[_GROUP]
    # <service type>:<service name>:<endpoint type>
    named = [*group.manila_catalog_info.split(":"), "", ""]
    service_type, endpoint_type = named[0], named[2] or "publicURL"
    types = (service_type, *(t for t in client.SERVICE_TYPES if t != service_type))
    if _is_set(conf, "interface"):
        interfaces: tuple[str, ...] = (group.interface,)
    else:
        preferred = endpoint_type.removesuffix("URL")
        interfaces = (preferred, *(i for i in ("public", "internal") if i != preferred))
    return client.Where(
        interfaces=interfaces,
        region=group.region_id if _is_set(conf, "region_id") else None,
        endpoint=group.manila_endpoint,
        service_types=types,
    )


def _is_set(conf: Any, option: str) -> bool:
    location = conf.get_location(option, _GROUP)
    return location is not None and location.location not in (
        cfg.Locations.opt_default,
        cfg.Locations.set_default,
    )
