# SPDX-License-Identifier: Apache-2.0
"""What keeps Karbor from acting for the maker of a schedule, as Keystone tells Karbor's own user.

Keystone tells who asks with a trust that is no good no more than 401 or 403.
"""

from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as keystone_errors
from oslo_log import log as logging

from karbor_manila.database.scheduled_runs import Run
from karbor_manila.database.trusts import Trusted
from karbor_manila.service import sessions
from karbor_manila.service.errors import NoUse, RolesLost, TrustGone

LOG = logging.getLogger(__name__)

# In the order in which Manila's are taken (sessions.where).
_INTERFACES = ("public", "internal", "admin")


class TrustCheck:
    """Asks Keystone about the user, the project, the trust and the roles of a scheduled operation.

    :param timeout: seconds to wait for one answer
    :param session: gives a session of Karbor's own user, made for each run
    """

    def __init__(self, timeout: float, session: Any = sessions.for_service) -> None:
        self._timeout = timeout
        self._session = session

    def __call__(self, run: Run | Trusted) -> str | None:
        """A sentence about the first thing that is wrong; None when all is well, or when Karbor's
        own user is not shown it.

        :raises SessionUnavailable, keystoneauth1.exceptions.ClientException: Keystone is away
        """
        keystone = _Keystone(self._session(None, timeout=self._timeout))
        for kind, thing in (("user", run.user_id), ("project", run.project_id)):
            found = keystone.look(kind, f"/{kind}s/{thing}")
            if found is None or not found.get("enabled", True):
                return str(NoUse(kind, thing, is_gone=found is None))
        path = f"/OS-TRUST/trusts/{run.trust_id}"
        trust = keystone.look("trust", path) if run.trust_id else {}
        if trust is None:
            return str(TrustGone(run.user_id))
        lost = _lost(keystone, run, trust)
        return str(RolesLost(run.user_id, run.project_id, lost)) if lost else None


class _Keystone:
    """Keystone's API, as an administrator sees it."""

    def __init__(self, session: Any) -> None:
        self._adapter = adapter.Adapter(
            session, service_type="identity", interface=_INTERFACES, min_version=(3, 0)
        )

    def look(self, key: str, path: str, **params: str) -> Any:
        """What stands under ``key``; None when there is no such thing, and empty when Karbor's own
        user is not shown it."""
        try:
            return self._adapter.get(path, params=params).json()[key]
        except keystone_errors.NotFound:
            return None
        except keystone_errors.Forbidden as error:
            LOG.warning("Karbor's own user is not shown %s in Keystone: %s", path, error)
            return {}


def _lost(keystone: _Keystone, run: Run | Trusted, trust: Any) -> list[str]:
    """The names of the roles that the trust hands on and that its maker has no more."""
    handed_on = {role["id"]: role.get("name") or role["id"] for role in trust.get("roles", ())}
    assigned = keystone.look(
        "role_assignments",
        "/role_assignments",
        **{"user.id": run.user_id, "scope.project.id": run.project_id, "effective": "true"},
    )
    if not isinstance(assigned, list):
        return []
    has = {assignment["role"]["id"] for assignment in assigned}
    return sorted(name for role_id, name in handed_on.items() if role_id not in has)
