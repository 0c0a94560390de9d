# SPDX-License-Identifier: Apache-2.0
"""Before a checkpoint is deleted the posts of hooks are called that dead processes have left of it.

One that fails holds up no deletion: the reconciliation tries it once more when the checkpoint is
deleted, and then gives it up.
"""

import functools
from collections.abc import Callable
from typing import Any

from oslo_log import log as logging

from karbor_manila.operations.plugin import protects_shares
from karbor_manila.recovery import settle_hooks
from karbor_manila.service import driver_options
from karbor_manila.service.runtime import Runtime

LOG = logging.getLogger(__name__)


def ending(runtime: Runtime, provider: Any, checkpoint: Any) -> Callable[[], None] | None:
    """What calls those posts, and raises nothing; None for a provider without hooks: of those that
    it had none could be called.

    :param checkpoint: Karbor's, which is claimed and about to be deleted
    """
    if not protects_shares(provider) or not driver_options.of_provider(provider)[1].hook_drivers:
        return None
    return functools.partial(_end, runtime, provider, checkpoint.id, str(checkpoint.project_id))


def _end(runtime: Runtime, provider: Any, checkpoint_id: str, project_id: str) -> None:
    try:
        items = list(settle_hooks.of_checkpoint(provider, checkpoint_id, project_id))
        left = [item.id for item in items if not runtime.reconciliation.settle(item)]
    except Exception as error:  # noqa: BLE001 - whatever a bank raises: it holds up no deletion
        LOG.warning("Checkpoint %s: its hooks are not known: %s", checkpoint_id, error)
        return
    if left:
        LOG.warning(
            "Checkpoint %s is deleted although hooks that have begun are not through (%s). The "
            "reconciliation tries them once more.",
            *(checkpoint_id, ", ".join(left)),
        )
