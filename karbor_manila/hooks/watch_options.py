# SPDX-License-Identifier: Apache-2.0
"""The options of :class:`~.watch.CheckpointWatchHook`, in the group of a backend in manila.conf."""

from collections.abc import Sequence

from oslo_config import cfg

#: The topic of the notifications.
TOPIC = "karbor_manila_watch"

WATCH_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "karbor_watch_spool",
        default="",
        help="A folder on a local file system, in which a file is written for each thing that a "
        "checkpoint of Karbor should know of; karbor-protection reads it (its option watch_spool) "
        "where it runs on this host. It is made if it is not there. Empty for none.",
    ),
    cfg.StrOpt(
        "karbor_watch_spool_group",
        default="",
        help="The name of a group of which the users of manila-share and of karbor-protection "
        "are members, where they are different users: the folder is then made with mode 2770 and "
        "its files with 0640, in this group. Empty for 0700 and 0600.",
    ),
    cfg.IntOpt(
        "karbor_watch_spool_files",
        default=10000,
        min=1,
        max=1000000,
        help="Files that the folder has at most. What comes when it is full is counted and left "
        "out; an audit of Karbor finds it later.",
    ),
    cfg.BoolOpt(
        "karbor_watch_notifications",
        default=False,
        help="Whether the same is sent as notifications on topic karbor_manila_watch, by Manila's "
        "own transport for notifications; karbor-protection listens there if its option "
        "watch_notifications says so. Without a listener they pile up in the broker.",
    ),
]


def list_opts() -> list[tuple[str, Sequence[cfg.Opt]]]:
    """Entry point of ``oslo.config.opts``: what stands in manila.conf, for each backend."""
    return [("backend", WATCH_OPTS)]
