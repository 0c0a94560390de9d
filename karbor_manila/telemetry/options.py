# SPDX-License-Identifier: Apache-2.0
"""The options of events, in the group of karbor-manila in ``karbor.conf``."""

from oslo_config import cfg

from karbor_manila.common.float_opt import FloatOpt

EVENT_OPTS: list[cfg.Opt] = [
    cfg.ListOpt(
        "event_listeners",
        default=[],
        help="Who is told of every operation: names of installed listeners, such as notifications "
        "or metrics, or classes of your own as module:Class. Left empty, no event is made and "
        "nothing is started. A listener that fails, hangs or is too slow changes no operation.",
    ),
    cfg.IntOpt(
        "event_queue_size",
        default=1000,
        min=1,
        max=100000,
        help="Events that wait for each listener at most, of at most 10 KiB each. Those that come "
        "while its queue is full are dropped, and counted.",
    ),
    FloatOpt(
        "event_stop_timeout",
        default=5.0,
        min=0.0,
        max=300.0,
        help="Seconds that the end of the service, or of a command, waits for the listeners to "
        "take what is still in their queues.",
    ),
    cfg.IntOpt(
        "metrics_port",
        default=0,
        min=0,
        max=65535,
        help="The port on which karbor-protection shows its counters to Prometheus, over HTTP "
        "without credentials; 0 for none. The listener metrics then need not be named. While the "
        "port is taken it is asked for again every ten seconds; no operation waits for that.",
    ),
    cfg.HostAddressOpt(
        "metrics_address",
        default="127.0.0.1",
        help="The address on which it does; who reaches it reads the counters.",
    ),
]
