# SPDX-License-Identifier: Apache-2.0
"""The stage of the contract suite: a Manila with shares in it, and drivers that speak to it."""

import abc
import dataclasses
import datetime
import uuid
from typing import Any, ClassVar

import pytest

from karbor_manila.drivers.base import (
    Driver,
    Environment,
    Kept,
    ProtectOptions,
    Target,
    protect_one,
)
from karbor_manila.drivers.catalogue import load
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.manila.marks import COPY, PURPOSE, Mark
from karbor_manila.manila.shares import Shares
from karbor_manila.manila.views import NewShare

View = dict[str, Any]

#: A new share of the contract: as large as those that the worlds make.
BACK = NewShare(name="back", description=None, size=1)

#: What the contract protects with.
KEPT = ProtectOptions(name="kept", description="why")


class World(abc.ABC):
    """A Manila, real or not, and the driver that is held to the contract."""

    driver_class: ClassVar[type[Driver]]

    #: Whether the driver keeps shares by Manila's snapshots: then what a share's type says of these
    #: counts, the newest alone can be put back, and a new share is of the type of the kept one.
    by_snapshots: ClassVar[bool] = True

    #: The project that the driver works for.
    project_id: str

    #: The project of the administrator whose session :meth:`overseer` has.
    other_project_id: str

    #: Whether this Manila mounts snapshots: a simulated one need not.
    mounts_snapshots: ClassVar[bool] = True

    def driver(self, expected: int = 1) -> Driver:
        """A new driver, as a new flow of so many shares would get it."""
        return self.driver_class(self.environment(expected))

    def overseer(self, works_for: str = EVERY_PROJECT) -> Driver:
        """A new driver of an administrator, whose client works for this project, or for all."""
        return self.driver_class(self.environment_of_overseer(works_for))

    def stranger(self, works_for: str) -> Driver:
        """A new driver of a user in another project, who is no administrator and who works
        for this one."""
        return self.driver_class(self.environment_of_stranger(works_for))

    @abc.abstractmethod
    def environment(self, expected: int = 1) -> Environment:
        """What a driver of a new flow of so many shares of ``project_id`` works with."""

    @abc.abstractmethod
    def environment_of_overseer(self, works_for: str) -> Environment:
        """See :meth:`overseer`."""

    @abc.abstractmethod
    def environment_of_stranger(self, works_for: str) -> Environment:
        """See :meth:`stranger`."""

    @abc.abstractmethod
    def transfer(self, share_id: str) -> None:
        """Make the share, with what keeps it, the other project's."""

    @abc.abstractmethod
    def make_share(self, **fields: Any) -> View:
        """An available share (``snapshot_support=False`` for one that cannot be protected,
        ``revert_to_snapshot_support=False`` for one that cannot be restored in place,
        ``create_share_from_snapshot_support=False`` for one of whose snapshots no share can be
        made; both for one that could never be given back; ``mount_snapshot_support=True`` for one
        whose snapshots can be mounted, ``False`` for one whose cannot, with
        ``snapshot_inherit_share_access_support=True`` for one whose snapshots have no rules of
        their own)."""

    def make_together(self, number: int) -> list[View]:
        """Available shares that a driver which keeps several together keeps together."""
        return [self.make_share() for _ in range(number)]

    @abc.abstractmethod
    def retype(self, share_id: str) -> str:
        """Give a share another type of the same capabilities, as a migration does; the type's
        name."""

    @abc.abstractmethod
    def now(self) -> datetime.datetime:
        """The time of the day by Manila's clock, UTC."""

    @abc.abstractmethod
    def remove(self, kept_id: str) -> None:
        """Remove what keeps a share behind the driver's back, and wait until it is gone."""

    @abc.abstractmethod
    def refused_rule(self) -> dict[str, Any]:
        """An access rule that this Manila takes and never brings into force, or refuses."""

    @abc.abstractmethod
    def write(self, share_id: str, text: str) -> None:
        """Put data into a share."""

    @abc.abstractmethod
    def read(self, share_id: str) -> str:
        """The data in a share."""

    def requires_snapshots(self) -> None:
        """Leave a test out that is about the rules of Manila's snapshots, if they do not count."""
        if not self.by_snapshots:
            pytest.skip("this driver keeps shares without snapshots")

    def kept_of(self, share_id: str) -> list[View]:
        """What keeps a share, as Manila has it now."""
        every = self.overseer().everything()
        return [view for view in every if share_id in shares_kept_by(view)]

    def share(self, share_id: str) -> View | None:
        """A share, as Manila has it now."""
        return shares_of(self.overseer()).show(share_id)


def shares_kept_by(view: View) -> list[str]:
    """The shares that something of :meth:`Driver.everything` keeps."""
    return list(view.get("share_ids") or [view["share_id"]])


def shares_of(driver: Driver) -> Shares:
    """The shares of the driver's flow."""
    return driver.environment.shares


def mark_for(share: View, **fields: str) -> Mark:
    """A mark of a new checkpoint in a new bank."""
    return Mark(
        **{
            "bank": str(uuid.uuid4()),
            "provider": str(uuid.uuid4()),
            "checkpoint": str(uuid.uuid4()),
            "resource": share["id"],
        }
        | fields
    )


def mark_of_restore(share: View) -> Mark:
    """The mark of a new restore from a new checkpoint."""
    return mark_for(share, restore=str(uuid.uuid4()))


def protect(driver: Driver, share: View, mark: Mark, options: ProtectOptions = KEPT) -> Kept:
    """What keeps the share, once it is complete."""
    return driver.wait(protect_one(driver, share, mark, options))


def begin_restore(driver: Driver, kept: Kept, mark: Mark, new: NewShare = BACK) -> str:
    """The id of the new share."""
    return driver.restore(kept, Target(mark, new, share_proto="NFS"))


def end_restore(
    driver: Driver, kept: Kept, mark: Mark, share_id: str, new: NewShare = BACK
) -> View:
    """The new share of a restore that was begun, once it has its content."""
    return driver.complete_restore(kept, Target(mark, new, share_proto="NFS"), share_id)


def restore(
    driver: Driver, kept: Kept, mark: Mark, new: NewShare = BACK, *, as_group: bool = False
) -> View:
    """The new share, once it has its content and what was made besides is gone."""
    target = Target(mark, new, share_proto="NFS", as_group=as_group)
    view = driver.complete_restore(kept, target, driver.restore(kept, target))
    driver.forget_restore(mark, project_id=driver.environment.manila.own_project_id)
    return view


def unknown(share: View) -> Kept:
    """Something kept of a share that is not there."""
    return Kept("", str(uuid.uuid4()), share["id"], share["size"])


def copy(driver: Driver, kept: Kept, mark: Mark) -> tuple[View, Kept]:
    """The share of a copy, and what keeps it (:func:`keeper_of`)."""
    new = dataclasses.replace(BACK, metadata={PURPOSE: COPY})
    clone = restore(driver, kept, mark.of_clone(), new)
    return clone, protect(keeper_of(driver), clone, mark)


def keeper_of(driver: Driver) -> Driver:
    """The driver that keeps the share of a copy: the same one, unless it names another."""
    return load(driver.copies_by)(driver.environment) if driver.copies_by else driver
