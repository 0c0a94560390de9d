# SPDX-License-Identifier: Apache-2.0
"""How karbor-protection takes requests from RabbitMQ, beside others that take them, too."""

from typing import Any

from oslo_config import cfg

_GROUP, _OPTION = "oslo_messaging_rabbit", "rabbit_qos_prefetch_count"


def take_one_at_a_time(conf: Any) -> None:
    """Have the broker send this process a request when it has begun the one before, not earlier.

    By default RabbitMQ sends all requests at once to those that listen, in turn: what waits then
    waits in a process that builds the flow of a thousand shares, or that is suspended, while
    another one is idle. With this it waits in the broker, and whoever is free takes it. A request
    that was begun is acknowledged (oslo_messaging/rpc/server.py), so a long one holds up none.

    To be called before Karbor listens; what the operator has set counts. Other transports than
    RabbitMQ have no such option.

    :param conf: Karbor's
    """
    try:
        conf.set_default(_OPTION, 1, group=_GROUP)
    except (cfg.NoSuchGroupError, cfg.NoSuchOptError):
        return
