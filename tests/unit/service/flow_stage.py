# SPDX-License-Identifier: Apache-2.0
"""Plans, errors and checkpoints for tests of Karbor's real flows."""

from collections.abc import Callable
from typing import Any

from tests.unit.karbor_stage import PROJECT, Service, told


def whole_project(service: Service) -> Any:
    return service.plan(resources=[{"type": PROJECT, "id": service.project_id, "name": "project"}])


def raising(error: Exception) -> Callable[..., Any]:
    def raise_it(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return raise_it


def the_checkpoint(service: Service) -> Any:
    (checkpoint_id,) = service.checkpoints()
    return service.checkpoint(checkpoint_id)


def why(checkpoint: Any) -> str:
    """The reason that is not a share's."""
    return str(told(checkpoint)["reasons"][f"checkpoint#{checkpoint.id}"])
