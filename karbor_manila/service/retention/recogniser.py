# SPDX-License-Identifier: Apache-2.0
"""Which requests come from a run of Karbor's retention, and which from users."""

from typing import Any

from oslo_log import log as logging

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.service import sessions

LOG = logging.getLogger(__name__)


class Recogniser:
    """Recognises the requests of Karbor's operation engine.

    The engine works with tokens of the trusts that users give Karbor with their scheduled
    operations. Karbor's API hands the token's data on to us (karbor/context.py, auth_token_info),
    so no service has to be asked; Keystone wrote into it whose trust it is, and to whom it was
    given.

    :param timeout: seconds to wait for Keystone, which knows as whom the engine works
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._karbor_user: str | None = None

    def is_retention(self, context: Any) -> bool:
        """Whether a list or a DELETE of a plan's checkpoints comes from a run of retention.

        A trust that was given to another user is none of Karbor's: what he deletes with it is the
        user's own decision. When Keystone cannot say who Karbor is, it counts as Karbor's, because
        what is kept by mistake can still be deleted.
        """
        info = getattr(context, "auth_token_info", None) or {}
        trust = (info.get("token") or {}).get("OS-TRUST:trust")
        if not trust:
            return False
        try:
            if not self._karbor_user:
                self._karbor_user = sessions.karbor_user_id(timeout=self._timeout)
        except KarborManilaError as error:
            LOG.warning("A request with a trust counts as one of retention: %s", error)
            return True
        return bool((trust.get("trustee_user") or {}).get("id") == self._karbor_user)
