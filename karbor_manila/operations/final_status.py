# SPDX-License-Identifier: Apache-2.0
"""The final status of a flow's checkpoint, restore or verification: success is never taken back.

Karbor's last task of a flow writes that the work is complete, and then ends the operation log. When
one of the two writes fails, taskflow reverts the first task, which writes that the work has failed
(karbor/services/protection/flows, Initiate...Task.revert). The work is complete all the same.
"""

from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import index
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.errors import ClaimLost
from karbor_manila.common.retry import retry

LOG = logging.getLogger(__name__)

#: By the status of a flow that went well, the one that it must not become by a failure.
_FAILURE_OF = {
    constants.CHECKPOINT_STATUS_AVAILABLE: constants.CHECKPOINT_STATUS_ERROR,
    constants.CHECKPOINT_STATUS_DELETED: constants.CHECKPOINT_STATUS_ERROR_DELETING,
    # Verifications use the same two.
    constants.RESTORE_STATUS_SUCCESS: constants.RESTORE_STATUS_FAILURE,
}


class FinalStatus:
    """Takes the place of the method by which a flow writes the status of what it works on.

    A write that fails is retried. Once the status was one of success no failure replaces it.

    :param written: Karbor's checkpoint, restore or verification, as the flow has it
    :param method: the name of the method: ``commit`` or ``save``
    """

    def __init__(self, written: Any, method: str) -> None:
        self._written = written
        self._method = method
        self._write = getattr(written, method)
        #: The status of success that was reached; empty before.
        self.complete = ""
        #: Whether an operation left an in-doubt request: then the flow gets no final status here,
        #: and the reconciliation looks again.
        self.open = False
        setattr(written, method, self)
        if method == "commit":
            self._delete = written.delete
            written.delete = self._deleted

    def _deleted(self, *args: Any, **kwargs: Any) -> None:
        """The status is ``deleted`` before the checkpoint is taken out of the index, and final
        once that is done. One that is not taken out of all of it goes back into all of it: what is
        not deleted stays in the lists."""
        try:
            self._delete(*args, **kwargs)
        except ClaimLost:
            raise
        except Exception:  # whatever a bank raises; nothing is swallowed, it is raised below
            try:
                index.mend_index(self._written)
            except BankUnreadable as error:
                LOG.warning("Checkpoint %s may be in no list: %s", self._written.id, error)
            raise
        self.complete = constants.CHECKPOINT_STATUS_DELETED

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        status = self._written.status
        if status in _FAILURE_OF and status != constants.CHECKPOINT_STATUS_DELETED:
            self.complete = status
        elif status in _FAILURE_OF.values() and self.open:
            raise BankUnreadable(f"record the end of {self._written.id}", "it is looked at again")
        elif self.complete and status == _FAILURE_OF[self.complete]:
            LOG.warning("%s stays %s: it is complete", self._written.id, self.complete)
            self._written.status = self.complete

        def write() -> None:
            self._write(*args, **kwargs)

        if self._method == "save":
            self._save(write)
        else:
            bank_access.ask(write, f"take checkpoint {self._written.id}")

    def _save(self, write: Any) -> None:
        """Into the database. Writes of hooks while the flow runs are retried by the hooks."""
        final = self._written.status in {*_FAILURE_OF, *_FAILURE_OF.values()}
        retry(
            write,
            attempts=5 if final else 1,
            # A process without the claim must not write any more.
            transient=lambda error: not isinstance(error, ClaimLost),
            longest=2.0,
            sleep=bank_access.pause,
        )


def leave_open(checkpoint: Any) -> bool:
    """Leave the final status of a flow's checkpoint to the reconciliation.

    :returns: whether that is possible (under Karbor's own manager it is not)
    """
    final_status = checkpoint.commit
    if not isinstance(final_status, FinalStatus):
        return False
    final_status.open = True
    return True
