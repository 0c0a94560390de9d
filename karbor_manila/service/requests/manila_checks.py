# SPDX-License-Identifier: Apache-2.0
"""What Manila is asked while the request for an operation still waits, so that the request is
refused as a whole (HTTP 400) and no share of it is begun for nothing.

It is asked only when the user gave a value that it may refuse. When it does not answer in time the
operation begins all the same: each share asks again before it creates anything.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from karbor import exception as karbor_exception
from oslo_log import log as logging

from karbor_manila.bank.errors import BankUnreadable, RecordInvalid
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import InvalidParameter, KarborManilaError
from karbor_manila.common.turns import taking_turns
from karbor_manila.drivers.base import ProtectOptions
from karbor_manila.manila.errors import CloneUnsupported
from karbor_manila.manila.marks import Mark
from karbor_manila.operations import parameters, restore_plan
from karbor_manila.operations.plugin import SHARE, protects_shares
from karbor_manila.operations.work import Work
from karbor_manila.schemas import RESTORE_SCHEMA

LOG = logging.getLogger(__name__)

# What RestoreOptions.asked is made of.
_MAY_BE_REFUSED = ("share_type", "share_network_id", "mount_point_name")


def check_descriptions(
    given: Mapping[str, Any] | None, provider: Any, context: Any, timeout: float
) -> None:
    """Refuse a plan whose snapshots cannot have the description that it gives them.

    :param given: the parameters of a plan, or of a copy
    :param timeout: seconds for Manila to answer
    :raises InvalidParameter: one does not fit beside the mark
    """
    wanted = [
        str((values or {}).get("description") or "")
        for key, values in (given or {}).items()
        if key.partition("#")[0] == SHARE
    ]
    longest = max(wanted, key=len, default="")
    # An id of a bank, a checkpoint or a share is a UUID; they are of one length.
    some = str(uuid.UUID(int=0))
    mark = Mark(some, str(provider.id), some, some)
    if len(longest) <= mark.room():
        return
    plugin = provider.load_plugins()[SHARE]
    flow = plugin.context_for_a_call(Work(context, context.project_id), (), timeout)
    refused = None
    try:
        for name in flow.drivers.catalogue.orders.default:
            try:
                flow.driver(name).check_options(ProtectOptions("", description=longest), mark)
            except InvalidParameter as error:
                refused = refused or error
            else:
                return  # which driver has which share is known by the protection
    except KarborManilaError as error:
        LOG.info("Whether a description fits is found out by the protection: %s", error)
        return
    if refused:
        raise refused


def check_asked(
    checkpoint: Any,
    provider: Any,
    context: Any,
    given: Mapping[str, Any] | None,
    share_ids: Collection[str],
    timeout: float,
) -> dict[str, str]:
    """Which new shares Manila would not make as the user asked for them.

    :param given: the parameters of a restore or a verification; they have been checked
    :param timeout: seconds for Manila to answer
    :returns: the reasons by share id; empty when nothing is wrong, or it is not known
    """
    wanted = dict(_asking(checkpoint, given, share_ids))
    wrong: dict[str, str] = {}
    if not wanted:
        return wrong
    plugin = provider.load_plugins()[SHARE]
    work = Work(context, checkpoint.project_id, checkpoint)
    flow = plugin.context_for_a_call(work, wanted, timeout)
    try:
        for share_id, plan in wanted.items():
            driver = flow.driver(plan.driver)
            try:
                driver.place(plan.kept, plan.share())
            except (InvalidParameter, CloneUnsupported) as error:
                wrong[share_id] = str(error)
    except KarborManilaError as error:
        LOG.info("Checkpoint %s: what was asked for is checked later: %s", checkpoint.id, error)
    return wrong


def _asking(
    checkpoint: Any, given: Mapping[str, Any] | None, share_ids: Collection[str]
) -> Iterator[tuple[str, restore_plan.RestorePlan]]:
    """The plans, by the records alone, of the new shares of which something was asked that Manila
    may refuse."""
    for share_id in taking_turns(share_ids):
        own = parameters.merge(given, SHARE, share_id)
        if not any(own.get(name) for name in _MAY_BE_REFUSED):
            continue
        # What a verification has besides was checked.
        own = {name: own[name] for name in own.keys() & RESTORE_SCHEMA["properties"].keys()}
        options = parameters.restore_options(share_id, own)
        if not options.include or options.is_revert or not options.asked:
            continue
        section = checkpoint.get_resource_bank_section(share_id)
        try:
            record = ShareSection(section, Clock().sleep).record()
        except (RecordInvalid, BankUnreadable) as error:
            LOG.info("Share %s, checkpoint %s is checked later: %s", share_id, checkpoint.id, error)
            continue
        if record:
            yield share_id, restore_plan.new_share(checkpoint.id, record, options)


def refuse_plan(plan: Mapping[str, Any], provider: Any, context: Any, timeout: float) -> None:
    """As :func:`check_descriptions`, as Karbor's API takes it.

    :raises karbor.exception.InvalidPlan: HTTP 400
    """
    if not protects_shares(provider):
        return
    try:
        check_descriptions(plan.get("parameters"), provider, context, timeout)
    except InvalidParameter as error:
        raise karbor_exception.InvalidPlan(reason=str(error)) from error
