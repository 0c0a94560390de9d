# SPDX-License-Identifier: Apache-2.0
"""A driver that fails, hangs or forgets on request, around another one: for tests of what is above.

It is a driver like any other, so that it is used only where a provider's file names it
(``default_driver = faulty``), and then every flow says so in the log. Which driver it wraps is an
option of its own, and what it can do follows that one: there is a class for each.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar

from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.common.float_opt import FloatOpt
from karbor_manila.drivers import base, catalogue
from karbor_manila.drivers.abilities import ABILITIES
from karbor_manila.drivers.copy_preflight import Refused
from karbor_manila.drivers.errors import DriverUnknown, DriverUnsuitable
from karbor_manila.drivers.faults import FAIL, FORGET, HANG, LOSE, PLANNED, Faults
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.drivers.values import Preflight, ProtectOptions, Target
from karbor_manila.manila.errors import (
    ManilaRefused,
    ManilaUnavailable,
    ShareNotProtectable,
    SnapshotGone,
)
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import NewShare, Placement, View

__all__ = ["FAIL", "FORGET", "HANG", "LOSE", "PLANNED", "FaultyDriver", "around"]

LOG = logging.getLogger(__name__)


class Faulty(base.Driver):
    """See :class:`~karbor_manila.drivers.base.Driver` for the contract of each method, which it
    keeps as long as no fault is planned."""

    name = "faulty"
    options: ClassVar[Collection[cfg.Opt]] = (
        cfg.ListOpt(
            "faults",
            default=[],
            help="What goes wrong: pairs of a method of the driver contract and one of fail, lose, "
            "hang and forget, such as protect:fail,find:forget. For tests alone.",
        ),
        FloatOpt(
            "hang_seconds",
            default=3600.0,
            min=0.0,
            max=2592000.0,
            help="Seconds that a method takes longer that hangs. For tests alone.",
        ),
        cfg.StrOpt(
            "wraps",
            default=SnapshotDriver.name,
            help="The driver that does the work, whose own options may stand in this section, too. "
            "For tests alone.",
        ),
    )

    #: The class of the driver that does the work.
    wraps: ClassVar[type[Any]]

    def __init__(self, environment: base.Environment) -> None:
        super().__init__(environment)
        self._wrapped = self.wraps(environment)
        self._faults = Faults(environment.options.faults)
        LOG.warning("The share driver %r makes mistakes on purpose: it is for tests", self.name)

    @classmethod
    def made_for(cls, options: Any) -> type[base.Driver]:
        """The class that wraps the driver of the option ``wraps``."""
        if options.wraps == cls.wraps.name:
            return cls
        option = f"[{catalogue.GROUP_PREFIX}{cls.name}] wraps = {options.wraps}"
        if options.wraps == cls.name:
            raise DriverUnsuitable(cls.name, "it cannot wrap itself", option)
        try:
            return around(catalogue.load(options.wraps))
        except DriverUnknown as error:
            raise DriverUnknown(error.name, error.known, option) from error

    @classmethod
    def objection(cls, share: View, project_id: str | None = None) -> ShareNotProtectable | None:
        """As the other driver."""
        found: ShareNotProtectable | None = cls.wraps.objection(share, project_id)
        return found

    @classmethod
    def unsupported(cls, share: View) -> ShareNotProtectable | None:
        """As the other driver."""
        found: ShareNotProtectable | None = cls.wraps.unsupported(share)
        return found

    def check_options(self, options: ProtectOptions, mark: Mark) -> None:
        """As the other driver."""
        self._wrapped.check_options(options, mark)

    def preflight(
        self,
        shares: Collection[View],
        options: Mapping[str, ProtectOptions],
        marks: Mapping[str, Mark],
    ) -> Preflight:
        """As the other driver; forgotten, nothing is refused."""
        found: Preflight = self._call("preflight", Preflight(), shares, options, marks)
        return found

    def protect(
        self,
        shares: Collection[View],
        marks: Mapping[str, Mark],
        options: Mapping[str, ProtectOptions],
    ) -> Iterator[tuple[str, Kept | Exception]]:
        """As the other driver; a fault is that of each share by itself, and a forgotten one gets no
        answer."""
        for share in shares:
            share_id = str(share["id"])
            own = [share], {share_id: marks[share_id]}, {share_id: options[share_id]}
            try:
                results = self._call("protect", {}, *own, work=lambda *a: dict(self._protect(*a)))
            except (ManilaRefused, ManilaUnavailable) as error:
                yield share_id, error
            else:
                yield from results.items()

    def _protect(self, *args: Any) -> Iterator[tuple[str, Kept | Exception]]:
        for share_id, result in self._wrapped.protect(*args):
            yield share_id, self._ours(result) if isinstance(result, Kept) else result

    def wait(self, kept: Kept) -> Kept:
        """As the other driver; forgotten, it is not waited for."""
        return self._ours(self._call("wait", kept, kept))

    def check(self, kept: Kept, *, project_id: str | None = None) -> Kept:
        """As the other driver; forgotten, it is gone."""
        found = self._call("check", None, kept, project_id=project_id)
        if found is None:
            raise SnapshotGone(kept.id)
        return self._ours(found)

    def place(self, kept: Kept, new: NewShare | None = None) -> Placement:
        """As the other driver; forgotten, nothing is known of the place."""
        nowhere = Placement(None, None, None, None)
        found: Placement = self._call("place", nowhere, kept, new)
        return found

    def restore(self, kept: Kept, target: Target) -> str:
        """As the other driver; forgotten, the id is of no share."""
        return str(self._call("restore", "00000000-0000-0000-0000-000000000000", kept, target))

    def complete_restore(self, kept: Kept, target: Target, share_id: str) -> View:
        """As the other driver; forgotten, the share is shown as it is."""
        shown = self.environment.shares.show(share_id)
        found: View = self._call("complete_restore", shown, kept, target, share_id)
        return found

    def forget_restore(self, mark: Mark, *, project_id: str) -> None:
        """As the other driver; forgotten, nothing is removed."""
        self._call("forget_restore", None, mark, project_id=project_id)

    def preflight_copy(self, kept: Collection[Kept]) -> Refused:
        """As the other driver; forgotten, nothing is refused."""
        found: Refused = self._call("preflight_copy", {}, kept)
        return found

    def delete(
        self,
        kept: Kept | None = None,
        mark: Mark | None = None,
        *,
        project_id: str,
        undo: bool = False,
    ) -> None:
        """As the other driver; forgotten, nothing is removed."""
        self._call("delete", None, kept, mark, project_id=project_id, undo=undo)

    def find(self, mark: Mark, *, project_id: str | None = None) -> list[Kept]:
        """As the other driver; forgotten, nothing is found."""
        return [self._ours(each) for each in self._call("find", [], mark, project_id=project_id)]

    def everything(self) -> list[View]:
        """As the other driver; forgotten, there is nothing."""
        found: list[View] = self._call("everything", [])
        return found

    def show(self, kept_id: str) -> View | None:
        """As the other driver; forgotten, it is not there."""
        found: View | None = self._call("show", None, kept_id)
        return found

    def gc(self, is_left: Callable[[View], bool]) -> list[View]:
        """As the other driver; forgotten, nothing is removed."""
        found: list[View] = self._call("gc", [], is_left)
        return found

    def get_periodic_hook_data(self, shares: Collection[View]) -> list[dict[str, Any]]:
        """As the other driver; forgotten, it tells nothing."""
        found: list[dict[str, Any]] = self._call("get_periodic_hook_data", [], shares)
        return found

    def close(self) -> None:
        """As the other driver."""
        self._wrapped.close()

    def is_alive(self) -> bool:
        """As the other driver; forgotten, it is not."""
        return bool(self._call("is_alive", False))

    def _health(self) -> Mapping[str, Any]:
        return {"wraps": self.wraps.name}

    def _call(
        self, method: str, forgotten: Any, *args: Any, work: Any = None, **kwargs: Any
    ) -> Any:
        """Call the other driver, with the fault that is planned for that.

        :param forgotten: what a call that is forgotten gives
        :param work: what is called; by default the other driver's method
        """
        work = work or getattr(self._wrapped, method)
        kind = self._faults.take(method) or PLANNED.take(method)
        if kind == FAIL:
            raise ManilaRefused(method, 409, "the faulty driver refuses")
        if kind == FORGET:
            return forgotten
        if kind == HANG:
            self.environment.clock.sleep(self.environment.options.hang_seconds)
        result = work(*args, **kwargs)
        if kind == LOSE:
            raise ManilaUnavailable(method, 0.0, "the faulty driver lost the answer")
        return result

    def _ours(self, kept: Kept) -> Kept:
        return dataclasses.replace(kept, driver=self.name)


@functools.cache
def around(wrapped: type[base.Driver]) -> type[Faulty]:
    """The faulty driver around another one: with its abilities, options and name of who copies."""
    abilities = sorted(wrapped.capabilities & ABILITIES.keys())
    own = {option.name for option in Faulty.options}
    named: dict[str, Any] = {
        "__doc__": f"Around the driver {wrapped.name}.",
        "__module__": __name__,
        "wraps": wrapped,
        "capabilities": wrapped.capabilities,
        "copies_by": wrapped.copies_by,
        "options": (*Faulty.options, *(each for each in wrapped.options if each.name not in own)),
    }
    bases = tuple(map(_forwarding, abilities))
    return type("FaultyDriver", bases or (Faulty,), named)


@functools.cache
def _forwarding(ability: str) -> type[Faulty]:
    """The class with this ability, each public method of which calls the other driver's."""
    kind = ABILITIES[ability]
    methods = {
        name: _forward(name)
        for name, member in vars(kind).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }
    return type(f"Faulty{kind.__name__}", (Faulty, kind), methods)


def _forward(name: str) -> Callable[..., Any]:
    if name == "wait_reverted":
        return _wait_reverted

    def forwarded(self: Faulty, *args: Any, **kwargs: Any) -> Any:
        """As the other driver; forgotten, it gives nothing."""
        return self._call(name, None, *args, **kwargs)

    forwarded.__name__ = name
    return forwarded


def _wait_reverted(self: Faulty, share_id: str) -> View:
    """As the other driver; forgotten, the share is shown as it is."""
    found: View = self._call("wait_reverted", self.environment.shares.show(share_id), share_id)
    return found


#: What the entry point names; the option ``wraps`` makes another one of it.
FaultyDriver: type[Any] = around(SnapshotDriver)
