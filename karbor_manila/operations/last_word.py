# SPDX-License-Identifier: Apache-2.0
"""What a flow says last of its checkpoint, restore or verification, and that nothing unsays it.

Karbor's last task of a flow writes that the work is complete, and then ends the operation log. When
one of the two writes fails, taskflow reverts the first task, which writes that the work has failed
(karbor/services/protection/flows, Initiate...Task.revert). The work is complete all the same.
"""

from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.errors import ClaimLost
from karbor_manila.common.retry import retry

LOG = logging.getLogger(__name__)

#: By the status of a flow that went well, the one that it must not become by a failure.
_UNSAID = {
    constants.CHECKPOINT_STATUS_AVAILABLE: constants.CHECKPOINT_STATUS_ERROR,
    constants.CHECKPOINT_STATUS_DELETED: constants.CHECKPOINT_STATUS_ERROR_DELETING,
    # The same words for verifications.
    constants.RESTORE_STATUS_SUCCESS: constants.RESTORE_STATUS_FAILURE,
}


class LastWord:
    """Takes the place of the method by which a flow writes down the status of what it works on.

    A write that fails is repeated. Once the status was one of success no failure takes it back.

    :param thing: Karbor's checkpoint, restore or verification, as the flow has it
    :param method: the name of the method: ``commit`` or ``save``
    """

    def __init__(self, thing: Any, method: str) -> None:
        self._thing = thing
        self._method = method
        self._write = getattr(thing, method)
        #: The status of success that was reached; empty before.
        self.complete = ""
        #: Whether an operation could not make sure what it has left: then the flow has no end here,
        #: and the reconciliation looks again.
        self.open = False
        setattr(thing, method, self)
        if method == "commit":
            self._delete = thing.delete
            thing.delete = self._deleted

    def _deleted(self, *args: Any, **kwargs: Any) -> None:
        """A checkpoint says that it is deleted before it is taken out of the index, and is
        deleted once that is done."""
        self._delete(*args, **kwargs)
        self.complete = constants.CHECKPOINT_STATUS_DELETED

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        status = self._thing.status
        if status in _UNSAID and status != constants.CHECKPOINT_STATUS_DELETED:
            self.complete = status
        elif status in _UNSAID.values() and self.open:
            raise BankUnreadable(f"tell what became of {self._thing.id}", "it is looked at again")
        elif self.complete and status == _UNSAID[self.complete]:
            LOG.warning("%s stays %s: it is complete", self._thing.id, self.complete)
            self._thing.status = self.complete

        def write() -> None:
            self._write(*args, **kwargs)

        if self._method == "save":
            self._save(write)
        else:
            bank_access.ask(write, f"take checkpoint {self._thing.id}")

    def _save(self, write: Any) -> None:
        """Into the database. What hooks write while the flow runs they repeat themselves."""
        final = self._thing.status in {*_UNSAID, *_UNSAID.values()}
        retry(
            write,
            attempts=5 if final else 1,
            # Who lost the claim has nothing to say any more.
            transient=lambda error: not isinstance(error, ClaimLost),
            longest=2.0,
            sleep=bank_access.pause,
        )


def leave_open(checkpoint: Any) -> bool:
    """Have the flow of a checkpoint leave its end to the reconciliation.

    :returns: whether it has one that can (under Karbor's own manager it has not)
    """
    word = checkpoint.commit
    if not isinstance(word, LastWord):
        return False
    word.open = True
    return True
