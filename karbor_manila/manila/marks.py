# SPDX-License-Identifier: Apache-2.0
"""The mark that everything we make in Manila bears, so that it can be found again.

A mark names the bank, provider, checkpoint and share of a snapshot (or a restored share).
It stands in the metadata where Manila has metadata (snapshots: microversion 2.73; shares: always)
and at the end of the description where it has not. Tenants can forge a mark: a deletion by mark
also compares the project and the record.

In metadata it is two entries, because each is a row in Manila's database. One has the id by which
all of a flow is listed: of the checkpoint, or of the restore. The other, :data:`MARK`, has the
rest. Earlier releases wrote an entry for each field; both forms are read, and one filter finds
both, because the entry to list by is the same in them.
"""

import re
import urllib.parse
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

PREFIX = "karbor_manila_"

#: The metadata that has a mark but for the id that is listed by, as ``name=value&name=value``.
MARK = PREFIX + "mark"

#: Metadata of shares that are not the user's: what they are for (``drill``, ``copy``).
PURPOSE = PREFIX + "purpose"

#: The purpose of a share that was made for a copied checkpoint.
COPY = "copy"

#: The purpose of the shares of a temporary group, of which single shares are restored.
RESTORE = "restore"

# Manila takes 255 characters of description (manila/api/v2/share_snapshots.py).
DESCRIPTION_LENGTH = 255

_IN_DESCRIPTION = re.compile(
    r"\[karbor-manila c=(?P<checkpoint>=\S*|[0-9a-f]{32}) s=(?P<resource>=\S*|[0-9a-f]{32}) "
    r"p=(?P<provider>=\S*|[0-9a-f]{32}) b=(?P<bank>=\S*|[0-9a-f]{32})"
    r"( r=(?P<restore>=\S*|[0-9a-f]{32}))?\]\s*$"
)


@dataclass(frozen=True)
class Mark:
    """Whose something in Manila is. All fields are ids, none is secret.

    ``restore`` is set on what a restore made, shares and temporary snapshots: the id of Karbor's
    restore. On a share that was made for a copied checkpoint it is the id of that checkpoint.
    """

    bank: str
    provider: str
    checkpoint: str
    resource: str
    restore: str = ""

    def of_clone(self) -> "Mark":
        """The mark of the share that a copied checkpoint keeps; that of its snapshot is this."""
        return replace(self, restore=self.checkpoint)

    def metadata(self) -> dict[str, str]:
        """The mark as Manila metadata, under keys with our prefix. The ids of Karbor and Manila
        have 36 characters, so that the values stay far below Manila's 1023 (manila/api/common.py,
        check_metadata_properties)."""
        listed_by = self._listed_by()
        rest = {name: value for name, value in asdict(self).items() if value and name != listed_by}
        return self.scope() | {MARK: urllib.parse.urlencode(rest, quote_via=urllib.parse.quote)}

    def metadata_of_before(self) -> dict[str, str]:
        """The mark as earlier releases wrote it: an entry for every field that is set."""
        return {PREFIX + name: value for name, value in asdict(self).items() if value}

    def scope(self) -> dict[str, str]:
        """The metadata that all of the same flow have in common, to list them in one request;
        what earlier releases marked has it, too."""
        listed_by = self._listed_by()
        return {PREFIX + listed_by: str(getattr(self, listed_by))}

    def _listed_by(self) -> str:
        """The share of a copy is listed with what its checkpoint keeps."""
        return "restore" if self.restore and self.restore != self.checkpoint else "checkpoint"

    def describe(self, text: str | None) -> str:
        """``text`` with the mark behind it, for a Manila that has no snapshot metadata."""
        return f"{text} {self._signature()}" if text else self._signature()

    def room(self) -> int:
        """How many characters of description the mark leaves to the user."""
        return DESCRIPTION_LENGTH - len(self._signature()) - 1

    def _signature(self) -> str:
        short = {name: _short(value) for name, value in asdict(self).items()}
        text = "[karbor-manila c={checkpoint} s={resource} p={provider} b={bank}"
        return (text + (" r={restore}]" if self.restore else "]")).format(**short)


def read(view: Mapping[str, object]) -> Mark | None:
    """The mark on a snapshot or share as Manila shows it, in metadata or description, if any."""
    metadata = view.get("metadata")
    if isinstance(metadata, Mapping) and MARK in metadata:
        return _in_two(metadata)
    if isinstance(metadata, Mapping) and PREFIX + "checkpoint" in metadata:
        fields = {name: str(metadata.get(PREFIX + name, "")) for name in Mark.__dataclass_fields__}
        return Mark(**fields)
    found = _IN_DESCRIPTION.search(str(view.get("description") or ""))
    if found is None:
        return None
    fields = found.groupdict()
    return Mark(**{name: _long(value) for name, value in fields.items() if value is not None})


_NEEDED = frozenset({"bank", "provider", "checkpoint", "resource"})


def _in_two(metadata: Mapping[str, object]) -> Mark | None:
    """A mark in two entries. What has too little, or what this release does not know, is none."""
    fields = dict(urllib.parse.parse_qsl(str(metadata[MARK])))
    listed_by = "restore" if "checkpoint" in fields else "checkpoint"
    fields[listed_by] = str(metadata.get(PREFIX + listed_by) or "")
    known = fields.keys() <= Mark.__dataclass_fields__.keys()
    if not known or not all(fields.get(name) for name in (*_NEEDED, listed_by)):
        return None
    return Mark(**fields)


_DASHED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _short(identifier: str) -> str:
    """A UUID without its dashes, because four of them and the user's text have to fit.

    Anything else is kept as it is behind a ``=``, so that :func:`_long` gives it back exactly.
    """
    return identifier.replace("-", "") if _DASHED.fullmatch(identifier) else "=" + identifier


def _long(identifier: str) -> str:
    return identifier[1:] if identifier.startswith("=") else str(uuid.UUID(identifier))
