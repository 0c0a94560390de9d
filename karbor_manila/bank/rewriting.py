# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint that was made once into a bank that does not hold it.

Karbor's own way (karbor/services/protection/checkpoint.py, create_in_section) gives a checkpoint
the time of now, and with it the wrong place in the order in which retention removes them.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from karbor.common import constants
from karbor.resource import Resource
from karbor.services.protection import graph
from karbor.services.protection.checkpoint import Checkpoint, CheckpointCollection
from oslo_serialization import jsonutils

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import index


@dataclass(frozen=True)
class Rewritten:
    """A checkpoint as it is to be, available.

    :ivar made_at: UTC
    :ivar plan: Karbor's plan in a checkpoint: ``id``, ``name``, ``resources``
    :ivar shares: the names of the shares that it holds, by their ids
    :ivar extra_info: of JSON's types
    """

    id: str
    provider_id: str
    project_id: str
    made_at: datetime.datetime
    plan: Mapping[str, Any]
    shares: Mapping[str, str]
    extra_info: Mapping[str, Any]


def section(bank: Any, checkpoint_id: str, share_id: str) -> Any:
    """Karbor's bank section of a share, before there is a checkpoint."""
    checkpoint = bank.get_sub_section("/checkpoints").get_sub_section(checkpoint_id)
    return checkpoint.get_sub_section(f"/resource-data/{share_id}/")


def write(bank: Any, wanted: Rewritten) -> Any:
    """Write the checkpoint, once the records of its shares are there, and then its index.

    Repeating it changes nothing. Who dies before the index has written a checkpoint that is not
    listed; :func:`complete` lists it.

    :returns: Karbor's checkpoint
    :raises BankUnreadable: the bank does not take it
    """
    content = {
        "version": Checkpoint.VERSION,
        "id": wanted.id,
        "status": constants.CHECKPOINT_STATUS_AVAILABLE,
        "owner_id": bank.get_owner_id(),
        "provider_id": wanted.provider_id,
        "project_id": wanted.project_id,
        "protection_plan": {**wanted.plan, "provider_id": wanted.provider_id},
        "extra_info": jsonutils.dumps(wanted.extra_info),
        "created_at": f"{wanted.made_at:%Y-%m-%d}",
        "timestamp": int(wanted.made_at.timestamp()),
        "resource_graph": graph.serialize_resource_graph(_nodes(wanted.shares.items())),
    }
    key = f"/checkpoints/{wanted.id}/index.json"
    bank_access.ask(lambda: bank.update_object(key, content), f"take checkpoint {wanted.id}")
    return complete(bank, wanted.id)


def complete(bank: Any, checkpoint_id: str) -> Any:
    """List a checkpoint that is there.

    :returns: Karbor's checkpoint
    :raises BankUnreadable: the bank does not take its index
    """
    found = bank_access.ask(
        lambda: CheckpointCollection(bank).get(checkpoint_id), f"give checkpoint {checkpoint_id}"
    )
    index.mend_index(found)
    return found


def _nodes(shares: Iterable[tuple[str, str]]) -> list[Any]:
    kind = constants.SHARE_RESOURCE_TYPE
    return [graph.GraphNode(Resource(kind, share_id, name), ()) for share_id, name in shares]
