# SPDX-License-Identifier: Apache-2.0
"""Credentials as all of OpenStack's clients take them: options, ``OS_*`` variables, clouds.yaml.

Imported only when a tenant's command is about to run: openstacksdk takes a second to load.
"""

import argparse
import logging
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ks_exc
from openstack import config
from openstack import exceptions as sdk_exc

from karbor_manila.cli.errors import KarborRefused
from karbor_manila.cli.tenant.api import SERVICE_TYPE, Karbor
from karbor_manila.common.clock import Clock

#: Seconds for one request. Karbor's own calls between its services give up after 60.
REQUEST_SECONDS = 90.0

_OF_SESSIONS = ("insecure", "collect_timing", "http_timeout", "endpoint_type")


class Cloud:
    """The options on a parser, and afterwards what they lead to."""

    def __init__(self, parser: argparse.ArgumentParser, argv: list[str]) -> None:
        """Add the options.

        :param argv: the command line, where openstacksdk looks which plugin's options are wanted
        :raises KarborRefused: what is configured cannot be used
        """
        try:
            self._config = config.OpenStackConfig(app_name="karbor-manila")
            self._config.register_argparse_arguments(parser, list(argv))
        except (sdk_exc.ConfigException, ks_exc.ClientException) as error:
            raise _unusable(error) from error

    def karbor(self, given: argparse.Namespace, clock: Clock) -> Karbor:
        """Karbor as the one whose credentials these are.

        :raises KarborRefused: the credentials are not complete
        """
        # Options of ours must not be taken for the cloud's: --timeout above all.
        own = {
            name: value
            for name, value in vars(given).items()
            if name.startswith("os_") or name in _OF_SESSIONS
        }
        try:
            region = self._config.get_one(argparse=argparse.Namespace(**own))
            session = region.get_session()
        except (sdk_exc.SDKException, ks_exc.ClientException) as error:
            raise _unusable(error) from error
        return Karbor(adapter_of(region, session, **own), clock)


def adapter_of(region: Any, session: Any, **own: Any) -> adapter.Adapter:
    """What sends requests to Karbor.

    :param region: openstacksdk's, which knows what clouds.yaml says of the service
    :param session: gets a timeout when it has none
    :param own: options of the command line that are for Karbor alone, by their names
    """
    if session.timeout is None:
        session.timeout = REQUEST_SECONDS
    return adapter.Adapter(
        session=session,
        service_type=own.get("os_service_type") or SERVICE_TYPE,
        service_name=own.get("os_service_name"),
        interface=region.get_interface(SERVICE_TYPE),
        region_name=region.get_region_name(SERVICE_TYPE),
        endpoint_override=own.get("os_endpoint_override") or region.get_endpoint(SERVICE_TYPE),
        logger=logging.getLogger("keystoneauth"),
    )


def _unusable(error: Exception) -> KarborRefused:
    problem = " ".join(str(error).split())
    return KarborRefused(
        "log in", 0, f"{problem.rstrip('.')}. Name a cloud of clouds.yaml (--os-cloud) or set OS_*"
    )
