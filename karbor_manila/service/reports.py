# SPDX-License-Identifier: Apache-2.0
"""The whole report of a restore or verification, from the bank: Karbor's columns hold 64 KiB."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from karbor_manila.bank import checkpoints
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.database import requested
from karbor_manila.operations import reporting
from karbor_manila.operations.plugin import SHARE
from karbor_manila.service.errors import NoSuchRecord


class Line(NamedTuple):
    """What was reported of ``resource`` (a share, or the new one) when ``share`` was dealt with."""

    share: str
    resource: str
    status: str
    reason: str


def of(providers: dict[str, Any], record_id: str) -> Iterator[Line]:
    """The whole report of a restore or verification, a line for each share.

    :param providers: Karbor's, by id
    :raises NoSuchRecord: Karbor's database has neither, or its provider is no more
    :raises BankUnreadable: the bank does not give an object
    """
    kind = requested.kind_of(record_id)
    record = requested.get_record(kind, record_id) if kind else None
    provider = providers.get(record.provider_id) if record else None
    if provider is None or record is None:
        raise NoSuchRecord(record_id)
    statuses = record.get("resources_status") or {}
    reasons = record.get("resources_reason") or {}
    checkpoint = checkpoints.get(provider, record.checkpoint_id)
    for node in checkpoints.resources(checkpoint):
        if node.type != SHARE:
            continue
        report = ShareSection(checkpoint.get_resource_bank_section(node.id), time.sleep).reported(
            record_id
        )
        key = reporting.key(report.get("resource", node.id))
        yield Line(
            node.id,
            report.get("resource", node.id),
            statuses.get(key) or report.get("status", ""),
            report.get("told") or reasons.get(key, ""),
        )
