# SPDX-License-Identifier: Apache-2.0
"""The listener that posts events to Zaqar, with the sessions of Karbor's users."""

from typing import Any

from karbor_manila.service import sessions
from karbor_manila.telemetry.zaqar import ZaqarListener


class Listener(ZaqarListener):
    """Posts in the name of a tenant, or of Karbor's own user (``[trustee]`` of karbor.conf)."""

    def __init__(self, *, name: str, settings: Any) -> None:
        super().__init__(name=name, settings=settings, sessions=self._log_in)

    def _log_in(self, context: Any) -> Any:
        """:raises SessionUnavailable, CaFileMissing: there is no session"""
        return sessions.for_service(
            context, timeout=self.settings.zaqar_timeout, ca_file=self.settings.zaqar_ca_file
        )
