# SPDX-License-Identifier: Apache-2.0
"""The options of all hooks of a provider. Names and meanings are those of Manila's share hooks
(manila/share/hook.py), where both have them."""

from oslo_config import cfg

from karbor_manila.common.float_opt import FloatOpt

HOOK_OPTS: list[cfg.Opt] = [
    cfg.ListOpt(
        "hook_drivers",
        default=[],
        help="The hooks that are called around the calls of drivers, in this order: names of "
        "installed hooks (command, quiesce, webhook), or classes of your own as module:Class or "
        "module.Class. Their options stand in this group, too.",
    ),
    cfg.BoolOpt(
        "enable_pre_hooks", default=False, help="Whether hooks are called before the driver."
    ),
    cfg.BoolOpt(
        "enable_post_hooks",
        default=False,
        help="Whether hooks are called after the driver, whatever came of its call.",
    ),
    cfg.BoolOpt(
        "enable_periodic_hooks",
        default=False,
        help="Whether hooks are called from time to time, with what the drivers tell of the "
        "provider's shares.",
    ),
    cfg.BoolOpt(
        "suppress_pre_hooks_errors",
        default=False,
        help="Whether an operation goes on although a hook that is called before it failed.",
    ),
    cfg.BoolOpt(
        "suppress_post_hooks_errors",
        default=False,
        help="Whether only the log has it when a hook that is called after an operation failed. "
        "Else its user reads it, too. It never undoes what is complete.",
    ),
    FloatOpt(
        "periodic_hooks_interval",
        default=300.0,
        min=1.0,
        max=2592000.0,
        help="Seconds between two calls of the periodic hooks of this provider.",
    ),
    FloatOpt(
        "hook_timeout",
        default=60.0,
        min=0.1,
        max=86400.0,
        help="Seconds that one call of a hook may take.",
    ),
    FloatOpt(
        "hook_freeze_timeout",
        default=300.0,
        min=1.0,
        max=604800.0,
        help="Seconds from the first pre hook of a protection after which the post hooks are "
        "called although the snapshot is not complete; the record says so then. Between the two an "
        "application may stand still.",
    ),
]
