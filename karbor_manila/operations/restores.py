# SPDX-License-Identifier: Apache-2.0
"""What a restore or a verification asks for of each share of its flow, and what the checkpoint
keeps of it: each resolved and read once, and the quota checked once for all of them."""

from collections.abc import Mapping
from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank.errors import BankUnreadable, RecordInvalid
from karbor_manila.bank.record import ShareRecord
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.errors import InvalidParameter, NotSupported
from karbor_manila.common.lazy import Lazy, Once
from karbor_manila.common.turns import taking_turns
from karbor_manila.operations import parameters
from karbor_manila.operations.errors import RecordMissing
from karbor_manila.operations.parameters import RestoreOptions, VerifyOptions

LOG = logging.getLogger(__name__)


class Restores:
    """The options and records of the shares of one flow.

    A record does not change while a restore works: deletions and the removal of its snapshot are
    kept away by the restore's claim.

    :param flow: the FlowContext
    :param checkpoint: Karbor's checkpoint that is restored
    :param request: Karbor's restore or verification
    :param verify: whether it is a verification
    """

    def __init__(self, flow: Any, checkpoint: Any, request: Any, *, verify: bool) -> None:
        self.once = Once(flow.clock, flow.settings.outage_timeout)
        self._flow = flow
        self._checkpoint = checkpoint
        self._request = request
        self._verify = verify
        self._records: dict[str, ShareRecord | None] = {}

    def options(self, share_id: str, given: Mapping[str, Any] | None = None) -> RestoreOptions:
        """What is asked for of a share.

        :param given: its parameters, as Karbor gives them to its hook; by default they are taken
            from the request
        :returns: VerifyOptions in a verification
        :raises InvalidParameter, NotSupported: as the functions of :mod:`.parameters`
        """
        return self.once(share_id, lambda: self._resolve(share_id, given))

    def check_name(self, share_id: str) -> None:
        """Refuse a mount point name that is asked for of several new shares.

        :raises InvalidParameter: another share of the flow is to have it, too
        """
        name = self._name(share_id)
        if not name:
            return
        others = taking_turns([other for other in self._flow.resource_ids if other != share_id])
        for other in others:
            if self._name(other) == name:
                raise InvalidParameter(
                    "mount_point_name",
                    name,
                    f"it is asked for of share {other}, too; give it for one share alone "
                    f"(OS::Manila::Share#{share_id})",
                )

    def _name(self, share_id: str) -> str | None:
        """The mount point name that a new share is to have, if a new share is made."""
        try:
            options = self.options(share_id)
        except (InvalidParameter, NotSupported):
            return None  # its own plan reports that
        return options.mount_point_name if options.include else None

    def verify_options(self, share_id: str, given: Mapping[str, Any]) -> VerifyOptions:
        """As :meth:`options`, in a verification."""
        options = self.options(share_id, given)
        if not isinstance(options, VerifyOptions):
            raise TypeError("this flow is no verification")
        return options

    def _resolve(self, share_id: str, given: Mapping[str, Any] | None) -> RestoreOptions:
        if given is None:
            kind, asked = constants.SHARE_RESOURCE_TYPE, self._request.parameters
            given = parameters.merge(asked, kind, share_id)
        if self._verify:
            return parameters.verify_options(share_id, given)
        return parameters.restore_options(share_id, given)

    def record(self, share_id: str) -> ShareRecord:
        """The record of a share.

        What cannot be read is read again by the next who asks: an outage that one share met must
        not fail another one.

        :raises RecordMissing: there is none
        :raises RecordInvalid: it cannot be understood
        :raises BankUnreadable: the bank does not give it
        """
        record = self._record(share_id)
        if record is None:
            raise RecordMissing(self._checkpoint.id, share_id)
        return record

    def _record(self, share_id: str) -> ShareRecord | None:
        if share_id not in self._records:
            section = self._checkpoint.get_resource_bank_section(share_id)
            self._records[share_id] = ShareSection(section, self._flow.clock.sleep).record()
        return self._records[share_id]

    @Lazy
    def quota(self) -> None:
        """Whether the quota suffices for all new shares of the flow; reading it checks.

        :raises QuotaTooSmall: it does not
        """
        makes = (self._makes(share_id) for share_id in taking_turns(list(self._flow.resource_ids)))
        made = [each for each in makes if each]
        if made:
            replicated = [size for size, of in made if of and self._is_replicated(of)]
            self._flow.shares.check_quota([size for size, _of in made], replicated)

    def _is_replicated(self, share_id: str) -> bool:
        """Whether a share made of this one counts as a replica, too."""
        parent = self._flow.shares.parent(share_id)
        return bool(parent and parent.get("replication_type"))

    def _makes(self, share_id: str) -> tuple[int, str] | None:
        """The size (GiB) of the share that a restore makes, safety copies too, as
        far as the record and the parameters tell, and of which share it is made, empty for a safety
        copy; None when it makes none.

        What is wrong with a share is reported by its own plan, and hinders no other.
        """
        try:
            options = self.options(share_id)
            record = self._record(share_id) if options.makes_share else None
        except (InvalidParameter, NotSupported, RecordInvalid, BankUnreadable) as error:
            LOG.info(
                "Share %s, checkpoint %s does not count for the quota: %s",
                share_id,
                self._checkpoint.id,
                error,
            )
            return None
        if not record:
            return None
        return options.size or record.size, "" if options.is_revert else record.snapshot_of
