# SPDX-License-Identifier: Apache-2.0
"""The hook ``command``: programs of the operator's, run on the host of karbor-protection."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.common import command
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.retry import retry
from karbor_manila.common.visible import visible
from karbor_manila.hooks import command_input, payload
from karbor_manila.hooks.base import CHECKPOINT, POINTS, SHARE, Call, Environment, Hook, Outcome
from karbor_manila.hooks.errors import CommandFailed, HookSkip

LOG = logging.getLogger(__name__)

#: The exit code by which a pre says: leave this out (EX_TEMPFAIL of sysexits.h).
SKIP = 75

_OPTIONS: tuple[cfg.Opt, ...] = (
    cfg.StrOpt(
        "command_hook_pre",
        default="",
        help="The command that the hook 'command' runs before a call of the driver: a program and "
        "its arguments, quoted as for a shell, run without one on the host of karbor-protection. "
        "It gets what it is called for as KARBOR_MANILA_* in an environment that has nothing else "
        "but PATH and LANG, and as JSON from its standard input. Exit code 75 leaves this "
        "share out, another one but 0 is a failure. A dollar sign is written twice, as "
        "everywhere in this file.",
    ),
    cfg.StrOpt(
        "command_hook_post",
        default="",
        help="The command that runs afterwards, whatever became of the call; "
        "KARBOR_MANILA_OUTCOME says it.",
    ),
    cfg.StrOpt(
        "command_hook_periodic",
        default="",
        help="The command that runs every periodic_hooks_interval.",
    ),
    cfg.StrOpt(
        "command_hook_scope",
        default=SHARE,
        choices=[
            (SHARE, "once for each share"),
            (CHECKPOINT, "once for all shares of a checkpoint that are worked on together"),
        ],
        help="How often the commands run.",
    ),
    cfg.ListOpt(
        "command_hook_points",
        default=["protect"],
        item_type=cfg.types.String(choices=sorted(POINTS)),
        help="Around which calls the commands run.",
    ),
    cfg.ListOpt(
        "command_hook_share_types",
        default=[],
        help="Names or ids of share types. With this or command_hook_metadata_key set, the "
        "commands run for shares of these types and for shares with that key alone.",
    ),
    cfg.StrOpt(
        "command_hook_metadata_key",
        default="",
        help="A key in the metadata of a share that turns the commands on for it. The owner of the "
        "share sets it; its value is in KARBOR_MANILA_METADATA_VALUE, and is the owner's word: "
        "data, never a part of a command.",
    ),
    cfg.BoolOpt(
        "command_hook_export_locations",
        default=True,
        help="Whether Manila is asked where a share is mounted, one request a share.",
    ),
)


class CommandHook(Hook):
    """Runs a command before, after, and from time to time."""

    options: ClassVar[Collection[cfg.Opt]] = _OPTIONS

    @property
    def points(self) -> frozenset[str]:
        """As configured."""
        return frozenset(self.options_here.command_hook_points)

    @property
    def scope(self) -> str:
        """As configured."""
        return str(self.options_here.command_hook_scope)

    def check(self) -> None:
        """Whether each command is a program of this host, and a pre is not without its post."""
        options = self.options_here
        commands = {f"command_hook_{phase}": self._command(phase) for phase in payload.PHASES}
        if not any(commands.values()):
            raise cfg.Error(
                f"hook_drivers names {self.name!r}, but {', '.join(commands)} are all empty. Set "
                f"one of them."
            )
        for option, text in commands.items():
            if text and (why := command_input.objection(text)):
                raise cfg.Error(f"{option} = {text}: {why}")
        alone = options.enable_pre_hooks and not options.enable_post_hooks
        if alone and options.command_hook_pre and options.command_hook_post:
            raise cfg.Error(
                "command_hook_pre and command_hook_post are set, and enable_pre_hooks is on "
                "without enable_post_hooks. Turn on both, or take command_hook_post out."
            )

    def applies(self, *, call: Call) -> bool:
        """Whether one of the shares is one of those that the options name."""
        return any(map(self._is_wanted, call.shares))

    def pre(self, *, call: Call) -> Mapping[str, Any] | None:
        """Run ``command_hook_pre``.

        :raises HookSkip: it ended with 75
        :raises CommandFailed: it could not be run, took too long or did not end with 0
        """
        if not self._command(payload.PRE):
            return None
        began = call.environment.clock.now()
        known = self._known(call)
        # The same for the post: an owner may take the key out meanwhile, Manila may be away.
        call.remember({"shares": known})
        ended = self._run(payload.PRE, call, known, began)
        if ended.code == SKIP:
            said = command_input.one_line(ended.output) or "its command gives no reason"
            raise HookSkip(f"{said} (exit code {SKIP}).")
        self._judge(payload.PRE, ended)
        return None

    def post(
        self, *, call: Call, data: Mapping[str, Any] | None, outcome: Outcome
    ) -> Mapping[str, Any] | None:
        """Run ``command_hook_post``, for the shares of the pre if there was one.

        :raises CommandFailed: as of the pre
        """
        if not self._command(payload.POST):
            return None
        began = call.environment.clock.now()
        known = data["shares"] if data else self._known(call)
        ended = self._run(payload.POST, call, known, began, outcome)
        self._judge(payload.POST, ended)
        annotations = command_input.annotations(ended.output)
        return _annotated(call, known, outcome, annotations) if annotations else None

    def periodic(self, *, data: Sequence[Mapping[str, Any]], environment: Environment) -> None:
        """Run ``command_hook_periodic``, with the data of the shares that the options name as JSON
        in its standard input; not if there are none.

        :raises CommandFailed: as of the pre
        """
        wanted = [row for row in data if self._is_wanted(row)]
        if not self._command(payload.PERIODIC) or not wanted:
            return
        told = payload.periodic(self.name, wanted)
        self._judge(payload.PERIODIC, self._execute(payload.PERIODIC, told, 0.0))

    def _command(self, phase: str) -> str:
        return str(self.options_here[f"command_hook_{phase}"]).strip()

    def _is_wanted(self, view: Mapping[str, Any]) -> bool:
        types = self.options_here.command_hook_share_types
        key = self.options_here.command_hook_metadata_key
        if not types and not key:
            return True
        named = {view.get("share_type_name"), view.get("share_type")}
        return bool(named & set(types)) or (bool(key) and key in (view.get("metadata") or {}))

    def _known(self, call: Call) -> dict[str, dict[str, Any]]:
        """By the ids of the shares that it is for, what is told of them besides their views; only
        what there is, because the bank keeps it."""
        key = self.options_here.command_hook_metadata_key
        known: dict[str, dict[str, Any]] = {}
        for view in filter(self._is_wanted, call.shares):
            more = known[str(view["id"])] = {}
            if key in (view.get("metadata") or {}):
                more["metadata_value"] = view["metadata"][key]
            if places := self._places(call, str(view["id"])):
                more["export_locations"] = places
        return known

    def _places(self, call: Call, share_id: str) -> list[str]:
        """Where a share is mounted; none when Manila does not say it soon: no reason for a command
        that lets an application go on not to run."""
        if not self.options_here.command_hook_export_locations:
            return []
        environment = call.environment
        try:
            return retry(
                lambda: environment.client.manila.export_locations(share_id),
                timeout=self.options_here.hook_timeout / 4,
                clock=environment.clock,
            )
        except KarborManilaError as error:
            LOG.info("The export locations of share %s are not known: %s", share_id, error)
            return []

    def _run(
        self,
        phase: str,
        call: Call,
        known: Mapping[str, Mapping[str, Any]],
        began: float,
        outcome: Outcome | None = None,
    ) -> command.Ended:
        there = {str(view["id"]): view for view in call.shares}
        shares = [there.get(share_id, {"id": share_id}) for share_id in known]
        told = payload.describe(self.name, phase, call, shares, outcome)
        for share in told["shares"]:
            share.update(known[share["id"]])
        return self._execute(phase, told, call.environment.clock.now() - began)

    def _execute(self, phase: str, told: Mapping[str, Any], spent: float) -> command.Ended:
        # A little less than the deadline of the call: that it is over is told here, with the end
        # of the output.
        whole = float(self.options_here.hook_timeout)
        left = max(0.0, whole - min(1.0, whole / 10) - spent)
        variables = command_input.environment(told)
        # As long as it runs the call is not over: the post of a pre that freezes late comes then.
        return command.execute(
            self._command(phase), variables, left, command_input.document(told), outlived=False
        )

    def _judge(self, phase: str, ended: command.Ended) -> None:
        if ended.code != 0:
            raise CommandFailed(f"command_hook_{phase}", ended.said, ended.output)
        LOG.info("The command of %s passed: %s", f"command_hook_{phase}", visible(ended.output))


def _annotated(
    call: Call, known: Collection[str], outcome: Outcome, annotations: Mapping[str, str]
) -> dict[str, Any]:
    """The result with the annotations of a command, of each share that it ran for."""
    if call.scope == SHARE:
        return {"annotations": {**outcome.result.get("annotations", {}), **annotations}}
    return {
        share_id: {"annotations": {**result.get("annotations", {}), **annotations}}
        for share_id, result in outcome.result.items()
        if share_id in known
    }
