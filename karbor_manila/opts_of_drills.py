# SPDX-License-Identifier: Apache-2.0
"""The provider's options about drills: what looks at a restored share, and what is kept of it."""

from oslo_config import cfg

from karbor_manila.common.float_opt import FloatOpt

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
    FloatOpt(
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
    cfg.StrOpt(
        "content_command",
        default="",
        help="A command that makes the content of a share visible in a folder (mounts it, "
        "read-only), runs the program and arguments that follow its own with that folder as one "
        "more argument, and ends with that program's exit code. It gets the KARBOR_MANILA_ "
        "variables of drill_command, but for the snapshot's. With it a protection keeps a manifest "
        "of a sample of the files, by SHA-256, and a drill compares. Left empty, no content is "
        "read.",
    ),
    cfg.IntOpt(
        "content_files",
        default=100,
        min=1,
        max=10000,
        help="Files and links in a sample. Their names stand in the bank.",
    ),
    cfg.IntOpt(
        "content_bytes",
        default=2**30,
        min=1,
        max=2**50,
        help="Bytes that are read of the files of a share for a sample, at most. Of a file larger "
        "than 64 MiB 64 blocks of 1 MiB are read, whatever its size.",
    ),
    FloatOpt(
        "content_timeout",
        default=300.0,
        min=1.0,
        max=86400.0,
        help="Seconds that content_command may take with one share before it is killed. At four "
        "fifths of it reading stops, and what was read by then counts. Four shares are read at a "
        "time, and a protection lasts until all are.",
    ),
    FloatOpt(
        "content_settled",
        default=300.0,
        min=0.0,
        max=2592000.0,
        help="Seconds before the protection since when a file must not have changed to be sampled, "
        "by the clock of the file server. More than its clock and this host's can differ.",
    ),
]
