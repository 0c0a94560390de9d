# SPDX-License-Identifier: Apache-2.0
"""Which hooks have begun and are not through, in a bank: what a killed process leaves is thawed by
this.

A run is put before the first hook begins and forgotten when all are through. Its key says under
which very claim it is and since when, so one list of these, which are few, tells what may be left,
however many checkpoints the bank holds.
"""

import datetime
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from oslo_log import log as logging

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import identity
from karbor_manila.bank.errors import RecordInvalid, RecordVersionUnknown
from karbor_manila.common import validators
from karbor_manila.common.ids import is_id
from karbor_manila.schemas import HOOK_RUN_SCHEMA

LOG = logging.getLogger(__name__)

VERSION = 1

_PREFIX = identity.PREFIX + "/hook-runs/"
_MOMENT = "%Y%m%dT%H%M%SZ"
_WHAT = "run of hooks"


@dataclass(frozen=True)
class Began:
    """A hook, by its ``name`` in hook_drivers, whose pre has begun and whose post is not through.

    ``data`` (of JSON's types) is what its post gets; None when it has none, or has given none yet.
    """

    name: str
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """The hooks around one piece of work, in the order in which they began.

    ``claimed_id`` is the id of the checkpoint, or of Karbor's restore or verification
    (``request_id``, empty without one), under whose claim they run, and ``token`` is what tells
    that very claim from the next one on this id (:attr:`.fencing.Hold.tokens`), empty under
    Karbor's own manager: while the claim is alive, its owner calls the posts.

    ``share_ids`` are of protected shares; one in scope ``share``. ``since`` is UTC, ISO 8601.
    ``id`` tells it from each other run, also from an earlier one around the same work;
    ``dataclasses.replace`` keeps it.
    """

    claimed_id: str
    token: str
    checkpoint_id: str
    project_id: str
    point: str
    scope: str
    share_ids: Sequence[str]
    request_id: str = ""
    hooks: Sequence[Began] = ()
    since: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def key(self, provider_id: str) -> str:
        """Where it stands in the bank."""
        moment = datetime.datetime.fromisoformat(self.since)
        ids = self.claimed_id, self.token, self.checkpoint_id, self.id
        return Left(moment, *ids).key(provider_id)


@dataclass(frozen=True)
class Left:
    """What the key of a run says (see there). ``since`` is UTC."""

    since: datetime.datetime
    claimed_id: str
    token: str
    checkpoint_id: str
    run_id: str

    def key(self, provider_id: str) -> str:
        """Where the run stands in the bank."""
        since = self.since.astimezone(datetime.UTC).strftime(_MOMENT)
        name = "@".join((since, self.claimed_id, self.token, self.checkpoint_id, self.run_id))
        return f"{_PREFIX}{provider_id}/{name}"


def put(bank: Any, provider_id: str, run: Run) -> None:
    """Have this one, as it is now, in the place of what was put of it before.

    :raises RecordInvalid: it cannot be kept; what a hook gave is not of JSON's types, for instance
    :raises BankUnreadable: the bank does not take it
    """
    value = _dump(run)
    key = run.key(provider_id)
    bank_access.ask(lambda: bank.update_object(key, value), "take which hooks have begun")


def forget(bank: Any, provider_id: str, run: "Run | Left") -> None:
    """All of its hooks are through. One that is not there is none.

    :raises BankUnreadable: it may still be there
    """
    bank_access.remove(bank, run.key(provider_id), "forget hooks that are through")


def left(bank: Any, provider_id: str) -> list[Left]:
    """The runs of a provider that are not forgotten, by one list, the oldest first. A key that is
    none of ours is logged.

    :raises BankUnreadable: the bank cannot be listed
    """
    prefix = f"{_PREFIX}{provider_id}/"
    keys = bank_access.ask(lambda: bank.list_objects(prefix), "list which hooks have begun")
    return list(_parsed(prefix, sorted(keys)))


def read(bank: Any, provider_id: str, of: Left) -> Run | None:
    """A run as it was put last; None when it is forgotten meanwhile.

    :raises RecordInvalid: it is damaged
    :raises RecordVersionUnknown: a later release has put it
    :raises BankUnreadable: the bank does not give it
    """
    key = of.key(provider_id)
    folder = key.rpartition("/")[0] + "/"
    stored = bank_access.ask(
        lambda: bank_access.look(
            lambda: bank.get_object(key), lambda: key in set(bank.list_objects(folder))
        ),
        "say which hooks have begun",
    )
    if stored.is_absent:
        return None
    run = _load(stored.value)
    if run.key(provider_id) != key:
        raise RecordInvalid(_WHAT, "it is not the one that its key names")
    return run


def entries(bank: Any, provider_id: str) -> list[Run]:
    """The runs of a provider that are not forgotten, the oldest first.

    One that is damaged, or of a later release, is logged with its key and left where it is: it
    keeps nothing from the others.

    :raises BankUnreadable: the bank does not give them
    """
    found = []
    for each in left(bank, provider_id):
        try:
            run = read(bank, provider_id, each)
        except RecordInvalid as error:
            LOG.error("%s: %s", each.key(provider_id), error)
            continue
        if run is not None:
            found.append(run)
    return found


def _dump(run: Run) -> dict[str, Any]:
    plain = {"version": VERSION, **asdict(run)}
    try:
        value: dict[str, Any] = json.loads(json.dumps(plain, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise RecordInvalid(_WHAT, f"what a hook gave is not of JSON's types: {error}") from error
    _load(value)
    return value


def _load(stored: Any) -> Run:
    version = stored.get("version") if isinstance(stored, Mapping) else None
    if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
        raise RecordVersionUnknown(_WHAT, version)
    wrong = validators.worst(HOOK_RUN_SCHEMA, stored)
    if wrong is not None:
        raise RecordInvalid(_WHAT, f"{wrong.json_path}: {wrong.message}")
    for name in ("id", "claimed_id", "checkpoint_id"):
        if not is_id(stored[name]):  # they are parts of its key
            raise RecordInvalid(_WHAT, f"{name}: {stored[name]!r} is no id")
    if stored["token"] and not is_id(stored["token"]):
        raise RecordInvalid(_WHAT, "token: it is none of a claim")
    try:
        zone = datetime.datetime.fromisoformat(stored["since"]).tzinfo
    except ValueError as error:
        raise RecordInvalid(_WHAT, f"since: {error}") from error
    if zone is None:
        raise RecordInvalid(_WHAT, f"since: {stored['since']} has no time zone")
    fields = {name: stored[name] for name in HOOK_RUN_SCHEMA["properties"] if name != "version"}
    hooks = tuple(Began(each["name"], each["data"]) for each in stored["hooks"])
    return Run(**fields | {"hooks": hooks, "share_ids": tuple(stored["share_ids"])})


def _parsed(prefix: str, keys: Sequence[str]) -> Iterator[Left]:
    for key in keys:
        moment, *ids = key.removeprefix(prefix).split("@")
        try:
            since = datetime.datetime.strptime(moment, _MOMENT).replace(tzinfo=datetime.UTC)
        except ValueError:
            since = None
        # There is a token, or it is empty.
        is_key = len(ids) == 4 and all(map(is_id, (ids[0], ids[1] or ids[0], *ids[2:])))
        if since is None or not is_key:
            LOG.error("%s is no key of a run of hooks: it is passed over", key)
            continue
        yield Left(since, *ids)
