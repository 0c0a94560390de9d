# SPDX-License-Identifier: Apache-2.0
"""The resource section of a share in a checkpoint: the intent, the record, the status.

The life of a record: an *intent* under a key of its own before anything is created; the id in it as
soon as Manila has answered; Karbor's key ``metadata`` once the protection is complete, and then the
intent goes, last. So a section with an intent is unfinished work, one with both is complete but for
the last writes, and one with neither keeps nothing.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.bank.record import (
    BROWSE,
    Intent,
    ShareRecord,
    dump_intent,
    dump_record,
    load_intent,
    load_record,
)

LOG = logging.getLogger(__name__)

T = TypeVar("T")

RECORD = "metadata"
STATUS = "status"
INTENT = "intent"
RESTORES = "restores/"
BROWSES = "browses/"
REPORTS = "reports/"
MANIFEST = "manifest"


class Begun(NamedTuple):
    """What has an intent of its own beside the share's protection: the ids of the restores that are
    under way or were cut short, and of the verifications that gave access which is not taken back
    yet."""

    restores: list[str]
    browses: list[str]


class ShareSection:
    """The objects of one share in one checkpoint.

    A bank that fails is asked again a few times within seconds; after that BankUnreadable is
    raised.

    :param section: Karbor's bank section of the resource
    :param sleep: how to let seconds pass between two attempts
    """

    def __init__(self, section: Any, sleep: Callable[[float], None]) -> None:
        self._section = section
        self._sleep = sleep

    def record(self) -> ShareRecord | None:
        """The complete record, or None when there is none. Raises RecordInvalid."""
        stored = self._read(RECORD)
        return None if stored is None else load_record(stored)

    def intent(self) -> Intent | None:
        """The intent of an unfinished protection, or None. Raises RecordInvalid."""
        stored = self._read(INTENT)
        return None if stored is None else load_intent(stored)

    def restores(self) -> list[str]:
        """The ids of the restores that are under way, or were cut short."""
        return self.begun().restores

    def begun(self) -> Begun:
        """What is under way, was cut short or is open, by one list."""
        keys = self._ask(self._section.list_objects, "list the restores of a share")
        return Begun(
            *(
                sorted(key.removeprefix(kind) for key in keys if key.startswith(kind))
                for kind in (RESTORES, BROWSES)
            )
        )

    def restore(self, restore_id: str) -> Intent | None:
        """The intent of one restore, or None. Raises RecordInvalid."""
        stored = self._read(RESTORES + restore_id)
        return None if stored is None else load_intent(stored)

    def browse(self, browse_id: str) -> Intent | None:
        """The intent of the access that a verification gave, or None. Raises RecordInvalid."""
        stored = self._read(BROWSES + browse_id)
        return None if stored is None else load_intent(stored)

    def begin(self, intent: Intent) -> None:
        """Write what is about to be created, before it is."""
        self._write(self._key(intent), dump_intent(intent))

    def created(self, intent: Intent, created_id: str) -> Intent:
        """Put down the id that Manila gave."""
        intent = dataclasses.replace(intent, created_id=created_id)
        self._write(self._key(intent), dump_intent(intent))
        return intent

    def cloned(self, intent: Intent, clone_id: str, since: str) -> Intent:
        """Put down the share that a copy made; its snapshot is asked for next.

        :param since: now, UTC, ISO 8601
        """
        intent = intent.cloned(clone_id, since)
        self._write(self._key(intent), dump_intent(intent))
        return intent

    def going_to_remove(self, intent: Intent, removing: dict[str, str]) -> Intent:
        """Put down which snapshots of which checkpoints are about to be removed."""
        intent = dataclasses.replace(intent, removing=removing)
        self._write(self._key(intent), dump_intent(intent))
        return intent

    def going_to_revert(self, intent: Intent, now: str) -> Intent:
        """From here on the content of the share may be another one."""
        intent = dataclasses.replace(intent, asked=now)
        self._write(self._key(intent), dump_intent(intent))
        return intent

    def opened(self, intent: Intent, until: str) -> Intent:
        """The access is in force until then (UTC, ISO 8601)."""
        if intent.browse is None:
            raise ValueError(f"a {intent.operation} gives no access")
        intent = dataclasses.replace(intent, browse=dataclasses.replace(intent.browse, until=until))
        self._write(self._key(intent), dump_intent(intent))
        return intent

    def complete(self, record: ShareRecord) -> None:
        """The share is protected: from here on its snapshot is the checkpoint's.

        A reply of the bank that was lost is no failure: what is written is read back. The intent
        stays until :meth:`end`, so that no moment has neither.

        :raises BankUnreadable: the bank does not take it, or it is not known whether it did
        """
        plain = dump_record(record)
        try:
            self._write(RECORD, plain)
        except BankUnreadable:
            if self._read(RECORD) != plain:
                raise
            LOG.warning("The bank has taken a record although it answered with an error")

    def end(self, intent: Intent) -> None:
        """The work of this intent is over: complete, or undone."""
        self._remove(self._key(intent))

    def end_restore(self, restore_id: str) -> None:
        """As above, whether or not the intent of the restore can be understood."""
        self._remove(RESTORES + restore_id)

    def end_browse(self, browse_id: str) -> None:
        """As above, of access that is taken back."""
        self._remove(BROWSES + browse_id)

    def erase(self) -> None:
        """Nothing is kept of this share any more."""
        self._remove_listed(RECORD, INTENT)

    def report(self, record_id: str, reported: dict[str, str]) -> None:
        """Keep the whole report of a restore or verification on the share.

        :param record_id: of Karbor's restore or verification
        :param reported: ``resource`` (the share, or the new one), ``status``, ``told``, and ``at``
            (UTC)
        """
        self._write(REPORTS + record_id, reported)

    def reported(self, record_id: str) -> dict[str, str]:
        """What was kept so; empty when nothing was."""
        reported = self._read(REPORTS + record_id)
        return reported if isinstance(reported, dict) else {}

    def keep_manifest(self, sealed: dict[str, str]) -> None:
        """Keep what a sample of the share's files was (:mod:`karbor_manila.common.manifest`)."""
        self._write(MANIFEST, sealed)

    def manifest(self) -> Any:
        """What was kept so, which may be damaged; None when nothing was."""
        return self._read(MANIFEST)

    def forget(self) -> None:
        """The checkpoint does not hold this share: no object of it is left."""
        self._remove_listed(RECORD, INTENT, STATUS)

    def status(self, status: str) -> None:
        """Karbor's status of the resource (karbor/common/constants.py, RESOURCE_STATUS_*)."""
        self._write(STATUS, status)

    @staticmethod
    def _key(intent: Intent) -> str:
        if intent.operation == BROWSE:
            return BROWSES + intent.mark.restore
        return RESTORES + intent.mark.restore if intent.mark.restore else INTENT

    def _read(self, key: str) -> Any:
        """The value; None when there is none, and ``""``, which is no record, for damage."""

        stored = self._ask(lambda: self._look(key), f"give {key!r}")
        if stored.outcome is bank_access.Outcome.DAMAGED:
            return ""  # as Karbor's own bank gives an object that is empty
        return stored.value

    def _look(self, key: str) -> bank_access.Stored:
        section = self._section
        return bank_access.look(
            lambda: section.get_object(key), lambda: key in section.list_objects()
        )

    def _write(self, key: str, value: Any) -> None:
        self._ask(lambda: self._section.update_object(key, value), f"take {key!r}")

    def _remove_listed(self, *keys: str) -> None:
        """Remove those of these that are there, in this order, the reports and the manifest."""
        maybe = keys if bank_access.lists_lag(self._section) else ()
        listed = self._ask(self._section.list_objects, "list the objects of a share")
        more = [key for key in listed if key.startswith(REPORTS) or key == MANIFEST]
        for key in (*keys, *more):
            if key in listed or key in maybe:
                self._remove(key)

    def _remove(self, key: str) -> None:
        """Have no such object. As a rule it is there, and no list is asked for: Karbor's banks on a
        file system and on Swift raise for one that is absent, and that on S3 does not."""
        section = self._section

        def remove() -> None:
            try:
                section.delete_object(key)
            except Exception:  # whatever a bank raises; nothing is swallowed but for an absence
                if not self._look(key).is_absent:
                    raise

        self._ask(remove, f"remove {key!r}")

    def _ask(self, attempt: Callable[[], T], what: str) -> T:
        return bank_access.ask(attempt, what, sleep=self._sleep)
