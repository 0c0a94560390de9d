# SPDX-License-Identifier: Apache-2.0
"""A bank in an object store: Karbor's side of it."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugin import BankPlugin
from oslo_concurrency import lockutils
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import uuidutils

from karbor_manila.bank import opening
from karbor_manila.bank.damage import ObjectDamaged
from karbor_manila.bank.objects import options, values
from karbor_manila.bank.objects.answers import is_absence, why
from karbor_manila.bank.objects.once_more import once_more
from karbor_manila.bank.objects.store import Store
from karbor_manila.common.turns import taking_turns

LOG = logging.getLogger(__name__)


class ObjectBankPlugin(BankPlugin):
    """Karbor's BankPlugin. All it raises are Karbor's Bank...Failed, with words that a tenant may
    read; the client's own error is the cause.

    :param config: of the provider's file
    """

    #: Of Swift's, for one; see :func:`karbor_manila.bank.access.lists_lag`.
    lists_lag = True

    def __init__(self, config: cfg.ConfigOpts, store: Store) -> None:
        super().__init__(config)
        config.register_opts(options.OBJECT_BANK_OPTS, options.GROUP)
        self._soon = config[options.GROUP].request_timeout
        self._store = store
        self._writing = lockutils.Semaphores()
        self._owner_id: str = uuidutils.generate_uuid()
        # A bank that vanishes later is not made again by whoever writes next.
        self._is_made = opening.is_as_found()

    def get_owner_id(self, context: Any = None) -> str:
        """An id of this start of this process."""
        return self._owner_id

    def update_object(self, key: str, value: Any, context: Any = None) -> None:
        """Keep a value under the key. When this returns, the store has it.

        :param value: see :func:`karbor_manila.bank.objects.values.encode`
        :raises BankUpdateObjectFailed: what was there before is still there, or the new value, if
            the store's answer was lost
        """
        try:
            content, labels = values.encode(value)
            # While one write is under way, another of the same key may be asked for: what was asked
            # for last must stand there in the end.
            with self._turn_of(key) as name:
                once_more(lambda: self._made().put(name, content, labels), within=self._soon)
        except Exception as error:  # nothing is swallowed: whatever a client raises is its cause
            raise karbor_exception.BankUpdateObjectFailed(reason=why(error), key=key) from error

    def get_object(self, key: str, context: Any = None) -> Any:
        """The value that was kept under the key, or that Karbor's own bank wrote there.

        :raises BankGetObjectFailed: there is none, or it cannot be read; ObjectDamaged when that is
            for its content
        """
        try:
            found = self._made().get(_canonical(key))
        except Exception as error:  # as above
            LOG.debug("Object %s is not given: %s", key, type(error).__name__)
            reason = why(error, "there is no such object")
            failed = karbor_exception.BankGetObjectFailed(reason=reason, key=key)
            failed.may_be_absent = is_absence(error)  # see bank.access
            raise failed from error
        try:
            return values.decode(found)
        except ValueError as error:
            raise ObjectDamaged(str(error), key) from error

    def delete_object(self, key: str, context: Any = None) -> None:
        """Have no such object. One that is not there is no error: the answer to a deletion may be
        lost, and is repeated then.

        :raises BankDeleteObjectFailed: it may still be there
        """
        try:
            # After a write that is under way, not before it.
            with self._turn_of(key) as name:
                once_more(lambda: self._made().delete(name), within=self._soon)
        except Exception as error:  # as above
            failed = karbor_exception.BankDeleteObjectFailed(reason=why(error), key=key)
            failed.may_be_absent = False  # that would be no error
            raise failed from error

    def list_objects(
        self,
        prefix: str | None = None,
        limit: int | None = None,
        marker: str | None = None,
        sort_dir: str | None = None,
        context: Any = None,
    ) -> list[str]:
        """Keys in their order as strings.

        :param prefix: what keys begin with
        :param limit: how many at most, from the beginning of the order asked for
        :param marker: a whole key, as BankSection makes it of its own; begin after it
        :param sort_dir: "desc" for the reverse order
        :raises BankListObjectsFailed: the store does not give it, or not to its end
        """
        # BankSection cuts its own prefix off by its length, and makes "//a/" of "/" and "a".
        given = prefix if prefix and prefix.strip("/") else "/"
        extra = len(given) - len(given.lstrip("/")) - 1
        try:
            if limit is not None and limit < 0:
                raise ValueError(f"limit={limit} makes no sense")
            keys = self._made().keys(
                _canonical(given),
                None if marker is None else _canonical(marker),
                limit=limit,
                descending=sort_dir == "desc",
            )
            found = list(taking_turns(itertools.islice(keys, limit)))
        except Exception as error:  # as above
            raise karbor_exception.BankListObjectsFailed(reason=why(error)) from error
        return ["/" * max(extra, 0) + key for key in found]

    @contextlib.contextmanager
    def _turn_of(self, key: str) -> Iterator[str]:
        """The key as the store has it, which nothing else of this process changes in the block."""
        name = _canonical(key)
        with lockutils.internal_lock(name, self._writing):
            yield name

    def _made(self) -> Store:
        """The store, whose container is there since it was first used."""
        if not self._is_made:
            self._store.create()
            self._is_made = True
        return self._store


def _canonical(key: str) -> str:
    """One slash in front: the root's BankSection makes two."""
    return "/" + key.lstrip("/")
