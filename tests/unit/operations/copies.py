# SPDX-License-Identifier: Apache-2.0
"""What the tests of copies have in common."""

from typing import Any

from karbor_manila.manila import marks
from tests.unit.karbor_stage import Service


def copy(service: Service, plan: Any) -> dict[str, str]:
    """A copy of the plan, to the end: the ids of the copies by those of the sources."""
    pairs = service.call("copy", plan)
    service.run()
    return {pair["checkpoint_protect_id"]: pair["checkpoint_copy_id"] for pair in pairs}


def copied(service: Service, plan: Any) -> Any:
    """The one copy that the plan gets."""
    (copy_id,) = copy(service, plan).values()
    return service.checkpoint(copy_id)


def record(service: Service, checkpoint: Any, share: str) -> Any:
    return checkpoint.get_resource_bank_section(share).get_object("metadata")


def pages(checkpoint: Any, share: str) -> set[str]:
    return set(checkpoint.get_resource_bank_section(share).list_objects())


def clones(service: Service) -> list[Any]:
    return [s for s in service.cloud.shares.values() if s["metadata"].get(marks.PURPOSE) == "copy"]


def nothing_is_open(service: Service) -> bool:
    return service.manager.claims.all() == [] and all(log.ended_at for log in service.logs())
