# SPDX-License-Identifier: Apache-2.0
"""A file-system bank that keeps order, writes atomically and gives back what it was given.

It takes the place of Karbor's own (karbor/services/protection/bank_plugins/
file_system_bank_plugin.py) on the same folder with the same options, and back.
"""

import errno
import itertools
import os
from pathlib import Path
from typing import Any

from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugin import BankPlugin
from karbor.services.protection.bank_plugins.file_system_bank_plugin import (
    file_system_bank_plugin_opts,
)
from oslo_concurrency import lockutils
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import uuidutils

from karbor_manila.bank import opening
from karbor_manila.bank.damage import ObjectDamaged
from karbor_manila.bank.filesystem import encoding as bank_encoding
from karbor_manila.bank.filesystem.staging import StagingDirectory
from karbor_manila.bank.filesystem.store import KeyedFolder
from karbor_manila.common.turns import taking_turns

LOG = logging.getLogger(__name__)

_GROUP = "file_system_bank_plugin"
_STAGED_KEPT = 24 * 3600.0  # seconds; no write takes nearly as long


class FileSystemBankPlugin(BankPlugin):
    """Karbor's BankPlugin. All it raises are Karbor's Bank...Failed.

    :param config: of the provider's file
    :raises cfg.RequiredOptError: the options name no folder; Karbor then logs that the provider
        cannot be loaded
    """

    def __init__(self, config: cfg.ConfigOpts) -> None:
        super().__init__(config)
        config.register_opts(file_system_bank_plugin_opts, _GROUP)
        options = config[_GROUP]
        for name in ("file_system_bank_path", "bank_object_container"):
            if not (options[name] or "").strip("/."):
                raise cfg.RequiredOptError(name, cfg.OptGroup(_GROUP))
        path = f"{options.file_system_bank_path}/{options.bank_object_container}"
        container = Path(os.path.abspath(path))  # noqa: PTH100 - links stay
        staging = StagingDirectory(container)
        self._folder = KeyedFolder(container, staging)
        self._writing = lockutils.Semaphores()
        self._owner_id: str = uuidutils.generate_uuid()
        try:
            if opening.is_as_found():
                self._folder.check()
            else:
                self._folder.create()
                staging.clean(_STAGED_KEPT)
        except OSError as error:
            # Every operation looks again and says so too, until the folder is there.
            LOG.error("The file-system bank %s is not at hand: %s", container, error)

    def get_owner_id(self, context: Any = None) -> str:
        """An id of this start of this process."""
        return self._owner_id

    def update_object(self, key: str, value: Any, context: Any = None) -> None:
        """Keep a value under the key. When this returns, it is on disk.

        :param value: see :func:`karbor_manila.bank.filesystem.encoding.encode`
        :raises BankUpdateObjectFailed: what was there before is still there, or, when the last
            fsync failed, the new value without a promise that it survives a loss of power
        """
        try:
            # While one write waits for the disk, another of the same key may be asked for: what
            # was asked for last must stand there in the end.
            with lockutils.internal_lock(key, self._writing):
                self._folder.write(key, bank_encoding.encode(value))
        except (OSError, ValueError) as error:
            raise karbor_exception.BankUpdateObjectFailed(reason=_why(error), key=key) from error

    def get_object(self, key: str, context: Any = None) -> Any:
        """The value that was kept under the key, or that Karbor's own bank wrote there.

        :raises BankGetObjectFailed: there is none, or it cannot be read; ObjectDamaged when that is
            for its content
        """
        try:
            return bank_encoding.decode(self._folder.read(key))
        except ValueError as error:
            raise ObjectDamaged(str(error), key) from error
        except OSError as error:
            # Not at ERROR: asking is the only way to learn whether an object is there.
            LOG.debug("Object %s is not given: %s", key, error)
            raise karbor_exception.BankGetObjectFailed(reason=_why(error), key=key) from error

    def delete_object(self, key: str, context: Any = None) -> None:
        """Remove an object.

        :raises BankDeleteObjectFailed: there is none, or it cannot be removed
        """
        try:
            self._folder.remove(key)
        except OSError as error:
            raise karbor_exception.BankDeleteObjectFailed(reason=_why(error), key=key) from error

    def list_objects(
        self,
        prefix: str | None = None,
        limit: int | None = None,
        marker: str | None = None,
        sort_dir: str | None = None,
        context: Any = None,
    ) -> list[str]:
        """Keys in their order as strings.

        :param prefix: what keys begin with, as in Swift: with a slash at the end those below it,
            without one also those whose names begin so
        :param limit: how many at most, from the beginning of the order asked for
        :param marker: a whole key, as BankSection makes it of its own; begin after it
        :param sort_dir: "desc" for the reverse order
        :raises BankListObjectsFailed: the bank, or a part that counts, cannot be read. A prefix
            under which there is nothing has an empty list.
        """
        # BankSection cuts its own prefix off by its length, and makes "//a/" of "/" and "a".
        given = prefix if prefix and prefix.strip("/") else "/"
        extra = len(given) - len(given.lstrip("/")) - 1
        try:
            if limit is not None and limit < 0:
                raise OSError(errno.EINVAL, f"limit={limit} makes no sense")
            keys = self._folder.keys(given, marker, descending=sort_dir == "desc")
            # Reading folders waits for nothing but the disk, and a bank may have very many.
            found = list(taking_turns(itertools.islice(keys, limit)))
            self._folder.check()
        except (OSError, ValueError) as error:
            raise karbor_exception.BankListObjectsFailed(reason=_why(error)) from error
        return ["/" * max(extra, 0) + key for key in found]


def _why(error: Exception) -> str:
    """For tenants, who are no business of the folder's path."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
