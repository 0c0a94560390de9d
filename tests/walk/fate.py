# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in a walk, and where: at the n-th call of Manila, the bank or the database.

Everything that a process does to the outside passes :meth:`Fate.reached`. Once it has died there,
nothing of it gets out any more, whatever its ``finally`` clauses and green threads still try.
"""

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin

from karbor_manila.common.errors import KarborManilaError
from sandbox import faults
from sandbox.faults import BANK, DATABASE, MANILA
from tests.fakes.manila import Cloud, Died, FakeManila, refused, transient
from tests.unit.karbor_stage import TOKEN
from tests.walk.ways import SAME_AS

WRITES = ("update", "delete")

_BANK_ERRORS: dict[str, Callable[[str], Exception]] = {
    "update": lambda key: karbor_exception.BankUpdateObjectFailed(reason="it is away", key=key),
    "delete": lambda key: karbor_exception.BankDeleteObjectFailed(reason="it is away", key=key),
    "get": lambda key: karbor_exception.BankGetObjectFailed(reason="it is away", key=key),
    "list": lambda _key: karbor_exception.BankListObjectsFailed(reason="it is away"),
}


@dataclass(frozen=True)
class Trouble:
    """``kind`` of trouble at the ``nth`` call of ``name`` (any if empty) at ``place``.

    ``after``: once the call has done its work. ``detail`` is the status of a refusal, the seconds
    of an outage or of a late request, the name of a change in Manila behind our back, or what a
    second process does (``second``), which with ``pause`` has taken over the work of this one. What
    Manila begins while it is ``failing`` ends in error.
    """

    kind: str
    place: str
    name: str = ""
    nth: int = 1
    after: bool = False
    times: int = 1
    detail: Any = None

    @property
    def mild(self) -> bool:
        """Whether an operation has to succeed in spite of it."""
        return self.kind == faults.TRANSIENT and self.place == MANILA and self.times <= 3


@dataclass
class Fate:
    """The troubles of the operation that runs, and what they have done."""

    cloud: Cloud
    change: Callable[[str], None] = lambda _what: None
    second: Callable[[str, int], None] = lambda _what, _pick: None
    take_over: Callable[[str, int], None] = lambda _what, _pick: None
    troubles: list[Trouble] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    hits: set[int] = field(default_factory=set)
    dead: bool = False
    out_until: float = 0.0
    late: list[tuple[float, Callable[[], Any]]] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)
    _aside: int = 0

    @contextlib.contextmanager
    def strikes(self, troubles: list[Trouble]) -> Iterator[None]:
        """With these troubles; afterwards Manila and the bank are well again."""
        self.troubles, self.seen, self.hits = troubles, [0] * len(troubles), set()
        self.cloud.failing |= {
            f"{name} {thing}"
            for each in troubles
            if each.kind == faults.FAILING
            for name in (each.name, *(other for other in SAME_AS if SAME_AS[other] == each.name))
            for thing in (*self.cloud.shares, *self.cloud.groups)
        }
        try:
            yield
        finally:
            self.troubles = []
            self.out_until = 0.0
            self.cloud.failing.clear()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """What is done in here is not the process's doing."""
        self._aside += 1
        try:
            yield
        finally:
            self._aside -= 1

    @property
    def struck(self) -> list[Trouble]:
        """The troubles that were met."""
        return [each for at, each in enumerate(self.troubles) if at in self.hits]

    def reached(self, place: str, name: str, *, after: bool, key: str = "") -> None:
        """The process has come to this point. Raises what goes wrong here."""
        if self._aside:
            return
        if self.dead:
            raise Died
        if place == MANILA and not after and self.cloud.clock.now() < self.out_until:
            raise transient()
        for at, trouble in enumerate(list(self.troubles)):
            if trouble.place != place or trouble.after != after:
                continue
            names = ("", name, SAME_AS.get(name, name))
            if trouble.name not in names or trouble.kind == faults.FAILING:
                continue
            self.seen[at] += 1
            if trouble.nth <= self.seen[at] < trouble.nth + trouble.times:
                self.hits.add(at)
                self.tally[trouble.kind] += 1
                self._strike(trouble, name, key)

    def _strike(self, trouble: Trouble, name: str, key: str) -> None:
        match trouble.kind:
            case faults.KILL:
                self.dead = True
                raise Died
            case faults.TRANSIENT if trouble.place == BANK:
                raise _BANK_ERRORS[name](key)
            case faults.TRANSIENT:
                raise transient()
            case faults.OUTAGE:
                self.out_until = self.cloud.clock.now() + trouble.detail
                raise transient()
            case faults.REFUSED:
                raise refused(trouble.detail)
            case faults.STRANGE:
                raise RuntimeError(f"X-Auth-Token: {TOKEN}")
            case "change":
                with self.aside():
                    self.change(trouble.detail)
            case "second":
                with self.aside():
                    self.second(*trouble.detail)
            case faults.PAUSE:
                with self.aside():
                    self.take_over(*trouble.detail)
            case faults.LATE | faults.LATE_KILL:
                raise Late(trouble)

    def catch_up(self) -> None:
        """Do what was asked of Manila by somebody who did not wait for the answer."""
        due = [item for item in self.late if item[0] <= self.cloud.clock.now()]
        self.late = [item for item in self.late if item not in due]
        for _when, work in due:
            with contextlib.suppress(KarborManilaError):
                work()


class Late(BaseException):
    """This request is carried out later; its sender never hears of it."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self.trouble = trouble


class WalkedManila(FakeManila):
    """The fake Manila on a walk."""

    #: Threads would make each walk another one: of one seed, and of one fake clock.
    parallel = 1
    fate: ClassVar[Fate]
    #: Called with what it is to be when something is made.
    expect: ClassVar[Callable[[dict[str, Any]], None]]
    #: Called when something is removed: (kind, id).
    watch: ClassVar[Callable[[str, str], None]]
    # What is called when the request gets as far as Manila: it may be refused a process that lost
    # its claim.
    _judged: Callable[[], None] | None = None

    def _call(self, method: str, work: Callable[[], Any]) -> Any:
        fate = self.fate
        fate.catch_up()
        try:
            fate.reached(MANILA, method, after=False)
        except Late as late:
            if method.startswith(("create_", "restore_")):
                fate.late.append((fate.cloud.clock.now() + late.trouble.detail, work))
            if late.trouble.kind == faults.LATE_KILL:
                fate.dead = True
                raise Died from None
            raise transient() from None
        judged, self._judged = self._judged, None

        def carried_out() -> Any:
            if judged:
                judged()
            return work()

        result = super()._call(method, carried_out)
        fate.reached(MANILA, method, after=True)
        return result

    def create_snapshot(self, share_id: str, **fields: Any) -> dict[str, Any]:
        self._judged = functools.partial(type(self).expect, fields)
        return super().create_snapshot(share_id, **fields)

    def create_share(self, **fields: Any) -> dict[str, Any]:
        self._judged = functools.partial(type(self).expect, fields)
        return super().create_share(**fields)

    def create_share_group_snapshot(self, share_group_id: str, **fields: Any) -> dict[str, Any]:
        self._judged = functools.partial(type(self).expect, fields)
        return super().create_share_group_snapshot(share_group_id, **fields)

    def create_share_group(self, **fields: Any) -> dict[str, Any]:
        self._judged = functools.partial(type(self).expect, fields)
        return super().create_share_group(**fields)

    def create_backup(self, share_id: str, **fields: Any) -> dict[str, Any]:
        self._judged = functools.partial(type(self).expect, fields)
        return super().create_backup(share_id, **fields)

    def delete_snapshot(self, snapshot_id: str) -> bool:
        self._judged = functools.partial(type(self).watch, "snapshot", snapshot_id)
        return super().delete_snapshot(snapshot_id)

    def delete_share_group_snapshot(self, snapshot_id: str) -> bool:
        self._judged = functools.partial(type(self).watch, "group_snapshot", snapshot_id)
        return super().delete_share_group_snapshot(snapshot_id)

    def delete_share_group(self, group_id: str) -> bool:
        self._judged = functools.partial(type(self).watch, "group", group_id)
        return super().delete_share_group(group_id)

    def delete_backup(self, backup_id: str) -> bool:
        self._judged = functools.partial(type(self).watch, "backup", backup_id)
        return super().delete_backup(backup_id)

    def delete_share(self, share_id: str, *args: Any, **how: Any) -> bool:
        self._judged = functools.partial(type(self).watch, "share", share_id)
        return super().delete_share(share_id, *args, **how)


class WalkedBank(FileSystemBankPlugin):
    """Karbor's file-system bank on a walk. Named in the provider's file."""

    fate: ClassVar[Fate]

    def update_object(self, key: str, value: Any, context: Any = None) -> None:
        self.fate.reached(BANK, "update", after=False, key=key)
        super().update_object(key, value, context)
        self.fate.reached(BANK, "update", after=True, key=key)

    def delete_object(self, key: str, context: Any = None) -> None:
        self.fate.reached(BANK, "delete", after=False, key=key)
        super().delete_object(key, context)
        self.fate.reached(BANK, "delete", after=True, key=key)

    def get_object(self, key: str, context: Any = None) -> Any:
        self.fate.reached(BANK, "get", after=False, key=key)
        return super().get_object(key, context)

    def list_objects(self, *args: Any, **kwargs: Any) -> Any:
        self.fate.reached(BANK, "list", after=False)
        return sorted(super().list_objects(*args, **kwargs))


def watch_database(engine: Any, fate: Fate, event: Any) -> None:
    """Let a process die at its n-th write into Karbor's database, and write nothing when dead."""

    @event.listens_for(engine, "before_cursor_execute")  # type: ignore[untyped-decorator]
    def before(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if fate.dead and not fate._aside:
            raise Died
        if statement.split(None, 1)[0] in ("INSERT", "UPDATE", "DELETE"):
            fate.reached(DATABASE, "write", after=False)
