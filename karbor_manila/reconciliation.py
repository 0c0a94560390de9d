# SPDX-License-Identifier: Apache-2.0
"""Brings to an end what dead processes left unfinished, so that a user can act on it.

Karbor recovers nothing itself: a checkpoint stays ``protecting``, a restore ``in_progress``. This
finds what is in work although nobody is at it, claims it, and ends it: what was made is adopted
when it is complete and removed when it is not. What a living process works on is never touched.
Each repair can be stopped and repeated at any point.
"""

import contextlib
import datetime
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import futurist
from karbor import context as karbor_context
from karbor import exception as karbor_exception
from karbor import objects
from karbor.common import constants
from karbor.resource import Resource
from oslo_log import log as logging

from karbor_manila import (
    checkpoints,
    claims,
    exception,
    identity,
    operation_logs,
    parameters,
    plans,
)
from karbor_manila.operations import reasons, recover
from karbor_manila.operations.base import ShareOperation
from karbor_manila.waiting import Clock

LOG = logging.getLogger(__name__)

_OURS = frozenset({plans.SHARE, plans.PROJECT})

_OPERATION_OF = {
    constants.CHECKPOINT_STATUS_PROTECTING: constants.OPERATION_PROTECT,
    constants.CHECKPOINT_STATUS_DELETING: constants.OPERATION_DELETE,
    constants.CHECKPOINT_STATUS_WAIT_COPYING: constants.OPERATION_COPY,
    constants.CHECKPOINT_STATUS_COPYING: constants.OPERATION_COPY,
}

_FAILURES = frozenset(
    {constants.CHECKPOINT_STATUS_ERROR, constants.CHECKPOINT_STATUS_ERROR_DELETING}
)

# The same word for restores and verifications.
_IN_PROGRESS = constants.RESTORE_STATUS_IN_PROGRESS

# Names of Karbor's objects: they are there once Karbor has registered them.
_RECORDS = {
    constants.OPERATION_RESTORE: "Restore",
    constants.OPERATION_VERIFY: "Verification",
}


@dataclass(frozen=True)
class Unfinished:
    """Work that nobody will end any more: on the checkpoint, restore or verification ``id``.

    ``since`` is UTC, or None when nobody wrote down when it began.
    """

    operation: str
    id: str
    checkpoint_id: str
    provider_id: str
    project_id: str
    since: datetime.datetime | None


class _Later(Exception):
    """Manila or the bank is away: nothing was changed that the next attempt could not find."""


class Reconciliation:
    """What is unfinished in the banks of some providers, and its ends.

    :param providers: gives Karbor's providers
    :param held: the claims of this process
    :param grace: seconds for which a restore or verification that nobody has claimed is left alone:
        the request for it may still be on its way
    :param executor: makes the executor of one run; several things are ended side by side, because
        one of them may have to wait for Manila
    """

    def __init__(
        self,
        providers: Callable[[], Iterable[Any]],
        held: claims.Claims,
        *,
        grace: float,
        executor: Callable[[], Any] = futurist.SynchronousExecutor,
        clock: Clock | None = None,
    ) -> None:
        self._providers = providers
        self._claims = held
        self._grace = grace
        self._executor = executor
        self._clock = clock or Clock()
        #: Why the last search did not see everything: the error of a bank or of the database.
        self.away: Exception | None = None

    def run(self, *, everywhere: bool = True) -> dict[Unfinished, str]:
        """End everything that is unfinished.

        :param everywhere: search the banks, too, not only the database
        :returns: what was found, each with the status that it has now; empty for what has to be
            tried again later. :attr:`away` says whether all was searched.
        """
        found = self.find(everywhere=everywhere)
        with self._executor() as executor:
            ends = [(item, executor.submit(self.end, item)) for item in found]
            return {item: end.result() for item, end in ends}

    def find(self, *, everywhere: bool = True) -> list[Unfinished]:
        """What is unfinished in the banks that are at hand; nothing is changed."""
        found: dict[str, Unfinished] = {}
        self.away = None
        searches = [self._claimed, self._records]
        if everywhere:
            searches += [self._unclaimed, self._leftovers]
        for provider in self._providers():
            known = {provider.id: provider}
            try:
                _check_mounted(provider)
                for item in itertools.chain.from_iterable(search(known) for search in searches):
                    found.setdefault(item.id, item)
            except Exception as error:  # noqa: BLE001 - the banks of the others may be at hand
                LOG.error("Nobody knows what is unfinished in %s: %s", provider.id, error)
                self.away = error
        return list(found.values())

    def end(self, item: Unfinished) -> str:
        """End one thing; empty when that has to be tried again later, else its status now."""
        provider = {each.id: each for each in self._providers()}[item.provider_id]
        try:
            self._claims.take(
                item.id,
                claims.RECONCILE,
                provider_id=item.provider_id,
                checkpoint_id=item.checkpoint_id,
                bank=provider.bank,
            )
        except exception.Taken as taken:
            LOG.info("%s %s is left alone: %s", item.operation, item.id, taken)
            return ""
        status = ""
        try:
            if item.operation in _RECORDS:
                status = _end_record(provider, item)
            else:
                status = _end_checkpoint(provider, item)
        except (_Later, exception.BankUnreadable) as later:
            LOG.warning("%s %s is ended later: %s", item.operation, item.id, later)
        except Exception:  # one that resists must not keep the others from their ends
            LOG.exception("%s %s could not be ended", item.operation, item.id)
        finally:
            (self._claims.release if status else self._claims.leave)(item.id)
        if status:
            LOG.info("%s %s: a dead process left it, now it is %s", item.operation, item.id, status)
        return status

    def _claimed(self, providers: dict[str, Any]) -> Iterator[Unfinished]:
        for claim in self._claims.all():
            provider = providers.get(claim.provider_id)
            if provider is None or self._claims.is_alive(claim, provider.bank):
                continue
            yield Unfinished(
                _operation(claim),
                claim.id,
                claim.checkpoint_id,
                claim.provider_id,
                _project_of(provider, claim.checkpoint_id),
                claim.since,
            )

    def _unclaimed(self, providers: dict[str, Any]) -> Iterator[Unfinished]:
        for provider in providers.values():
            for checkpoint_id in checkpoints.everything(provider.bank):
                try:
                    checkpoint = provider.get_checkpoint(checkpoint_id)
                    ours = checkpoint.provider_id == provider.id
                    if not ours or not self._claims.is_abandoned(checkpoint):
                        continue
                    if self._is_being_made(checkpoint):
                        continue
                    project_id = checkpoint.project_id
                except Exception as error:  # noqa: BLE001 - Karbor takes any index for one
                    LOG.error("Checkpoint %s cannot be read: %s", checkpoint_id, error)
                    continue
                yield Unfinished(
                    _OPERATION_OF[checkpoint.status],
                    checkpoint_id,
                    checkpoint_id,
                    provider.id,
                    project_id,
                    None,
                )

    def _is_being_made(self, checkpoint: Any) -> bool:
        """Karbor puts a checkpoint into the bank before our worker can claim it."""
        section = checkpoint.checkpoint_section
        if checkpoint.owner_id != section.get_owner_id():
            return False
        made = float(section.get_object("index.json")["timestamp"])
        return self._clock.utcnow().timestamp() - made < self._grace

    def _records(self, providers: dict[str, Any]) -> Iterator[Unfinished]:
        """Restores and verifications that nobody has claimed, although they are not new."""
        for operation, kind in _RECORDS.items():
            in_work = getattr(objects, f"{kind}List").get_all(
                _as_karbor(), None, None, filters={"status": _IN_PROGRESS}
            )
            for record in in_work:
                provider = providers.get(record.provider_id)
                begun = record.created_at.replace(tzinfo=datetime.UTC)
                young = (self._clock.utcnow() - begun).total_seconds() < self._grace
                if provider is None or young or self._claims.get(record.id):
                    continue
                yield Unfinished(
                    operation,
                    record.id,
                    record.checkpoint_id,
                    record.provider_id,
                    record.project_id,
                    begun,
                )

    def _leftovers(self, providers: dict[str, Any]) -> Iterator[Unfinished]:
        """Restores and verifications that have ended and could not remove what they made."""
        for provider in providers.values():
            for checkpoint_id, _share_id, record_id in checkpoints.unended(provider.bank):
                kind = _kind_of(record_id)
                if kind is None or self._claims.get(record_id):
                    continue
                record = _record(kind, record_id)
                if record.provider_id != provider.id or record.status == _IN_PROGRESS:
                    continue
                yield Unfinished(
                    kind, record_id, checkpoint_id, provider.id, record.project_id, None
                )


def _end_checkpoint(provider: Any, item: Unfinished) -> str:
    try:
        checkpoint = _checkpoint(provider, item.id)
    except karbor_exception.CheckpointNotFound:
        return constants.CHECKPOINT_STATUS_DELETED  # there never was one, or nothing of it is left
    if checkpoint.status == constants.CHECKPOINT_STATUS_PROTECTING:
        _end_making(provider, checkpoint, recover.RecoverProtectOperation)
    elif _OPERATION_OF.get(checkpoint.status) == constants.OPERATION_COPY:
        _end_making(provider, checkpoint, recover.RecoverCopyOperation)
    elif checkpoint.status == constants.CHECKPOINT_STATUS_DELETING:
        _end_deletion(provider, checkpoint)
    elif checkpoint.status == constants.CHECKPOINT_STATUS_DELETED:
        _forget(provider, checkpoint)
    # Karbor calls the logs of deletions those of protections, too.
    for kind in (constants.OPERATION_PROTECT, constants.OPERATION_COPY):
        sought = operation_logs.Sought(checkpoint.project_id, checkpoint.id, kind)
        operation_logs.end(
            _as_karbor(), sought, status=checkpoint.status, error_info=_told(checkpoint)
        )
    return str(checkpoint.status)


def _checkpoint(provider: Any, checkpoint_id: str) -> Any:
    """A checkpoint as it stands in a bank that is there.

    :raises karbor.exception.CheckpointNotFound: there is none for certain
    :raises BankUnreadable: the bank does not give it
    """
    try:
        return checkpoints.get(provider, checkpoint_id)
    except karbor_exception.CheckpointNotFound:
        _check_mounted(provider)
        raise


def _check_mounted(provider: Any) -> None:
    """In a bank that is not mounted everybody seems dead, and every checkpoint gone.

    :raises _Later: it is empty
    """
    if identity.read(provider.bank) is None and not any(checkpoints.everything(provider.bank)):
        raise _Later(f"the bank of provider {provider.id} is empty; is it mounted?")


def _end_making(provider: Any, checkpoint: Any, operation: type[ShareOperation]) -> None:
    """End a protection or a copy."""
    checkpoints.mend_index(provider, checkpoint)
    shares, others = _resources(checkpoint)
    errors = []
    if shares and plans.protects_shares(provider):
        errors = _run(operation, provider, checkpoint, shares)
    elif shares:
        others = True
    if shares and not others and not errors:
        checkpoint.status = constants.CHECKPOINT_STATUS_AVAILABLE
        if checkpoints.is_copy(checkpoint):
            reasons.add(checkpoint, "copy_status", constants.CHECKPOINT_STATUS_COPY_FINISHED)
    else:
        checkpoint.status = constants.CHECKPOINT_STATUS_ERROR
        _tell(
            checkpoint,
            "The process that made this checkpoint died before it was complete. What is in it can "
            "be restored after its state was reset to available; deleting it removes everything.",
        )
    if checkpoint.resource_graph is None:
        # python-karborclient cannot show a checkpoint without one.
        checkpoint.resource_graph = []
    checkpoint.commit()


def _end_deletion(provider: Any, checkpoint: Any) -> None:
    shares, others = _resources(checkpoint)
    if others or (shares and not plans.protects_shares(provider)):
        # Other plugins work with the tenant's own token, and the tenant is not here.
        checkpoint.status = constants.CHECKPOINT_STATUS_ERROR_DELETING
        _tell(checkpoint, "The process that deleted this checkpoint died. Delete it again.")
        checkpoint.commit()
    elif _run(recover.RecoverDeleteOperation, provider, checkpoint, shares):
        checkpoint.status = constants.CHECKPOINT_STATUS_ERROR_DELETING
        checkpoint.commit()
    else:
        _forget(provider, checkpoint)


def _forget(provider: Any, checkpoint: Any) -> None:
    """Take a checkpoint out of the index, whatever an earlier attempt has taken out of it."""
    checkpoints.mend_index(provider, checkpoint)
    checkpoint.delete()


def _end_record(provider: Any, item: Unfinished) -> str:
    try:
        record = _record(item.operation, item.id)
    except karbor_exception.NotFound:
        return constants.RESTORE_STATUS_FAILURE  # there is nobody to tell
    if record.status == _IN_PROGRESS:
        good = item.operation == constants.OPERATION_RESTORE and _end_restore(provider, record)
        if good:
            record.status = constants.RESTORE_STATUS_SUCCESS
        else:
            record.status = constants.RESTORE_STATUS_FAILURE
            record.update_resource_status(
                "checkpoint",
                record.checkpoint_id,
                constants.RESOURCE_STATUS_ERROR,
                f"The process that did this {item.operation} died before its end. What is said "
                f"here of each share holds; ask for the {item.operation} again for the others.",
            )
        record.save()
    _end_leftovers(provider, record, item.operation)
    operation_logs.end(
        _as_karbor(),
        operation_logs.Sought(
            record.project_id,
            record.checkpoint_id,
            item.operation,
            restore_id=record.id if item.operation == constants.OPERATION_RESTORE else None,
            not_before=record.created_at,
        ),
        status=record.status,
    )
    return str(record.status)


def _end_restore(provider: Any, record: Any) -> bool:
    """Whether everything was restored after all."""
    try:
        checkpoint = _checkpoint(provider, record.checkpoint_id)
    except karbor_exception.CheckpointNotFound:
        return False
    shares, others = _resources(checkpoint)
    if not shares or not plans.protects_shares(provider):
        return False
    errors = _run(
        recover.RecoverRestoreOperation,
        provider,
        checkpoint,
        shares,
        record.parameters,
        restore=record,
    )
    return not errors and not others


def _end_leftovers(provider: Any, record: Any, operation: str) -> None:
    """Remove what is temporary and was not removed; a drill's share, above all."""
    shares = [
        share_id
        for _checkpoint_id, share_id, record_id in checkpoints.unended(
            provider.bank, record.checkpoint_id
        )
        if record_id == record.id
    ]
    if not shares:
        return
    checkpoint = provider.get_checkpoint(record.checkpoint_id)
    name = "restore" if operation == constants.OPERATION_RESTORE else "verify"
    errors = _run(
        recover.EndLeftoverOperation, provider, checkpoint, shares, None, **{name: record}
    )
    if errors:
        raise _Later(str(errors[0]))


def _run(
    operation: type[ShareOperation],
    provider: Any,
    checkpoint: Any,
    shares: Iterable[str],
    parameters_of_all: Any = None,
    **extras: Any,
) -> list[Exception]:
    """Run an operation on each share with Karbor's own user.

    :param parameters_of_all: as the user gave them to Karbor
    :returns: the errors that are final
    :raises _Later: Manila or the bank was away for one of them
    """
    context = _as_karbor(checkpoint.project_id)
    shared = provider.load_plugins()[plans.SHARE].shared_as_karbor(shares)
    errors: list[Exception] = []
    away: Exception | None = None
    for share_id in shares:
        share = Resource(type=plans.SHARE, id=share_id, name="")
        try:
            given = parameters.merge(parameters_of_all, plans.SHARE, share_id)
            operation(shared).on_main(checkpoint, share, context, given, **extras)
        except karbor_exception.KarborException as error:
            if isinstance(error.__cause__, recover.PASSING):
                away = error.__cause__
            else:
                errors.append(error)
    if away:
        raise _Later(str(away))
    return errors


def _resources(checkpoint: Any) -> tuple[list[str], bool]:
    """The ids of the checkpoint's shares, and whether it holds anything that is not ours."""
    nodes = list(checkpoints.resources(checkpoint))
    shares = sorted({node.id for node in nodes if node.type == plans.SHARE})
    return shares, any(node.type not in _OURS for node in nodes)


def _tell(checkpoint: Any, reason: str) -> None:
    reasons.add(checkpoint, "reasons", {f"checkpoint#{checkpoint.id}": reason})


def _told(checkpoint: Any) -> str:
    """What the checkpoint says of its failure, for the log of the operation."""
    if checkpoint.status not in _FAILURES:
        return ""
    return "\n".join(str(reason) for reason in reasons.of(checkpoint).values())


def _record(operation: str, record_id: str) -> Any:
    """Karbor's restore or verification."""
    return getattr(objects, _RECORDS[operation]).get_by_id(_as_karbor(), record_id)


def _kind_of(record_id: str) -> str | None:
    """The operation of a restore or verification; None when there is neither."""
    for operation in _RECORDS:
        with contextlib.suppress(karbor_exception.NotFound):
            _record(operation, record_id)
            return operation
    return None


def _operation(claim: claims.Claim) -> str:
    """What a claim was for; a reconciliation may have died as well."""
    if claim.id == claim.checkpoint_id:
        return claim.operation
    return _kind_of(claim.id) or claim.operation


def _project_of(provider: Any, checkpoint_id: str) -> str:
    try:
        return str(provider.get_checkpoint(checkpoint_id).project_id)
    except Exception as error:  # noqa: BLE001 - told again, and in full, when it is to be ended
        LOG.warning("Checkpoint %s cannot be read: %s", checkpoint_id, error)
        return ""


def _as_karbor(project_id: str | None = None) -> Any:
    """The context of work without a tenant."""
    context = karbor_context.get_admin_context()
    context.project_id = project_id
    return context
