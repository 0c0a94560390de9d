# SPDX-License-Identifier: Apache-2.0
"""A bank in OpenStack Swift that keeps order, ends in time and gives back what it was given.

It takes the place of Karbor's own (karbor/services/protection/bank_plugins/swift_bank_plugin.py) on
the same container with the same options, and back.
"""

from karbor.services.protection.bank_plugins.swift_bank_plugin import swift_bank_plugin_opts
from karbor.services.protection.clients import swift as karbors_client
from oslo_config import cfg

from karbor_manila.bank.objects import options as objects_options
from karbor_manila.bank.objects.plugin import ObjectBankPlugin
from karbor_manila.bank.swift.connections import Access
from karbor_manila.bank.swift.store import SwiftStore

_GROUP = "swift_bank_plugin"
_CLIENT_GROUP = "swift_client"
_REQUIRED = ("swift_auth_url", "swift_tenant_name", "swift_user", "swift_key")


class SwiftBankPlugin(ObjectBankPlugin):
    """Karbor's BankPlugin.

    :param config: of the provider's file
    :raises cfg.RequiredOptError: an option that it cannot do without is not set; Karbor then logs
        that the provider cannot be loaded
    """

    def __init__(self, config: cfg.ConfigOpts) -> None:
        config.register_opts(swift_bank_plugin_opts, _GROUP)
        config.register_opts(objects_options.OBJECT_BANK_OPTS, objects_options.GROUP)
        karbors_client.register_opts(config)
        container = config[_GROUP].bank_swift_object_container
        if not container:
            raise cfg.RequiredOptError("bank_swift_object_container", cfg.OptGroup(_GROUP))
        client = config[_CLIENT_GROUP]
        for name in _REQUIRED:
            if not client[name]:
                raise cfg.RequiredOptError(name, cfg.OptGroup(_CLIENT_GROUP))
        access = Access.of(client, config[objects_options.GROUP].request_timeout)
        super().__init__(config, SwiftStore(access, container))
