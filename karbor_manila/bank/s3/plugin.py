# SPDX-License-Identifier: Apache-2.0
"""The bank in S3, as Karbor loads it.

It takes the place of Karbor's own (karbor/services/protection/bank_plugins/s3_bank_plugin.py) on
the same bucket with the same options, and back.
"""

from oslo_config import cfg

from karbor_manila.bank.objects.plugin import ObjectBankPlugin
from karbor_manila.bank.s3 import options
from karbor_manila.bank.s3.store import Bucket


class S3BankPlugin(ObjectBankPlugin):
    """Karbor's BankPlugin on a bucket.

    :param config: of the provider's file
    :raises cfg.RequiredOptError: the options name no bucket; Karbor then logs that the provider
        cannot be loaded
    """

    def __init__(self, config: cfg.ConfigOpts) -> None:
        options.register(config)
        super().__init__(config, Bucket(config))
