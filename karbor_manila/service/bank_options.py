# SPDX-License-Identifier: Apache-2.0
"""What the providers' files say of banks in object stores, checked when the service starts."""

from collections.abc import Iterable
from typing import Any

from oslo_config import cfg

from karbor_manila.bank.objects import options
from karbor_manila.opts import GROUP

#: A write takes so many times request_timeout at most (karbor_manila/bank/objects/once_more.py).
_OF_A_WRITE = 3.0

#: From three quarters of lease_timeout on a process changes nothing until its lease is renewed.
_OF_THE_LEASE = 4.0


def check(providers: Iterable[Any], lease_timeout: float) -> None:
    """Whether a write into each bank has ended before another process takes over.

    :param lease_timeout: seconds, of ``karbor.conf``
    :raises cfg.Error: of one it may arrive later; the service does not start
    """
    for provider in providers:
        conf = provider._config
        if options.GROUP not in conf:  # which a bank of ours in an object store declares
            continue
        within = conf[options.GROUP].request_timeout
        if within * _OF_A_WRITE * _OF_THE_LEASE > lease_timeout:
            raise cfg.Error(
                f"Provider {provider.name} ({provider.id}): three times [{options.GROUP}] "
                f"request_timeout ({within:g} s) must be at most a quarter of [{GROUP}] "
                f"lease_timeout ({lease_timeout:g} s) of karbor.conf"
            )
