# SPDX-License-Identifier: Apache-2.0
"""What a driver tells periodic hooks: the part of its contract that most drivers inherit."""

from collections.abc import Collection
from typing import Any

from karbor_manila.manila.views import View

_PLAIN = ("id", "name", "project_id", "status", "share_type_name", "size")


class PeriodicHookData:
    """What a driver knows of shares for the operator's periodic hooks."""

    def get_periodic_hook_data(self, shares: Collection[View]) -> list[dict[str, Any]]:
        """What periodic hooks get of these shares; writes nothing.

        Named as in Manila's drivers (manila/share/driver.py).

        :param shares: as Manila shows them; all that the plans of a provider mean and that this
            driver protects
        :returns: for each a value of JSON's types with an ``id``; by default ``id``, ``name``,
            ``project_id``, ``status``, ``share_type_name``, ``size`` (GiB) and ``metadata``
        """
        return [
            {name: share.get(name) for name in _PLAIN}
            | {"metadata": dict(share.get("metadata") or {})}
            for share in shares
        ]
