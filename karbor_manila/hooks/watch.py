# SPDX-License-Identifier: Apache-2.0
"""A hook of Manila that tells karbor-manila what becomes of its snapshots and shares, whoever asks.

It is loaded by manila-share (``hook_drivers = karbor_manila.hooks.watch.CheckpointWatchHook`` in
the group of a backend), in Manila's environment, which has no Karbor. What it tells has no effect
by itself: karbor-protection asks its bank and Manila before it believes any of it
(:mod:`karbor_manila.recovery.audit.told`).

Nothing of it fails or delays Manila's work. What it looks up is a few rows, for the calls below
and for what bears our marks alone; everything else is done in threads of its own.
"""

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import importutils

from karbor_manila.common.spool import Spool
from karbor_manila.hooks.watch_look import Look, Seen
from karbor_manila.hooks.watch_options import TOPIC, WATCH_OPTS
from karbor_manila.hooks.watch_sender import Failures, Sender, dump, in_real_thread

# There where a hook is made; this module is imported elsewhere too, for its documents and tests.
_hook: Any = importutils.try_import("manila.share.hook")

LOG = logging.getLogger(__name__)

#: Of what an event says.
VERSION = 1

# What is in no word of schemas/watch.json.
_NO_WORD = re.compile(r"[^A-Za-z0-9_.:@-]")

REVERT = "revert_to_snapshot"
#: What the periodic hook tells: Manila runs no hook after a call that failed.
FAILED = "failed"

#: The calls of Manila's share manager that are watched: the name of the argument that says of what,
#: and how that is looked up.
WATCHED: Mapping[str, tuple[str, Callable[[Look, Any, str], list[Seen]]]] = {
    "delete_snapshot": ("snapshot_id", Look.snapshot),
    "delete_replicated_snapshot": ("snapshot_id", Look.snapshot),
    "unmanage_snapshot": ("snapshot_id", Look.snapshot),
    REVERT: ("snapshot_id", Look.snapshot),
    "delete_share_instance": ("share_instance_id", Look.share_of_instance),
    "unmanage_share": ("share_id", Look.share),
}


class CheckpointWatchHook(_hook.HookBase if _hook else object):  # type: ignore[misc]
    """See the module. It is made once for each backend.

    Manila gives the positional arguments of a call after the context, and those of
    ``delete_share_server`` would land on ``func_name``, if that were not keyword-only as it is
    here: no share server could be deleted (manila/share/manager.py, add_hooks).
    """

    def __init__(self, configuration: Any, host: str) -> None:
        super().__init__(configuration, host)
        if configuration:
            configuration.append_config_values(WATCH_OPTS)
        else:
            cfg.CONF.register_opts(WATCH_OPTS)
        self._look = Look(importutils.import_module("manila.db"))
        self._senders: Sequence[Sender] = list(self._senders_wanted())
        self._lost = 0
        #: What could not be looked up.
        self.failures = Failures("karbor-manila's watch of checkpoints could not look")
        if not (self.pre_hooks_enabled and self.post_hooks_enabled):
            LOG.warning(
                "karbor-manila's watch of checkpoints on %s sees no deletion: that takes "
                "enable_pre_hooks and enable_post_hooks",
                host,
            )

    # -- what Manila calls ----------------------------------------------------------------------

    def execute_pre_hook(
        self, context: Any = None, *args: Any, func_name: str = "", **kwargs: Any
    ) -> list[Seen] | None:
        """Before a call: what it is of, if that is ours."""
        if func_name not in WATCHED or not self.pre_hooks_enabled:
            return None
        argument, look = WATCHED[func_name]
        try:
            of = str(kwargs[argument] if argument in kwargs else args[0])
            return look(self._look, self._elevated(context), of) or None
        except Exception as error:  # noqa: BLE001 - whatever the database raises: Manila's call goes on
            self.failures.note(error)
            return None

    def execute_post_hook(
        self,
        context: Any = None,
        *args: Any,
        func_name: str = "",
        pre_hook_data: Any = None,
        driver_action_results: Any = None,
        **kwargs: Any,
    ) -> None:
        """After a call that did not fail: tell what of ours is gone, or was reverted to."""
        if not pre_hook_data or func_name not in WATCHED or not self.post_hooks_enabled:
            return
        try:
            seen: Iterable[Seen] = pre_hook_data
            if func_name != REVERT:
                seen = self._look.gone(self._elevated(context), pre_hook_data)
            self._tell(func_name, seen, _who(context))
        except Exception as error:  # noqa: BLE001 - as above
            self.failures.note(error)

    def execute_periodic_hook(
        self, context: Any, periodic_hook_data: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Tell what of ours has failed."""
        if not self.periodic_hooks_enabled:
            return
        try:
            lost = sum(sender.lost.count for sender in self._senders)
            if lost != self._lost:
                # An audit finds what is gone; of what failed nobody else tells.
                self._look.forget_failed()
            self._lost = lost
            self._tell(FAILED, self._look.failed(self._elevated(context), self.host), {})
        except Exception as error:  # noqa: BLE001 - as above
            self.failures.note(error)

    def _execute_pre_hook(self, *args: Any, **kwargs: Any) -> None:
        """Not called: the public method is this class's own."""

    def _execute_post_hook(self, *args: Any, **kwargs: Any) -> None:
        """As above."""

    def _execute_periodic_hook(self, *args: Any, **kwargs: Any) -> None:
        """As above."""

    # -- telling --------------------------------------------------------------------------------

    def _tell(self, what: str, seen: Iterable[Seen], who: Mapping[str, str]) -> None:
        for each in seen:
            event = {
                "version": VERSION,
                "what": what,
                "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "host": self.host,
                "by": dict(who),
                **each,
            }
            for sender in self._senders:
                sender.send(event)

    def _senders_wanted(self) -> Iterator[Sender]:
        if folder := self.get_config_option("karbor_watch_spool"):
            spool = Spool(
                folder,
                most=self.get_config_option("karbor_watch_spool_files"),
                group=self.get_config_option("karbor_watch_spool_group"),
            )
            yield Sender("spool", in_real_thread(lambda event: spool.put(dump(event))))
        if self.get_config_option("karbor_watch_notifications"):
            yield Sender("notifications", Notifying(self.host))

    @staticmethod
    def _elevated(context: Any) -> Any:
        """The context of an administrator: what is looked up may be another project's."""
        if context is None:
            return importutils.import_module("manila.context").get_admin_context()
        return context.elevated()


class Notifying:
    """Tells by a notification, over Manila's own transport for those.

    That a broker is away is logged by oslo.messaging itself, which then says nothing to us.

    :param host: the backend, as the publisher of its notifications
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._notifier: Any = None

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Send it."""
        if self._notifier is None:
            transport = importutils.import_module("manila.rpc").NOTIFICATION_TRANSPORT
            self._notifier = oslo_messaging.Notifier(
                transport or oslo_messaging.get_notification_transport(cfg.CONF),
                publisher_id=f"share.{self._host}",
                driver="messagingv2",
                topics=[TOPIC],
                retry=0,
            )
        self._notifier.info({}, f"karbor_manila.watch.{event['what']}", dict(event))


def _who(context: Any) -> dict[str, str]:
    """Who asked for a call, as far as its context says. An id of a user from LDAP may have any
    characters: those that who reads it does not take are told as ``_``."""
    names = ("user_id", "project_id", "request_id")
    found = {name: getattr(context, name, None) for name in names}
    return {name: _NO_WORD.sub("_", str(value))[:128] for name, value in found.items() if value}
