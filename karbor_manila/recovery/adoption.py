# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint again into a bank that lost it, from what Manila has of it.

Nothing in Manila is changed or removed. The records are written first and the checkpoint last, all
under its claim, so who dies in between leaves nothing that anybody sees; doing it again ends it.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from karbor import exception as karbor_exception
from karbor.common import constants
from karbor.services.protection.checkpoint import CheckpointCollection
from oslo_log import log as logging

from karbor_manila.bank import checkpoints, fencing, identity, record_values, rewriting
from karbor_manila.bank.record import Intent
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common import left_out
from karbor_manila.common.clock import Clock
from karbor_manila.drivers.base import Driver
from karbor_manila.drivers.errors import DriverUnknown, DriverUnsuitable
from karbor_manila.manila import statuses
from karbor_manila.manila.errors import SnapshotDoubtful
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import View
from karbor_manila.operations import reporting
from karbor_manila.operations.plugin import SHARE
from karbor_manila.recovery.adoptable import ADOPTED, Adoptable, Search
from karbor_manila.recovery.claims import AUDIT, Claims
from karbor_manila.recovery.errors import NotAdoptable, ShareNotDescribed

LOG = logging.getLogger(__name__)

_NOTHING = "Manila has nothing that bears the mark of this checkpoint and keeps it"


class Adopted(NamedTuple):
    """What a checkpoint holds again, by share its name, and what it does not, by share why."""

    shares: dict[str, str]
    without: dict[str, str]


class Adoption:
    """Adopts what one search has found.

    :param provider: Karbor's provider
    :param held: the claims of this process, whose lease is kept
    :param bank_id: of the bank whose marks count
    """

    def __init__(
        self, provider: Any, held: Claims, search: Search, bank_id: str, clock: Clock | None = None
    ) -> None:
        self._provider = provider
        self._claims = held
        self._search = search
        self._bank_id = bank_id
        self._clock = clock or Clock()

    def adopt(self, found: Adoptable) -> Adopted:
        """Write the checkpoint again.

        :raises NotAdoptable: it cannot be, or is there by now; nothing was written
        :raises Taken: a living process works on it
        :raises BankNotOurs, BankUnreadable, DatabaseUnreadable: nothing of it can be seen
        """
        if found.why_not:
            raise NotAdoptable(found.id, found.why_not)
        with self._claimed(found.id) as bank:
            self._check_absent(bank, found.id)
            adopted = self._records(bank, found)
            if not adopted.shares:
                why = " ".join(dict.fromkeys(adopted.without.values()))
                raise NotAdoptable(found.id, f"None of its shares could be had back. {why}")
            rewriting.write(bank, self._rewritten(found, adopted))
        LOG.info("Checkpoint %s is adopted, with %d shares", found.id, len(adopted.shares))
        return adopted

    @staticmethod
    def _check_absent(bank: Any, checkpoint_id: str) -> None:
        """By its name: the list of an object store may lag behind what a living process wrote.

        :raises NotAdoptable: it is there
        """
        with contextlib.suppress(karbor_exception.CheckpointNotFound):
            collection = CheckpointCollection(bank)
            checkpoints.read(bank, checkpoint_id, lambda: collection.get(checkpoint_id))
            raise NotAdoptable(checkpoint_id, "It is in the bank by now.")

    def complete(self, checkpoint_id: str) -> None:
        """List a checkpoint that was adopted but for that (:meth:`.Search.half_done`).

        :raises: as :meth:`adopt`
        """
        with self._claimed(checkpoint_id) as bank:
            if not self._search.half_done([checkpoint_id]):
                raise NotAdoptable(checkpoint_id, "It is listed, or was deleted, by now.")
            rewriting.complete(bank, checkpoint_id)

    def _records(self, bank: Any, found: Adoptable) -> Adopted:
        """Write the record of each share that could be had back."""
        adopted = Adopted({}, {})
        for share_id in sorted(found.keeping):
            try:
                intent, kept = self._described(bank, found, share_id)
                made = record_values.complete(
                    intent,
                    kept.id,
                    intent.since,
                    size=kept.size,
                    data=kept.data,
                    endpoint=self._search.manila.url,
                )
                section = ShareSection(
                    rewriting.section(bank, found.id, share_id), self._clock.sleep
                )
                section.complete(made)
                section.status(constants.RESOURCE_STATUS_AVAILABLE)
            except (SnapshotDoubtful, ShareNotDescribed, DriverUnknown, DriverUnsuitable) as error:
                LOG.warning("Share %s, checkpoint %s: %s", share_id, found.id, error)
                adopted.without[share_id] = str(error)
            else:
                adopted.shares[share_id] = str(intent.share and intent.share["share_name"] or "")
        return adopted

    def _described(self, bank: Any, found: Adoptable, share_id: str) -> tuple[Intent, Kept]:
        """What the process that made it would have written before, and what keeps the share now.

        :raises SnapshotDoubtful: the share could not be had back from that
        :raises ShareNotDescribed: the share is gone, and nothing says what it was
        :raises NotAdoptable: what keeps it is not complete yet
        """
        shown = found.keeping[share_id]
        driver = self._search.manila.driver(shown.driver)
        view = _complete(found.id, driver, shown.id)
        kept = driver.check(Kept(shown.driver, shown.id, share_id), project_id=found.project_id)
        share = self._search.flow.manila.share(share_id)
        if share and share.get("project_id") == found.project_id:
            described = record_values.describe(share)
        else:
            described = _by_what_keeps_it(share_id, view, kept)
        intent = Intent(
            operation=constants.OPERATION_PROTECT,
            driver=shown.driver,
            project_id=found.project_id,
            mark=Mark(self._bank_id, self._provider.id, found.id, share_id),
            owner=str(bank.get_owner_id()),
            since=found.made_at.isoformat(timespec="seconds"),
            share=described,
        )
        return intent, kept

    def _rewritten(self, found: Adoptable, adopted: Adopted) -> rewriting.Rewritten:
        now = self._clock.utcnow().isoformat(timespec="seconds")
        without = adopted.without | dict.fromkeys(found.missing, _NOTHING)
        info: dict[str, Any] = {ADOPTED: now}
        if without:
            info[left_out.KEY] = left_out.dump(
                left_out.LeftOut(SHARE, share_id, None, why.rstrip("."), left_out.BROKEN)
                for share_id, why in without.items()
            )
        if found.passed_over:
            said = f"Passed over when it was adopted: {', '.join(found.passed_over)}."
            info["remarks"] = {reporting.ALL_SHARES: said}
        resources: list[Any] = list(found.plan.resources) or [
            {"type": SHARE, "id": share_id, "name": name, "extra_info": None}
            for share_id, name in adopted.shares.items()
        ]
        plan = {"id": found.plan.id, "name": found.plan.name, "resources": resources}
        return rewriting.Rewritten(
            id=found.id,
            provider_id=self._provider.id,
            project_id=found.project_id,
            made_at=found.made_at,
            plan=plan,
            shares=adopted.shares,
            extra_info=info,
        )

    @contextlib.contextmanager
    def _claimed(self, checkpoint_id: str) -> Iterator[Any]:
        """The provider's own bank, written to only while the claim of the checkpoint is held."""
        bank, provider_id = self._provider.bank, self._provider.id
        identity.confirm(bank, provider_id)
        claim = self._claims.take(
            checkpoint_id,
            AUDIT,
            provider_id=provider_id,
            checkpoint_id=checkpoint_id,
            bank=bank,
        )
        is_settled = not claim.took_over
        try:
            yield fencing.bank(bank, fencing.Hold(self._claims, checkpoint_id).check)
            is_settled = True  # whatever a dead owner had left: the bank has the checkpoint
        finally:
            (self._claims.release if is_settled else self._claims.leave)(checkpoint_id)


def _complete(checkpoint_id: str, driver: Driver, kept_id: str) -> View:
    """What keeps a share; empty when it has gone meanwhile.

    :raises NotAdoptable: it is not complete yet
    """
    view = driver.show(kept_id) or {}
    if view.get("status") == statuses.CREATING:
        why = f"Snapshot {kept_id} is still being made. Adopt it once that has ended."
        raise NotAdoptable(checkpoint_id, why)
    return view


def _by_what_keeps_it(share_id: str, view: View, kept: Kept) -> dict[str, Any]:
    """What a record says of a share that is gone, or another project's by now."""
    protocol = view.get("share_proto")
    if not protocol or not kept.size:
        raise ShareNotDescribed(share_id)
    known = {"id": share_id, "size": kept.size, "share_proto": protocol}
    return record_values.describe(known) | {"metadata": None, "is_public": None}
