# SPDX-License-Identifier: Apache-2.0
"""The tenant's commands in the OpenStack client: ``openstack share protection ...``.

openstackclient imports this module at each of its starts, whatever it was called for, and takes the
names below (openstackclient/common/clientmanager.py, ``get_plugin_modules``). So nothing is
imported here. The commands are entry points of ``openstack.share_protection.v1``, the same classes
as those of ``karbor-manila``.
"""

import argparse
from typing import Any

#: The attribute of the client manager that gives what :func:`make_client` makes.
API_NAME = "share_protection"
#: Karbor 1.6.0 has one version, so there is no such option; the name is asked for all the same.
API_VERSION_OPTION = "os_share_protection_api_version"
DEFAULT_API_VERSION = "1"
API_VERSIONS = (DEFAULT_API_VERSION,)


def make_client(instance: Any) -> Any:
    """A keystoneauth adapter for Karbor, of the session that the OpenStack client has.

    :param instance: the client manager, which has logged in
    """
    from karbor_manila.cli.tenant.cloud import adapter_of  # noqa: PLC0415 - it is slow to load

    return adapter_of(instance._cli_options, instance.session)


def build_option_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Options of every command of the OpenStack client: we add none."""
    return parser
