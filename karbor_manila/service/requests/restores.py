# SPDX-License-Identifier: Apache-2.0
"""Restores and verifications: what is checked and claimed before Karbor begins one, and the reason
in the record of one that is refused."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from karbor import exception
from karbor.common import constants
from oslo_log import log as logging
from oslo_messaging.rpc import dispatcher

from karbor_manila.bank import browses, checkpoints
from karbor_manila.common.errors import ClaimLost, InvalidParameter
from karbor_manila.database import columns, conditional
from karbor_manila.operations import parameters, restore_plan
from karbor_manila.operations.plugin import SHARE, protects_shares
from karbor_manila.recovery.claims import BROWSE, REVERT
from karbor_manila.service import bank_refusals, refusals
from karbor_manila.service.requests import access, drills, manila_checks, share_parameters
from karbor_manila.service.runtime import Runtime

LOG = logging.getLogger(__name__)

_LONGEST_REFUSAL = 8_000  # bytes; the record of the restore has the whole of it


@dataclass(frozen=True)
class Use:
    """A way to use a checkpoint that Karbor keeps a record of.

    :ivar operation: Karbor's name of it
    :ivar failure: the status of a record of it that failed
    :ivar check: resolves the parameters of a share, by its id; raises what is wrong with them
    """

    operation: str
    failure: str
    check: Callable[[str, dict[str, Any]], Any]


RESTORE = Use(
    constants.OPERATION_RESTORE, constants.RESTORE_STATUS_FAILURE, parameters.restore_options
)
VERIFICATION = Use(
    constants.OPERATION_VERIFY, constants.VERIFICATION_STATUS_FAILURE, parameters.verify_options
)


@contextlib.contextmanager
def accepted(runtime: Runtime, context: Any, record: Any, use: Use) -> Iterator[None]:
    """Around Karbor's own restore or verification: it is begun under the claims of its record and
    of the shares that are reverted. One that is refused has failed, and its record has the reason.

    :param record: Karbor's Restore or Verification
    :raises karbor.exception.KarborException: the refusal
    """
    with refusal_recorded(record, use.failure), refusals.explained():
        provider_id, checkpoint_id = record["provider_id"], record["checkpoint_id"]
        checkpoint = access.own_checkpoint(runtime, context, provider_id, checkpoint_id)
        using = runtime.worker.using(checkpoint, record, use.operation)
        with bank_refusals.explained(runtime.provider(provider_id)), using as claim:
            asked = _check(runtime, context, record, use)
            for claimed_id, operation in asked.besides:
                claim(claimed_id, operation)
            if asked.drill_older_than:
                drills.once(claim, checkpoint, record, asked.drill_older_than)
            yield


@dataclass
class _Asked:
    """What a request asks for that is not its flow's alone.

    :ivar besides: what is claimed besides, and for what: the shares that are put back, or whose
        content is replaced, and those to which access is given or taken back
    :ivar drill_older_than: seconds; of several shares the most. 0: nothing asks for it
    """

    besides: list[tuple[str, str]] = field(default_factory=list)
    drill_older_than: int = 0


def _check(runtime: Runtime, context: Any, record: Any, use: Use) -> _Asked:
    """Refuse what cannot be done, before anything is begun."""
    checkpoint = access.own_checkpoint(
        runtime, context, record["provider_id"], record["checkpoint_id"]
    )
    if checkpoint.status != constants.CHECKPOINT_STATUS_AVAILABLE:
        raise exception.InvalidInput(
            reason=f"checkpoint {checkpoint.id} is {checkpoint.status}, and only an available "
            f"one can be used"
        )
    provider = runtime.provider(record["provider_id"])
    if not protects_shares(provider):
        return _Asked()
    shares = [node.id for node in checkpoints.resources(checkpoint) if node.type == SHARE]
    asked = _Asked()
    besides = asked.besides
    resolved = _resolved_once(use.check)
    opened = _opened_once(provider, checkpoint)

    def check(share_id: str, given: dict[str, Any]) -> None:
        options = resolved(share_id, given)
        if options.size or options.is_revert:  # nothing else can be refused by the record
            restore_plan.check_by_record(checkpoint, share_id, options)
        target = options.share_id
        if options.include and target:
            if (target, REVERT) in besides:
                why = "it is given for two shares, and can take the content of one alone"
                raise InvalidParameter("share_id", target, why)
            besides.append((target, REVERT))
        if not isinstance(options, parameters.VerifyOptions):
            return
        if options.include and options.drill_older_than:
            asked.drill_older_than = max(asked.drill_older_than, options.drill_older_than)
        if options.changes_access:
            if options.browse_end and share_id not in opened():
                return  # nothing to take back: of a project of 10,000 few are open, if any
            besides.append((browses.lock_id(checkpoint.id, share_id), BROWSE))

    given = record["parameters"]
    wrong = share_parameters.check_restore(given, shares, check) or manila_checks.check_asked(
        checkpoint, provider, context, given, shares, runtime.answer_timeout
    )
    if wrong:
        raise _of_shares(record, wrong)
    return asked


def _resolved_once(check: Callable[[str, dict[str, Any]], Any]) -> Callable[..., Any]:
    """``check``, with one answer for all shares that have the same parameters: 10,000 shares of a
    project mostly have none of their own. With ``share_id`` among them the share counts, too."""
    known: dict[str, Any] = {}

    def resolved(share_id: str, given: dict[str, Any]) -> Any:
        if given.get("share_id"):
            return check(share_id, given)
        same = repr(sorted(given.items()))
        if same not in known:
            known[same] = check(share_id, given)
        return known[same]

    return resolved


def _opened_once(provider: Any, checkpoint: Any) -> Callable[[], set[str]]:
    """The ids of the shares to which access is open, by one list for all of a request."""
    known: list[set[str]] = []

    def opened() -> set[str]:
        if not known:
            found = checkpoints.open_browses(provider.bank, checkpoint.id)
            known.append({share_id for _checkpoint_id, share_id, _browse_id in found})
        return known[0]

    return opened


def _of_shares(record: Any, wrong: dict[str, str]) -> exception.InvalidInput:
    """Write down with each share what is wrong with it. Returns the refusal of them all."""
    written = columns.Report(record)
    for share_id, reason in wrong.items():
        key = f"{SHARE}#{share_id}"
        written.add(record, key, constants.RESOURCE_STATUS_ERROR, reason)
    every = " ".join(sorted(set(wrong.values())))
    return exception.InvalidInput(reason=columns.text(every, _LONGEST_REFUSAL))


@contextlib.contextmanager
def refusal_recorded(record: Any, failure: str) -> Iterator[None]:
    """A restore or verification that is refused ends as failed, with the reason.

    Karbor's API sets the status of most of them and the reason of none
    (karbor/api/v1/restores.py). Karbor's manager says of every flow that cannot be built that it
    cannot be built: what we know of it takes the place of that. What another process has told of
    its end stays.
    """
    conditional.told_once(record)
    try:
        yield
    except (exception.KarborException, dispatcher.ExpectedException) as error:
        refusal = error.exc_info[1] if isinstance(error, dispatcher.ExpectedException) else error
        cause = refusals.origin(refusal)
        unnamed = cause is not None and isinstance(refusal, exception.FlowError)
        if unnamed:
            refusal = exception.InvalidInput(reason=str(cause))
        if not isinstance(cause, ClaimLost):  # else another process has written how it ended
            _record_refusal(record, failure, str(getattr(refusal, "msg", refusal)))
        if unnamed:
            raise refusal from cause
        raise


def _record_refusal(record: Any, failure: str, reason: str) -> None:
    if record["status"] == failure and record.get("resources_reason"):
        return  # written under the claim, while the flow was being built
    if not record.get("resources_reason"):
        key = f"checkpoint#{record['checkpoint_id']}"
        columns.report(record, key, constants.RESOURCE_STATUS_ERROR, reason)
    record["status"] = failure
    try:
        columns.save(record)
    except ClaimLost as lost:
        LOG.warning("The reason of a refusal is not written into %s: %s", record["id"], lost)
    except Exception:  # a database that is away must not take the refusal's place
        LOG.exception("The reason of a refusal could not be written into %s", record["id"])
