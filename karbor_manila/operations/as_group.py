# SPDX-License-Identifier: Apache-2.0
"""A restore of shares as the group in which they were kept, by the ability KeepsTogether."""

from oslo_log import log as logging

from karbor_manila.common.errors import InvalidParameter, NotSupported
from karbor_manila.drivers import catalogue
from karbor_manila.drivers.abilities import KeepsTogether
from karbor_manila.drivers.base import Driver
from karbor_manila.drivers.errors import DriverUnknown, DriverUnsuitable
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.views import NewShare, Placement
from karbor_manila.operations import not_restored
from karbor_manila.operations.errors import GroupLacking
from karbor_manila.operations.parameters import RestoreOptions
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)


def check(driver: str, options: RestoreOptions) -> None:
    """Refuse ``as_group`` for a driver that cannot do it; one that is not here is told later.

    :param driver: its name
    :raises NotSupported, InvalidParameter: it cannot
    """
    if not options.as_group:
        return
    if options.mount_point_name:
        why = "with as_group Manila makes each share as it was"
        raise InvalidParameter("mount_point_name", options.mount_point_name, why)
    try:
        kind = catalogue.load(driver)
    except (DriverUnknown, DriverUnsuitable) as error:
        LOG.info("What driver %s can do is checked later: %s", driver, error)
        return
    if not issubclass(kind, KeepsTogether):
        raise GroupLacking(driver)


def place(job: ShareJob, driver: Driver, kept: Kept, new: NewShare) -> tuple[Placement, list[str]]:
    """Where a share comes back with its group, and what comes back besides, a sentence each."""
    if not isinstance(driver, KeepsTogether):
        raise GroupLacking(driver.name)
    others = set(driver.members(kept)) - {
        each for each in job.flow.resource_ids if _is_asked(job, each)
    }
    return driver.place_as_group(kept, new), list(not_restored.besides(others))


def _is_asked(job: ShareJob, share_id: str) -> bool:
    """Whether a share of the flow is restored; what its parameters lack its own hook tells."""
    try:
        return bool(job.flow.restores.options(share_id).include)
    except (InvalidParameter, NotSupported):
        return True
