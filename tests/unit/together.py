# SPDX-License-Identifier: Apache-2.0
"""A stage on which the hooks of a flow run side by side, as green threads of one fake clock."""

from collections import Counter
from pathlib import Path
from typing import Any

from karbor.resource import Resource

from tests.unit.clock import FakeClock
from tests.unit.stage import SHARE, Context, Record, Stage


class Together(Stage):
    """One project, one bank, any number of operations, each on its shares side by side."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.cloud.clock = FakeClock()  # type: ignore[assignment]

    def side_by_side(
        self,
        kind: type,
        checkpoint: Any,
        *ids: str,
        given: Any = None,
        administrator: str = "",
        **extras: Any,
    ) -> tuple[list[Exception], Counter[str]]:
        """Run an operation on all shares.

        :param administrator: the project of the administrator who does it; by default it is done by
            a user of the stage's project
        :returns: the errors of those that failed, and the requests that were sent
        """
        self.cloud.calls.clear()
        flow = self.flow(*ids)
        flow.parameters = {SHARE: given or {}}
        extras.setdefault("operation_log", Record())

        def hook(share_id: str) -> None:
            resource = Resource(type=SHARE, id=share_id, name="s")
            context = Context(administrator or self.project_id, is_admin=bool(administrator))
            kind(flow).on_main(checkpoint, resource, context, given or {}, **extras)

        clock: Any = self.cloud.clock
        outcomes = clock.together(*(lambda each=each: hook(each) for each in ids))
        flow.close()
        return [outcome for outcome in outcomes if outcome], Counter(self.cloud.calls)
