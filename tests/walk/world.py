# SPDX-License-Identifier: Apache-2.0
"""A project, its shares, and Karbor's service with our manager, which may be killed anywhere."""

import contextlib
import logging
import random
import tempfile
import uuid
import zlib
from pathlib import Path
from typing import Any

import eventlet
import pytest
from karbor import exception as karbor_exception
from karbor import objects
from karbor.db.sqlalchemy import api as karbor_db
from karbor.resource import Resource
from oslo_serialization import jsonutils
from sqlalchemy import event

from karbor_manila.bank import checkpoints, identity
from karbor_manila.manila import marks
from karbor_manila.operations.progress import Progress
from sandbox import faults
from tests.fakes.manila import Cloud, Died
from tests.unit import karbor_stage
from tests.unit.karbor_stage import PROJECT, SHARE, Service, started
from tests.walk import ways
from tests.walk.fate import Fate, Trouble, WalkedBank, WalkedManila, watch_database
from tests.walk.second import Keeper, Second
from tests.walk.ways import KINDS, Way

# Shorter than the defaults: a share that never becomes available is looked at for all that time.
TIMEOUTS = {
    "outage_timeout": 60.0,
    "share_busy_timeout": 300.0,
    "protect_timeout": 900.0,
    "restore_timeout": 1200.0,
    "delete_timeout": 900.0,
    "undo_timeout": 60.0,
    "request_settle_time": 15.0,
}

_LEAVE_WORK = ("second", faults.PAUSE, faults.OUTAGE)  # of Manila's, though the process lives
BUSY = 40.0  # seconds that it takes Manila to extend a share


class World(contextlib.ExitStack):
    """What the walk walks through, and what it knows of it.

    :param way: how shares are kept
    """

    def __init__(self, way: Way = ways.SNAPSHOT) -> None:
        super().__init__()
        self.way = way
        patches = self.enter_context(pytest.MonkeyPatch.context())
        # The same walk has the same ids, in the same order.
        ids = random.Random(7)
        patches.setattr(uuid, "uuid4", lambda: uuid.UUID(int=ids.getrandbits(128), version=4))
        patches.setattr(Resource, "__hash__", lambda self: zlib.crc32(self.id.encode()))
        patches.setattr(Progress.__init__, "__defaults__", (lambda write: write(),))  # no thread
        logging.disable(logging.CRITICAL)
        self.callback(logging.disable, logging.NOTSET)
        patches.setattr(karbor_stage, "FakeManila", WalkedManila)
        folder = Path(self.enter_context(tempfile.TemporaryDirectory()))
        # Before the service: it asks for its bank's id.
        self.fate = Fate(Cloud(None))  # type: ignore[arg-type]
        WalkedBank.fate = WalkedManila.fate = self.fate
        WalkedManila.watch = self.watch
        WalkedManila.expect = self.expect
        self.service: Service = self.enter_context(
            started(
                folder,
                patches,
                bank=f"{WalkedBank.__module__}.{WalkedBank.__name__}",
                options=(
                    f"default_driver = {way.driver}",
                    *(f"{name} = {value}" for name, value in TIMEOUTS.items()),
                    *way.options,
                ),
            )
        )
        self.cloud = self.fate.cloud = self.service.cloud
        self.fate.change = self.change
        self.cloud.seconds.update(
            create_snapshot=3.0,
            create_share=20.0,
            delete_snapshot=2.0,
            delete_share=2.0,
            revert_share=10.0,
            **way.seconds,
        )
        watch_database(karbor_db.get_engine(), self.fate, event)
        self.tame(self.service)
        self.keeper = Keeper(self.service)
        self.keeper.renew()
        self.second = Second(self)
        self.fate.second, self.fate.take_over = self.second.act, self.second.take_over
        #: Ids of shares that somebody else than we made, and of things that somebody else removed.
        self.made: set[str] = set()
        self.removed: set[str] = set()
        #: Things whose status somebody has set.
        self.touched: set[str] = set()
        #: Shares that a restore has handed over to the user.
        self.reported: set[str] = set()
        #: Shares that were ever part of a plan.
        self.protected: set[str] = set()
        #: Checkpoints in the order of their making; those whose status a user has set; those
        #: that somebody has asked to delete.
        self.known: list[str] = []
        self.reset: set[str] = set()
        self.doomed: set[str] = set()
        #: Records as they were first seen, by checkpoint and share.
        self.records: dict[tuple[str, str], dict[str, Any]] = {}
        #: What a user has written last into a share, and the restores in place that may still
        #: replace it because they have not ended since.
        self.texts: dict[str, str] = {}
        self.replacing: dict[str, list[Any]] = {}
        #: Snapshots and backups of others: id to what it looked like.
        self.foreign: dict[str, dict[str, Any]] = {}
        #: The checkpoint that the last step was about.
        self.at_work: str | None = None
        #: How long calls of the first process took because of the second, in the last act.
        self.stood = 0.0
        #: Whether something may be unfinished: its process died, or its bank was away.
        self.unsettled = False
        #: Whether the process has done anything since the books were last looked at.
        self.changed = True

    def tame(self, service: Service) -> None:
        """Let the manager wait in our time, and let nothing be too young to be reconciled."""
        service.manager.worker._clock = self.cloud.clock
        service.manager.reconciliation._grace = 0.0

    # -- what the process does ------------------------------------------------------------------

    def act(self, work: Any, troubles: list[Trouble], most: float) -> tuple[Any, Exception | None]:
        """Let the process do something. Returns what it returned, or how it was refused.

        :param most: seconds that it may take
        """
        self.changed = True
        before = self.cloud.clock.now()
        with self.fate.aside():
            self.keeper.renew()
            self.second.renew()
        self.stood = 0.0
        result, error = None, None
        with self.fate.strikes(troubles):
            try:
                result = work()
            except Died:
                pass
            except Exception as refusal:  # noqa: BLE001 - judged by the caller
                error = refusal
            struck = self.fate.struck
        took = self.cloud.clock.now() - before
        assert took <= most, f"it took {took:.0f} s, and its deadlines add up to {most:.0f} s"
        if self.fate.dead:
            self.bury()
        met = [each for each in struck if not each.mild]
        if any(each.place != "manila" or each.kind in _LEAVE_WORK for each in met):
            self.unsettled = True  # a bank that was away is a reason to be reconciled, too
        with self.fate.aside():
            self.look()
        assert not self.fate.wrongs, self.fate.wrongs
        return result, error

    def bury(self) -> None:
        """The process is dead; another one is started."""
        for _turn in range(10):
            eventlet.sleep(0)  # its green threads get as far as the dead get
        self.fate.tally["deaths"] += 1
        self.fate.dead = False
        with self.fate.aside():
            self.service = self.service.die()
            self.tame(self.service)
            self.keeper = Keeper(self.service)
            self.keeper.renew()
        self.unsettled = True

    @property
    def in_time(self) -> bool:
        """Whether no call of the last act took so long that patience may have ended over it."""
        return self.stood < min(TIMEOUTS["outage_timeout"], TIMEOUTS["undo_timeout"])

    def reconcile(self, troubles: list[Trouble]) -> bool:
        """One run of the reconciliation; whether it has left nothing."""
        ends, error = self.act(
            self.service.manager.reconciliation.run, troubles, self.longest() * 10
        )
        assert error is None or troubles, f"the reconciliation failed: {error!r}"
        return ends is not None and all(ends.values())

    def settle(self) -> None:
        """With Manila and the bank well again, everything comes to an end."""
        for _turn in range(2):
            if self.reconcile([]):
                break
        else:
            raise AssertionError("the reconciliation does not come to an end")
        self.unsettled = False

    def longest(self) -> float:
        """Seconds that no operation may exceed: its deadlines, one after the other, because the
        stage runs the hooks of one flow one after the other."""
        return len(self.cloud.shares or [1]) * 3 * sum(TIMEOUTS.values())

    # -- what it may do --------------------------------------------------------------------------

    def expect(self, view: dict[str, Any]) -> None:
        """Our product is about to make something: the bank knows already."""
        found = marks.read(view)
        with self.fate.aside():
            page = f"restores/{found.restore}" if found and found.restore else "intent"
            known = found and page in self.pages_of(found)
            if not known and not self.fate.dead:
                self.fate.wrongs.append(f"{view} is made without an intent")

    def watch(self, kind: str, thing: str) -> None:
        """Our product is about to remove something."""
        view = getattr(self.cloud, f"{kind}s").get(thing)
        if view is None or self.fate.dead:
            return
        with self.fate.aside():
            found = marks.read(view)
            if ways.came_with_its_group(view) and thing not in self.reported:
                return  # a restore made it, and it is nobody's
            if found is None or found.bank != identity.read(self.service.provider.bank):
                self.fate.wrongs.append(f"{kind} {thing} is not ours and was removed")
                return
            if kind == "share" and (thing in self.reported or not found.restore):
                self.fate.wrongs.append(f"share {thing} is the user's and was removed")
                return
            status = self.status(found.checkpoint)
            if status == "protecting" and "intent" not in self.pages_of(found):
                self.fate.wrongs.append(f"the intent was ended before {kind} {thing} was removed")
            elif found.restore:
                return  # of a restore: the share is the user's once it is reported, see above
            elif kind != "share" and status not in ("protecting", "deleting"):
                self.fate.wrongs.append(f"{kind} {thing} was removed, its checkpoint is {status}")

    # -- what it has left -----------------------------------------------------------------------

    def look(self) -> None:
        """Take notice of what is new."""
        found = set(checkpoints.everything(self.service.provider.bank)) - set(self.known)
        self.known += sorted(found)
        self.protected |= {share for view in self.kept().values() for share in ways.sizes(view)}
        for record in self.restores():
            for name, status in (record.resources_status or {}).items():
                if status == "available" and name.startswith(SHARE):
                    self.reported.add(name.partition("#")[2])

    def write(self, share: str) -> None:
        """A user writes new work into a share."""
        self.texts[share] = f"work {len(self.fate.tally)} {next(self.cloud.counter)}"
        self.cloud.shares[share]["_text"] = self.texts[share]
        waiting = self.replacing.get(share, [])
        going_on = [it for it in waiting if self.service.saved(it).status == "in_progress"]
        self.replacing[share] = going_on

    def put_back(self, record: Any, parameters: dict[str, Any]) -> None:
        """A restore into these shares is about to be asked for."""
        for fields in parameters.values():
            self.replacing.setdefault(fields["share_id"], []).append(record)

    def in_place(self, checkpoint_id: str) -> dict[str, Any]:
        """The parameters of a restore of all its shares that are there, in place."""
        with self.fate.aside():
            shares = set(self.shares_of(checkpoint_id)) & set(self.cloud.shares)
            return {f"{SHARE}#{share}": {"share_id": share} for share in sorted(shares)}

    def status(self, checkpoint_id: str) -> str:
        """As it stands in the bank; ``deleted`` if nothing does."""
        try:
            return str(self.index(checkpoint_id)["status"])
        except karbor_exception.KarborException:
            return "deleted"

    def index(self, checkpoint_id: str) -> dict[str, Any]:
        stored: dict[str, Any] = self.service.provider.bank.get_object(
            f"/checkpoints/{checkpoint_id}/index.json"
        )
        return stored

    def alive(self) -> list[str]:
        """The checkpoints that are not deleted."""
        with self.fate.aside():
            return [each for each in self.known if self.status(each) != "deleted"]

    def pages(self, checkpoint_id: str) -> dict[str, dict[str, Any]]:
        """What the bank holds for each share."""
        prefix = f"/checkpoints/{checkpoint_id}/resource-data/"
        found: dict[str, dict[str, Any]] = {}
        for key in self.service.provider.bank.list_objects(prefix):
            share, _, page = key.removeprefix(prefix).partition("/")
            found.setdefault(share, {})[page] = self.service.provider.bank.get_object(key)
        return found

    def pages_of(self, mark: marks.Mark) -> set[str]:
        """The pages of what bears a mark: of a share, or of any if it is of several."""
        found = self.pages(mark.checkpoint)
        own = [found[mark.resource]] if mark.resource in found else found.values()
        return {page for pages in own for page in pages}

    def shares_of(self, checkpoint_id: str) -> list[str]:
        """The shares that the checkpoint is of, as its graph says."""
        checkpoint = self.service.checkpoint(checkpoint_id)
        found = checkpoints.resources(checkpoint)
        return sorted({node.id for node in found if node.type == SHARE})

    def told(self, checkpoint_id: str) -> dict[str, Any]:
        """``extra_info``."""
        info = self.index(checkpoint_id).get("extra_info")
        loaded: dict[str, Any] = jsonutils.loads(info) if info else {}
        return loaded

    def restores(self) -> list[Any]:
        return list(objects.RestoreList.get_all(self.service.context(is_admin=True), None, None))

    def verifications(self) -> list[Any]:
        context = self.service.context(is_admin=True)
        return list(objects.VerificationList.get_all(context, None, None))

    def marked(self) -> dict[str, marks.Mark]:
        """What keeps shares in Manila and bears a mark of this bank, by id."""
        bank_id = identity.read(self.service.provider.bank)
        found = {}
        for thing, view in self.kept().items():
            its = marks.read(view)
            if its and its.bank == bank_id:
                found[thing] = its
        return found

    def settled(self, kind: str) -> dict[str, dict[str, Any]]:
        """What is in Manila now."""
        return WalkedManila(self.cloud, self.service.project_id)._settled(kind)

    def kept(self) -> dict[str, dict[str, Any]]:
        """What keeps shares in Manila now, by whatever way."""
        return {thing: view for kind in KINDS for thing, view in self.settled(kind).items()}

    # -- what others do in Manila ------------------------------------------------------------------

    def change(self, what: str, pick: int = -1) -> None:
        """Somebody else changes a share or a snapshot, by default the newest."""
        if what == "everything mended":
            self.mend()
            return
        if what == "time passes":
            self.cloud.clock.sleep(10.0**4)
            self.fate.catch_up()
            return
        kind = "shares" if what.startswith("share") else self.way.kind
        things = list(self.settled(kind))
        if not things:
            return
        thing, how = things[pick % len(things)], what.rpartition(" ")[2]
        if how == "extended":
            self.extend(thing)
        elif how == "removed":
            self.remove(kind, thing)
        else:
            self.set_status(kind, thing, how)

    def extend(self, share: str) -> None:
        view = self.cloud.shares[share]
        if view["status"] == "available":
            until = self.cloud.clock.now() + BUSY
            view.update(status="extending", size=view["size"] + 1, _until=until, _fails=False)

    def remove(self, kind: str, thing: str) -> None:
        """A user or an administrator removes a thing, as far as Manila lets them."""
        if thing in self.foreign:
            return
        if kind == "shares" and any(thing in ways.sizes(view) for view in self.kept().values()):
            return  # manila/share/api.py, delete: not while it has snapshots or backups
        del getattr(self.cloud, kind)[thing]
        self.removed.add(thing)

    def set_status(self, kind: str, thing: str, status: str) -> None:
        """An administrator sets a status, or a backend has failed."""
        view = getattr(self.cloud, kind)[thing]
        if thing not in self.foreign and not ways.is_under_way(view):
            view["status"] = status
            self.touched.add(thing)

    def mend(self) -> None:
        """An administrator sets everything right."""
        for kind in ("shares", *KINDS):
            for view in self.settled(kind).values():
                if not ways.is_under_way(view) and view["status"] != "available":
                    view["status"] = "available"
                    self.touched.add(view["id"])


__all__ = ["BUSY", "PROJECT", "SHARE", "World"]
