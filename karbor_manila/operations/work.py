# SPDX-License-Identifier: Apache-2.0
"""What a flow works on."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Work:
    """What a flow works on; Karbor gives the same to each of its hooks.

    :param context: Karbor's request context; None for Karbor's own user
    :param project_id: whose shares and snapshots they are
    :param checkpoint: Karbor's checkpoint that is written to
    :param request: Karbor's restore or verification, if it is one
    :param is_verification: whether ``request`` is a verification
    :param operation_log: Karbor's log of the operation, if there is one
    """

    context: Any
    project_id: str
    checkpoint: Any = None
    request: Any = None
    is_verification: bool = False
    operation_log: Any = None
