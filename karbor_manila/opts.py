# SPDX-License-Identifier: Apache-2.0
"""Every option of karbor-manila, once: for the code and for the sample generator.

Two places hold options of the group ``manila_share_protection``:

* the provider's file (``providers.d/*.conf``), which the protection plugin reads;
* ``karbor.conf``, which the manager and the protectable plugin read.

Each driver has options of its own, which its class declares
(:attr:`karbor_manila.drivers.base.Driver.options`); they stand in the provider's file, in the
group ``karbor_manila_driver_<name>``. Those of hooks stand with the provider's own.

How Manila is reached (region, interface, endpoint, CA file, insecure) is not repeated here: that is
what Karbor's own ``[manila_client]`` in ``karbor.conf`` is for, see
:mod:`karbor_manila.service.sessions`.
"""

from collections.abc import Sequence

from oslo_config import cfg

from karbor_manila.bank.objects import options as objects
from karbor_manila.common.float_opt import FloatOpt
from karbor_manila.drivers import catalogue
from karbor_manila.hooks import catalogue as hooks
from karbor_manila.hooks.options import HOOK_OPTS
from karbor_manila.opts_of_deletion import DELETION_OPTS
from karbor_manila.opts_of_drills import DRILL_OPTS
from karbor_manila.opts_of_karbor import BANK_OPTS
from karbor_manila.opts_of_karbor import PROVIDER_OPTS as KARBORS_OPTS
from karbor_manila.telemetry import listening
from karbor_manila.telemetry.options import EVENT_OPTS

GROUP = "manila_share_protection"

CALL_OPTS: list[cfg.Opt] = [
    FloatOpt(
        "request_timeout",
        default=60.0,
        min=1.0,
        max=3600.0,
        help="Seconds to wait for Manila's answer to one request. A request that takes longer "
        "counts as a transient error; one that creates something is looked for before it is "
        "repeated.",
    ),
    cfg.IntOpt(
        "max_parallel_requests",
        default=10,
        min=1,
        max=1000,
        help="Requests that this process has under way at one Manila at a time, whatever number of "
        "operations it works on; they take turns, so that a small plan does not wait for the "
        "requests of a large one. Where providers have different numbers, an operation has no more "
        "than its provider's, and all together no more than the largest of those that are in use. "
        "More only add latency once Manila's API is busy.",
    ),
]

PROVIDER_OPTS: list[cfg.Opt] = [
    *CALL_OPTS,
    FloatOpt(
        "outage_timeout",
        default=120.0,
        min=0.0,
        max=86400.0,
        help="Seconds for which a call that ends in a transient error (HTTP 5xx, 408, 429, a "
        "broken or refused connection) is retried before the operation fails.",
    ),
    FloatOpt(
        "poll_interval_min",
        default=0.1,
        min=0.01,
        max=60.0,
        help="Seconds between the first looks at what an operation waits for. The interval grows "
        "with the time already waited.",
    ),
    FloatOpt(
        "poll_interval_max",
        default=15.0,
        min=0.1,
        max=3600.0,
        help="Seconds that the interval between two looks never exceeds.",
    ),
    FloatOpt(
        "share_busy_timeout",
        default=600.0,
        min=0.0,
        max=604800.0,
        help="Seconds to wait for a share that is busy (being created, extended, migrated and so "
        "on) before its protection fails. A plan with force=true does not wait at all.",
    ),
    FloatOpt(
        "protect_timeout",
        default=3600.0,
        min=1.0,
        max=2592000.0,
        help="Seconds that a snapshot may take to become available.",
    ),
    FloatOpt(
        "restore_timeout",
        default=86400.0,
        min=1.0,
        max=2592000.0,
        help="Seconds that a new share may take to become available from its snapshot, or a share "
        "to be put back in place.",
    ),
    FloatOpt(
        "delete_timeout",
        default=3600.0,
        min=1.0,
        max=2592000.0,
        help="Seconds that a snapshot may take to be gone, busy periods included.",
    ),
    *DELETION_OPTS,
    FloatOpt(
        "undo_timeout",
        default=120.0,
        min=0.0,
        max=86400.0,
        help="Seconds that a failed operation spends on removing what it made. What is left after "
        "them stays in the checkpoint's record and goes with the checkpoint.",
    ),
    FloatOpt(
        "request_settle_time",
        default=15.0,
        min=0.0,
        max=3600.0,
        help="Seconds in which Manila may still carry out a request to create something whose "
        "sender got no answer or died. So long it is looked for before it counts as never made.",
    ),
    cfg.BoolOpt(
        "record_access_rules",
        default=True,
        help="Whether a protection records the access rules of each share, which costs one request "
        "to Manila a share. Without them a restore gives no access rules back, and says so. A plan "
        "may say otherwise (its option record_access_rules).",
    ),
    *DRILL_OPTS,
    cfg.StrOpt(
        "default_driver",
        default="snapshot",
        help="The driver for shares whose type is not named in share_type_drivers; or several in "
        "an order of preference, such as group|snapshot: the first that can keep a share does.",
    ),
    cfg.DictOpt(
        "share_type_drivers",
        default={},
        help="Which drivers protect the shares of which type: pairs of the name or the id of a "
        "share type and a driver, or several as above, such as gold:group|snapshot,tin:snapshot. "
        "Where a type stands by its name and by its id, the id counts.",
    ),
    *HOOK_OPTS,
]

SERVICE_OPTS: list[cfg.Opt] = [
    *CALL_OPTS,
    FloatOpt(
        "listing_timeout",
        default=40.0,
        min=0.0,
        max=600.0,
        help="Seconds for which transient errors are retried while the shares of a project are "
        "listed. Keep it below rpc_response_timeout (60 s by default), because Karbor's API waits "
        "for the list.",
    ),
    FloatOpt(
        "lease_interval",
        default=10.0,
        min=1.0,
        max=600.0,
        help="Seconds between two renewals of the lease by which a karbor-protection process says "
        "in each bank that it is alive.",
    ),
    FloatOpt(
        "lease_timeout",
        default=60.0,
        min=3.0,
        max=86400.0,
        help="Seconds without a change of a lease, as watched by another process, after which its "
        "owner counts as dead. At least three times lease_interval.",
    ),
    FloatOpt(
        "reconcile_interval",
        default=60.0,
        min=1.0,
        max=86400.0,
        help="Seconds between two looks for what dead processes left unfinished. The first one "
        "is at start-up; one that did not get through is repeated sooner. Every twentieth searches "
        "the banks, the others only Karbor's database.",
    ),
    FloatOpt(
        "shutdown_timeout",
        default=30.0,
        min=0.0,
        max=86400.0,
        help="Seconds that operations under way have to finish when karbor-protection gets a "
        "SIGTERM; it takes no new ones meanwhile. What is not finished then is handed over to the "
        "other processes, which settle it at once. oslo.service ends the process "
        "graceful_shutdown_timeout seconds after the signal, so ten seconds before that are the "
        "most.",
    ),
    FloatOpt(
        "audit_grace",
        default=3600.0,
        min=0.0,
        max=2592000.0,
        help="Seconds for which an audit leaves alone what is younger, whatever it looks like.",
    ),
    cfg.IntOpt(
        "gc_interval",
        default=3600,
        min=0,
        max=2592000,
        help="Seconds between two looks for what drivers made for restores and copies, besides "
        "their shares, and nobody removed. The first is so long after the start; 0 for none.",
    ),
    FloatOpt(
        "gc_grace",
        default=86400.0,
        min=0.0,
        max=2592000.0,
        help="Seconds for which these looks leave alone what is younger, by Manila's time.",
    ),
    cfg.IntOpt(
        "plans_interval",
        default=60,
        min=0,
        max=86400,
        help="Seconds between two looks at the plans and schedules in Karbor's database, of which "
        "copies are kept in the banks of their providers, so that karbor-manila plans import can "
        "put them back when the database is lost. What is protected is looked at within seconds. "
        "0 for no copies.",
    ),
    *EVENT_OPTS,
    cfg.StrOpt(
        "watch_spool",
        default="",
        help="The folder in which karbor-manila's hook in manila-share writes what becomes of "
        "snapshots of checkpoints (its option karbor_watch_spool), where that runs on this host. "
        "It is read every second. Empty for none.",
    ),
    cfg.BoolOpt(
        "watch_notifications",
        default=False,
        help="Whether to listen for the same as notifications, on topic karbor_manila_watch of the "
        "transport for notifications that this file names; it has to be Manila's.",
    ),
]


def register_provider_opts(conf: cfg.ConfigOpts) -> cfg.ConfigOpts.GroupAttr:
    """Register the provider's options on ``conf`` and return their group.

    ``conf`` is the ConfigOpts of one provider's file, which is not ``cfg.CONF``
    (karbor/services/protection/provider.py).
    """
    conf.register_opts(PROVIDER_OPTS, GROUP)
    return conf[GROUP]


def register_service_opts(conf: cfg.ConfigOpts) -> cfg.ConfigOpts.GroupAttr:
    """Register the options of ``karbor.conf`` on ``conf`` and return their group."""
    conf.register_opts(SERVICE_OPTS, GROUP)
    return conf[GROUP]


def check_lease(settings: cfg.ConfigOpts.GroupAttr) -> None:
    """Whether a lease is renewed often enough to be fresh while its owner lives.

    :raises cfg.Error: it is not; the service does not start
    """
    if settings.lease_interval * 3 > settings.lease_timeout:
        raise cfg.Error(
            f"[{GROUP}] lease_timeout ({settings.lease_timeout:g} s) must be at least three times "
            f"lease_interval ({settings.lease_interval:g} s)"
        )


def list_provider_opts() -> list[tuple[str, Sequence[cfg.Opt]]]:
    """Entry point of ``oslo.config.opts``: what stands in a provider's file."""
    return [
        ("provider", KARBORS_OPTS),
        ("file_system_bank_plugin", BANK_OPTS),
        (objects.GROUP, objects.OBJECT_BANK_OPTS),
        (GROUP, [*PROVIDER_OPTS, *hooks.options_of_all()]),
        *catalogue.options_of_all(),
    ]


def list_service_opts() -> list[tuple[str, Sequence[cfg.Opt]]]:
    """Entry point of ``oslo.config.opts``: what stands in ``karbor.conf``."""
    return [(GROUP, [*SERVICE_OPTS, *listening.options_of_all()])]
