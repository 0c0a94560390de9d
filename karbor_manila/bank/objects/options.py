# SPDX-License-Identifier: Apache-2.0
"""Options of banks in an object store that Karbor's own banks do not have."""

from oslo_config import cfg

from karbor_manila.common.float_opt import FloatOpt

GROUP = "karbor_manila_object_bank"

OBJECT_BANK_OPTS: list[cfg.Opt] = [
    FloatOpt(
        "request_timeout",
        default=5.0,
        min=0.1,
        max=600.0,
        help="Seconds to wait for a connection to the object store of the bank, and for each part "
        "of its answer. A write that fails within this time is repeated once, whatever the "
        "client's own options say, and takes three times this time at most: that must not be more "
        "than a quarter of lease_timeout, so that no write arrives after another process took "
        "over; else the service does not start.",
    ),
]
