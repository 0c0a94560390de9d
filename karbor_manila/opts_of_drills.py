# SPDX-License-Identifier: Apache-2.0
"""The provider's options about drills: what looks at a restored share, and what is kept of it."""

from oslo_config import cfg

DRILL_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "drill_command",
        default="",
        help="A command that checks a share that a drill has restored, run without a shell on the "
        "host of karbor-protection. It gets KARBOR_MANILA_EXPORT_LOCATION, _EXPORT_LOCATIONS (one "
        "a line), _SHARE_ID, _SOURCE_SHARE_ID, _SNAPSHOT_ID, _CHECKPOINT_ID and _PROJECT_ID in its "
        "environment. Exit code 0 says that the share is good. A dollar sign is written "
        "twice, as everywhere in this file. Left empty, a drill only restores.",
    ),
    cfg.FloatOpt(
        "drill_timeout",
        default=600.0,
        min=1.0,
        max=604800.0,
        help="Seconds that drill_command may take before it is killed and the drill has failed.",
    ),
    cfg.StrOpt(
        "drill_signing_key",
        default="",
        help="A file with a private key of Ed25519 (PEM), as 'openssl genpkey -algorithm ed25519' "
        "writes it, which karbor-protection may read and not everybody. What is kept of drills is "
        "signed with it. Left empty, it is kept without a signature.",
    ),
]
