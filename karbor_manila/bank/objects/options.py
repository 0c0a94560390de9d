# SPDX-License-Identifier: Apache-2.0
"""Options of banks in an object store that Karbor's own banks do not have."""

from oslo_config import cfg

GROUP = "karbor_manila_object_bank"

OBJECT_BANK_OPTS: list[cfg.Opt] = [
    cfg.FloatOpt(
        "request_timeout",
        default=20.0,
        min=0.1,
        max=600.0,
        help="Seconds to wait for a connection to the object store of the bank, and for each part "
        "of its answer. Karbor's own banks wait for ever. How often a request is repeated is said "
        "by the options of the store's client, such as swift_retry_attempts.",
    ),
]
