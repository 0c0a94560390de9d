# SPDX-License-Identifier: Apache-2.0
"""What fits into the columns of Karbor's database, and how to save what may not.

Karbor keeps what it reports of a restore, a verification or an operation in TEXT columns
(karbor/db/sqlalchemy/models.py). In MySQL and MariaDB they hold 64 KiB, often enough in a character
set (``utf8``) without letters of four bytes; SQLite has neither limit. What a database refuses for
its content it refuses every time, and with it Karbor's own last save of the same record, which then
stays ``in_progress`` for ever. So everything of ours is made to fit before it is saved.
"""

import bisect
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from oslo_db import exception as db_exception
from oslo_log import log as logging
from oslo_serialization import jsonutils
from sqlalchemy import exc as sqlalchemy_exception

LOG = logging.getLogger(__name__)

#: Bytes of a TEXT column (65,535) that we fill; Karbor's own words need some room, too.
MOST_BYTES = 60_000

#: Bytes below which nothing of a text can be understood: it is left out instead, and counted.
_LEAST = 120

#: Bytes in which a restored share can be identified.
_ENOUGH = 2 * _LEAST
#: Room for the sentence about what is left out.
_NOTE = 1_000

_MARK = " [...]"

#: The field of a JSON reason that names the fields for which there was no room.
SHORTENED = "shortened"

# Of a key ("OS::Manila::Share#<uuid>") in JSON, with what stands around it.
_KEY = 64

# The fields of a restored share that identify it.
_KEPT_LONGEST = ("way", "depth", "restored_from")

#: Bytes to which texts are cut, the largest first: few enough that each is cut only once.
_CAPS = [int(_LEAST * 1.2**step) for step in range(35)]

_NO_TEXT = re.compile("[\ud800-\udfff\U00010000-\U0010ffff]")

_FAILED = "error"


def text(value: str, most: int = MOST_BYTES) -> str:
    """The text as a TEXT column takes it, whatever the database's character set may be.

    A letter of four bytes becomes its escape (``\\U0001f600``): always, because whether it would
    be taken shows only when the whole statement has been refused.

    :param most: bytes in UTF-8
    """
    plain = _NO_TEXT.sub(lambda found: f"\\U{ord(found[0]):08x}", value)
    encoded = plain.encode()
    if len(encoded) <= most:
        return plain
    return encoded[: max(0, most - len(_MARK))].decode(errors="ignore") + _MARK


def lines(parts: Iterable[str], most: int = MOST_BYTES) -> str:
    """Whole sentences, one a line, as many as fit; then how many more there are."""
    kept: list[str] = []
    left, rest = most - 100, list(parts)
    for number, line in enumerate(rest):
        plain = text(line, max(_LEAST, most // 4))
        left -= len(plain.encode()) + 1
        if left < 0:
            return "\n".join([*kept, f"... and {len(rest) - number} more."])
        kept.append(plain)
    return "\n".join(kept)


class Report:
    """The whole report of one restore or verification, however long; its record gets what fits.

    :param record: Karbor's restore or verification; what is in it already is kept
    """

    def __init__(self, record: Any) -> None:
        self._note_key = f"report#{record['id']}"
        self._status: dict[str, str] = {}
        self._reason: dict[str, str] = {}
        # Of all of them as JSON, kept up as they come.
        self._status_bytes = self._reason_bytes = 0
        reasons = dict(record.get("resources_reason") or {})
        self._note = reasons.pop(self._note_key, "")
        for key, status in (record.get("resources_status") or {}).items():
            self._put_status(key, status)
        for key, reason in reasons.items():
            self._put_reason(key, reason)

    def note(self, key: str, status: str, reason: str | None = None) -> None:
        """Add the resource with Karbor's key ``<type>#<id>``; :meth:`fit` puts it in a record."""
        self._put_status(key, status)
        if reason is not None:
            self._put_reason(key, reason)

    def add(self, record: Any, key: str, status: str, reason: str | None = None) -> None:
        """Add a resource and put into the record what fits; nothing is saved yet."""
        self.note(key, status, reason)
        self.fit(record)

    def fit(self, record: Any, most: int = MOST_BYTES) -> None:
        """Put into the record what fits into its columns.

        :param most: bytes of the reasons as JSON
        """
        room = max(0, most - _NOTE)
        status, reason, cut = dict(self._status), dict(self._reason), 0
        if self._status_bytes > MOST_BYTES:
            status = _fitting_status(self._status, MOST_BYTES)
        if self._reason_bytes > room:
            reason, cut = _fitting_reasons(self._reason, self._status, room)
        unlisted = len(self._status) - len(status)
        if cut or unlisted:
            self._note = _note(cut, unlisted, str(record["id"]))
        if self._note:
            reason[self._note_key] = self._note
        record["resources_status"] = status
        record["resources_reason"] = reason

    def _put_status(self, key: str, status: str) -> None:
        self._status_bytes += _entry(key, status) - _entry(key, self._status.get(key))
        self._status[key] = status

    def _put_reason(self, key: str, reason: str) -> None:
        self._reason_bytes += _entry(key, reason) - _entry(key, self._reason.get(key))
        self._reason[key] = reason


def fair_share(count: int) -> int:
    """Bytes of a reason as JSON that are never cut while ``count`` resources are reported; 0 when
    not even the shortest is safe."""
    fair = (MOST_BYTES - 2 * _NOTE) // (count + 1) - _KEY
    return fair if fair >= _LEAST else 0


def size(value: str) -> int:
    """Bytes of a text in a JSON column."""
    return _size(value)


def report(record: Any, key: str, status: str, reason: str | None = None) -> None:
    """Report in a restore or verification outside of a flow; nothing is saved yet."""
    Report(record).add(record, key, status, reason)


def save(record: Any, report: Report | None = None) -> None:
    """Save a restore, a verification or an operation log.

    What the database refuses for its content is rolled back (Karbor's session does that), made much
    shorter and saved again; a status is never lost for a reason.

    :param report: the whole report of the record, if that is more than it holds
    :raises Exception: as the database raises it when it is away, or refuses even the shortest
    """
    for most in (MOST_BYTES // 4, 0):
        try:
            record.save()
            return
        except Exception as error:
            if not is_refused(error):
                raise
            LOG.warning("The report in %s is refused and made shorter: %s", record["id"], error)
            _shorten(record, report, most)
    record.save()


def is_refused(error: BaseException) -> bool:
    """Whether a database refused a value for what it is (MySQL's 1366 and 1406, for instance)."""
    inner = getattr(error, "inner_exception", None)
    refusals = (db_exception.DBDataError, sqlalchemy_exception.DataError)
    return isinstance(error, refusals) or isinstance(inner, refusals)


def _shorten(record: Any, report: Report | None, most: int) -> None:
    if hasattr(record, "update_resource_status"):
        (report or Report(record)).fit(record, most)
    elif record.get("error_info"):
        plain = str(record["error_info"]).encode("ascii", "backslashreplace").decode()
        record["error_info"] = text(plain, most)


def _fitting_status(status: Mapping[str, str], most: int) -> dict[str, str]:
    """Every status, or those of failures first: what is not there went as the record as a whole."""
    left = most
    kept: dict[str, str] = {}
    for key in sorted(status, key=lambda key: (status[key] != _FAILED, key)):
        left -= _size(key) + _size(status[key]) + 4
        if left < 0:
            break
        kept[key] = status[key]
    return {key: status[key] for key in status if key in kept}


def _fitting_reasons(
    reasons: Mapping[str, str], status: Mapping[str, str], most: int
) -> tuple[dict[str, str], int]:
    """The reasons that fit, and how many of them are cut or left out.

    None that takes no more than an equal share of the room is cut; of the others failures keep the
    most.
    """
    sizes = {key: _size(reason) for key, reason in reasons.items()}
    room = most - sum(_size(key) + 4 for key in reasons)
    if sum(sizes.values()) <= room:
        return dict(reasons), 0
    fair = room // len(reasons)
    room -= sum(each for each in sizes.values() if each <= fair)
    failures = {key for key in reasons if status.get(key, _FAILED) == _FAILED}
    long = [key for key in reasons if sizes[key] > fair]
    others = [sizes[key] for key in long if key not in failures]
    ours = _cap([sizes[key] for key in long if key in failures], room - len(others) * _ENOUGH)
    room -= sum(min(sizes[key], ours) for key in long if key in failures)
    theirs = _cap(others, room)
    caps = {key: ours if key in failures else theirs for key in long}
    left, kept = most, {}
    for key in sorted(reasons, key=lambda key: (key not in failures, key)):
        if left < _size(key):
            continue  # however short it is cut
        cut = _cut(reasons[key], caps.get(key, sizes[key]))
        cost = _size(key) + _size(cut) + 4
        if cost <= left:
            kept[key] = cut
            left -= cost
    short = sum(kept.get(key) != reason for key, reason in reasons.items())
    return {key: kept[key] for key in reasons if key in kept}, short


def _cap(sizes: list[int], room: int) -> int:
    """The largest number of bytes to which each can be cut so that all of them fit."""

    def too_much(cap: int) -> bool:
        return sum(min(each, cap) for each in sizes) > room

    return _CAPS[max(0, bisect.bisect_left(_CAPS, x=True, key=too_much) - 1)]


def _entry(key: str, value: str | None) -> int:
    """Bytes of an entry in a JSON column; 0 for one that is not there."""
    return 0 if value is None else _size(key) + _size(value) + 4


def _size(value: str) -> int:
    return len(json.dumps(value))


@functools.lru_cache(maxsize=4096)
def _cut(reason: str, most: int) -> str:
    """The reason in at most so many bytes of JSON; JSON stays JSON."""
    if _size(reason) <= most:
        return reason
    try:
        fields = jsonutils.loads(reason)
    except ValueError:
        fields = None
    if isinstance(fields, dict):
        return next(cut for cut in _smaller(fields) if _size(cut) <= most or cut == "{}")
    # Not by bisection of the bytes: an escape in JSON takes six of them, or twelve.
    length = bisect.bisect_left(
        range(len(reason)), most, key=lambda n: len(jsonutils.dumps(reason[:n])) + len(_MARK)
    )
    return reason[: max(0, length - 1)] + _MARK


def _smaller(fields: dict[str, Any]) -> Iterator[str]:
    """A JSON object with ever fewer of its fields; it names those that are missing."""
    kept = dict(fields)
    missing: list[str] = []
    while kept:
        largest = max(
            kept, key=lambda name: (name not in _KEPT_LONGEST, len(jsonutils.dumps(kept[name])))
        )
        del kept[largest]
        missing.append(largest)
        yield str(jsonutils.dumps(kept | {SHORTENED: sorted(missing)}))
    yield str(jsonutils.dumps({SHORTENED: []}))
    yield "{}"


def _note(cut: int, unlisted: int, record_id: str) -> str:
    parts = []
    if cut:
        parts.append(f"{cut} reasons are shortened or left out")
    if unlisted:
        parts.append(f"{unlisted} more resources are not listed")
    return (
        f"{' and '.join(parts)}, because Karbor's database has room for 64 KiB only. The bank has "
        f'all of them: the operator sees them with "karbor-manila outcome {record_id}".'
    )
