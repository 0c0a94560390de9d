# SPDX-License-Identifier: Apache-2.0
"""Runs a recovery operation on the shares of a checkpoint, with Karbor's own user, side by side."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from karbor import exception as karbor_exception
from karbor.resource import Resource

from karbor_manila.bank import checkpoints
from karbor_manila.database.requested import as_karbor
from karbor_manila.operations import adopt, parameters
from karbor_manila.operations.plugin import PROJECT, SHARE, protects_shares
from karbor_manila.operations.share_operation import ShareOperation
from karbor_manila.recovery.postponed import Postponed
from karbor_manila.recovery.shared_manila import Connect
from karbor_manila.recovery.slots import SideBySide

_OURS = frozenset({SHARE, PROJECT})

#: A sentence for what may have been made by Karbor's own code.
UNRECORDED = (
    "If Karbor's own share plugin was at work, it may have left a snapshot or a share in Manila "
    "that no record names; doc/migration.md says how to find it."
)


@dataclass(frozen=True)
class Resources:
    """What a checkpoint holds.

    :ivar shares: the ids of its shares, sorted
    :ivar others: whether it holds what our plugins do not protect, be it shares
    :ivar protected: whether our plugin protects the shares
    """

    shares: list[str]
    others: bool
    protected: bool


def resources(provider: Any, checkpoint: Any) -> Resources:
    """What a checkpoint holds, as this provider is configured now."""
    nodes = list(checkpoints.resources(checkpoint))
    shares = sorted({node.id for node in nodes if node.type == SHARE})
    protected = bool(shares) and protects_shares(provider)
    others = any(node.type not in _OURS for node in nodes) or bool(shares and not protected)
    return Resources(shares, others, protected)


def run(
    operation: type[ShareOperation],
    provider: Any,
    checkpoint: Any,
    shares: Sequence[str],
    side_by_side: SideBySide,
    parameters_of_all: Any = None,
    **extras: Any,
) -> list[Exception]:
    """Run an operation on each share, as in a flow: they share the client and its poller, so a
    hundred of them wait with one request, together with those of other checkpoints.

    :param provider: fenced, by the claim of what is settled
    :param shares: their ids
    :param parameters_of_all: as the user gave them to Karbor
    :param extras: Karbor's other arguments of the hook (``restore`` or ``verify``)
    :returns: the errors that are final
    :raises Postponed: Manila or the bank was away for one of them
    """
    if not shares:
        return []
    context = as_karbor(checkpoint.project_id)

    def connect(usual: Connect) -> Connect:
        manila = side_by_side.manila(provider.id, usual)
        return lambda _context, project_id: manila.client(project_id, flow.clock)

    plugin = provider.load_plugins()[SHARE]
    flow = plugin.context_as_karbor(shares, side_by_side.clock, connect)

    def on_share(share_id: str) -> None:
        share = Resource(type=SHARE, id=share_id, name="")
        given = parameters.merge(parameters_of_all, SHARE, share_id)
        operation(flow).on_main(checkpoint, share, context, given, **extras)

    errors: list[Exception] = []
    away: BaseException | None = None
    outcomes = side_by_side.run([functools.partial(on_share, each) for each in shares])
    flow.close()  # not when it is killed: the next reconciliation goes on with it
    for outcome in outcomes:
        if not isinstance(outcome, Exception):
            continue
        if not isinstance(outcome, karbor_exception.KarborException):
            raise outcome
        if isinstance(outcome.__cause__, adopt.RETRIED_LATER):
            away = outcome.__cause__
        else:
            errors.append(outcome)
    if away:
        raise Postponed(str(away))
    return errors


def run_to_the_end(
    operation: type[ShareOperation],
    provider: Any,
    checkpoint: Any,
    shares: Sequence[str],
    side_by_side: SideBySide,
    **extras: Any,
) -> None:
    """As :func:`run`, of an operation that is tried again for ever: no error of it is final.

    :raises Postponed: it did not succeed on every share
    """
    errors = run(operation, provider, checkpoint, shares, side_by_side, **extras)
    if errors:
        raise Postponed(str(errors[0]))
