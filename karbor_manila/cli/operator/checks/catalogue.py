# SPDX-License-Identifier: Apache-2.0
"""All checks of an operator, in the order in which they are done: what others need comes first."""

from karbor_manila.cli.diagnosis import Check
from karbor_manila.cli.operator.checks import (
    banks,
    calls,
    clocks,
    provider_files,
    releases,
    services,
    settings,
    sharing,
)

CHECKS: tuple[Check, ...] = (
    *settings.CHECKS,
    *provider_files.CHECKS,
    *releases.CHECKS,
    *services.CHECKS,
    *sharing.CHECKS,
    *calls.CHECKS,
    *banks.CHECKS,
    *clocks.CHECKS,
)
