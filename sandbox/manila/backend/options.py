# SPDX-License-Identifier: Apache-2.0
"""The options of a backend, in its section of manila.conf."""

from oslo_config import cfg

OPTS = [
    cfg.StrOpt(
        "sandbox_export_root",
        help="Directory that holds shares and snapshots, as an absolute path.",
    ),
    cfg.StrOpt(
        "sandbox_export_host", default="127.0.0.1", help="Host part of the export locations."
    ),
    cfg.IntOpt(
        "sandbox_capacity_gb",
        default=1000000,
        min=1,
        help="Capacity in GiB that the scheduler is told; nothing is reserved on disk.",
    ),
    cfg.StrOpt(
        "sandbox_delays_file", help="JSON file with delays for driver methods; may be absent."
    ),
    cfg.StrOpt(
        "sandbox_faults_file", help="JSON file with faults for driver methods; may be absent."
    ),
    cfg.BoolOpt(
        "sandbox_consistent_groups",
        default=True,
        help="Snapshots of share groups are taken of all members at one moment.",
    ),
]
