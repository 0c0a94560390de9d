# SPDX-License-Identifier: Apache-2.0
"""The options of the bank in S3: Karbor's own, and those of all our banks in object stores."""

from karbor.services.protection.bank_plugins.s3_bank_plugin import s3_bank_plugin_opts
from karbor.services.protection.clients import s3 as karbors_client
from oslo_config import cfg

from karbor_manila.bank.objects.options import GROUP as OBJECTS
from karbor_manila.bank.objects.options import OBJECT_BANK_OPTS

CLIENT = "s3_client"
BANK = "s3_bank_plugin"


def register(config: cfg.ConfigOpts) -> None:
    """Declare them on a provider's configuration."""
    karbors_client.register_opts(config)
    config.register_opts(s3_bank_plugin_opts, BANK)
    config.register_opts(OBJECT_BANK_OPTS, OBJECTS)
