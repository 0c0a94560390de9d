# SPDX-License-Identifier: Apache-2.0
"""What one share has in the bank: the mark, the intent and the record of one protection."""

from karbor_manila.bank.record import Intent, ShareRecord
from karbor_manila.manila.marks import Mark

MARK = Mark(bank="bank", provider="provider", checkpoint="checkpoint", resource="share")

INTENT = Intent(
    operation="protect",
    driver="snapshot",
    project_id="project",
    mark=MARK,
    owner="owner",
    since="2026-11-20T12:00:00+00:00",
)
RECORD = ShareRecord(
    share_id="share",
    size=1,
    share_proto="NFS",
    share_type="type",
    share_network_id=None,
    snapshot_id="snapshot",
    project_id="project",
    protected_at="2026-11-20T12:00:00+00:00",
    mark=MARK,
)
