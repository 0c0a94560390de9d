# SPDX-License-Identifier: Apache-2.0
"""A driver that fails, hangs or forgets on request, around another one: for tests of what is above.

It is a driver like any other, so that it is used only where a provider's file names it
(``default_driver = faulty``), and then every flow says so in the log.
"""

import dataclasses
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.drivers import base
from karbor_manila.drivers.abilities import Reverts
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
from karbor_manila.manila.views import NewShare, Placement, Revertible, View

LOG = logging.getLogger(__name__)

#: It is refused, and nothing was done.
FAIL = "fail"
#: It is done, and the reply is lost.
LOSE = "lose"
#: It takes ``hang_seconds`` longer.
HANG = "hang"
#: It says that there is nothing, or does nothing and says that it was done.
FORGET = "forget"

_KINDS = (FAIL, LOSE, HANG, FORGET)


@dataclass
class Fault:
    """What goes wrong in a method of the contract; ``times`` is how often, None for always."""

    method: str
    kind: str
    times: int | None = None


class Faults:
    """Which faults are planned. A test plans them in :data:`PLANNED`, an operator in the option."""

    def __init__(self, planned: Collection[str] = ()) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        for text in planned:
            method, _, kind = text.partition(":")
            self.plan(method, kind)

    def plan(self, method: str, kind: str, times: int | None = None) -> None:
        """From now on this method has this fault."""
        if kind not in _KINDS:
            raise ValueError(f"{method}:{kind} is no fault; there are {', '.join(_KINDS)}")
        with self._lock:
            self._faults.append(Fault(method, kind, times))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str) -> str | None:
        """The fault of a call that is made now."""
        with self._lock:
            for fault in self._faults:
                if fault.method == method and fault.times != 0:
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault.kind
        return None


#: What tests plan, for all drivers of this process.
PLANNED = Faults()


class FaultyDriver(base.Driver, Reverts):
    """See :class:`~karbor_manila.drivers.base.Driver` for the contract of each method, which it
    keeps as long as no fault is planned."""

    name = "faulty"
    capabilities: ClassVar[frozenset[str]] = base.BASIC | {"revert"}
    options: ClassVar[Collection[cfg.Opt]] = (
        cfg.ListOpt(
            "faults",
            default=[],
            help="What goes wrong: pairs of a method of the driver contract and one of fail, lose, "
            "hang and forget, such as protect:fail,find:forget. For tests alone.",
        ),
        cfg.FloatOpt(
            "hang_seconds",
            default=3600.0,
            min=0.0,
            max=2592000.0,
            help="Seconds that a method takes longer that hangs. For tests alone.",
        ),
    )

    #: The class of the driver that does the work.
    wraps: ClassVar[type[Any]] = SnapshotDriver

    def __init__(self, environment: base.Environment) -> None:
        super().__init__(environment)
        self._wrapped = self.wraps(environment)
        self._faults = Faults(environment.options.faults)
        LOG.warning("The share driver %r makes mistakes on purpose: it is for tests", self.name)

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

    def preflight_copy(self, kept: Collection[Kept]) -> dict[str, Exception]:
        """As the other driver; forgotten, nothing is refused."""
        found: dict[str, Exception] = self._call("preflight_copy", {}, kept)
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

    def inspect_revert(self, kept: Kept, *, project_id: str) -> Revertible:
        """As the other driver; this cannot be forgotten."""
        found: Revertible = self._call("inspect_revert", None, kept, project_id=project_id)
        return found

    def preflight_revert(self, found: Revertible, *, safety_copy: bool) -> None:
        """As the other driver."""
        self._call("preflight_revert", None, found, safety_copy=safety_copy)

    def revert(self, kept: Kept, *, retry_conflict: bool = False) -> None:
        """As the other driver; forgotten, nothing is put back."""
        self._call("revert", None, kept, retry_conflict=retry_conflict)

    def wait_reverted(self, share_id: str) -> View:
        """As the other driver; forgotten, the share is shown as it is."""
        found: View = self._call("wait_reverted", self.environment.shares.show(share_id), share_id)
        return found

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
