# SPDX-License-Identifier: Apache-2.0
"""What Manila is asked while the request for an operation still waits, so that the request is
refused as a whole (HTTP 400) and no share of it is begun for nothing.

It is asked only when the user gave a value that it may refuse. When it does not answer in time the
operation begins all the same: each share asks again before it creates anything.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from oslo_log import log as logging

from karbor_manila import exception, parameters, plans
from karbor_manila.operations import planning
from karbor_manila.operations.ledger import Ledger
from karbor_manila.waiting import Clock

LOG = logging.getLogger(__name__)


def check_asked(
    checkpoint: Any,
    provider: Any,
    context: Any,
    given: Mapping[str, Any] | None,
    share_ids: Collection[str],
    patience: float,
) -> dict[str, str]:
    """Which new shares Manila would not make as the user asked for them.

    :param given: the parameters of a restore or a verification; they have been checked
    :param patience: seconds for Manila to answer
    :returns: the reasons by share id; empty when nothing is wrong, or nobody knows
    """
    wanted = dict(_asking(checkpoint, given, share_ids))
    wrong: dict[str, str] = {}
    if not wanted:
        return wrong
    shared = provider.load_plugins()[plans.SHARE].shared_for_a_call(wanted, patience)
    try:
        for share_id, plan in wanted.items():
            driver = shared.catalogue(context, checkpoint.project_id).driver(plan.driver)
            try:
                driver.preflight_clone(plan.source, plan.share())
            except (exception.InvalidParameter, exception.CloneUnsupported) as error:
                wrong[share_id] = str(error)
    except exception.KarborManilaError as error:
        LOG.info("Checkpoint %s: what was asked for is checked later: %s", checkpoint.id, error)
    return wrong


def _asking(
    checkpoint: Any, given: Mapping[str, Any] | None, share_ids: Collection[str]
) -> Iterator[tuple[str, planning.RestorePlan]]:
    """The plans, by the records alone, of the new shares of which something was asked that Manila
    may refuse."""
    for share_id in share_ids:
        own = parameters.merge(given, plans.SHARE, share_id)
        wanted = planning.check(share_id, own)
        if not wanted["include"] or wanted["share_id"] or not planning.asked(wanted):
            continue
        section = checkpoint.get_resource_bank_section(share_id)
        try:
            record = Ledger(section, Clock().sleep).record()
        except (exception.RecordInvalid, exception.BankUnreadable) as error:
            LOG.info("Share %s, checkpoint %s is checked later: %s", share_id, checkpoint.id, error)
            continue
        if record:
            yield share_id, planning.new_share(checkpoint.id, record, wanted)
