# SPDX-License-Identifier: Apache-2.0
"""What Karbor's API gives, read: the shares of a checkpoint, reasons, times."""

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from karbor_manila.cli.errors import WrongUsage
from karbor_manila.common import deferral, drilled_once, holds, left_out
from karbor_manila.common.holds import Hold

Found = TypeVar("Found")

SHARE = "OS::Manila::Share"
PROJECT = "OS::Keystone::Project"

# Begins the key of what is said of a restore or verification as a whole.
_CHECKPOINT = "checkpoint#"

#: Statuses of a checkpoint.
GOOD = "available"
FAILED = ("error", "error-deleting")
IN_WORK = ("protecting", "deleting", "wait_copying", "copying")

#: Statuses of a restore or verification.
GOING = "in_progress"
SUCCESS = "success"

#: The depths of verifications that are of a whole checkpoint: they check nothing, and have no flow
#: and no operation log.
OF_A_CHECKPOINT = ("hold", "release", "undelete", "purge")


@dataclass(frozen=True)
class Share:
    """A share in a checkpoint, by the name that it had then."""

    id: str
    name: str

    @property
    def label(self) -> str:
        """For people: the name says more, the id is what other commands take."""
        return f"{self.name} ({self.id})" if self.name else self.id


def shares(checkpoint: Mapping[str, Any]) -> list[Share]:
    """The shares that a checkpoint holds, by name.

    Its graph is ``[{key: [type, id, name, extra_info]}, edges]``: a JSON string, and with banks
    that decode strings the list itself. Karbor has none before the shares have been listed.
    """
    found = {node[1]: Share(node[1], node[2] or "") for node in _nodes(checkpoint, SHARE)}
    return sorted(found.values(), key=lambda share: (share.name, share.id))


def hold(checkpoint: Mapping[str, Any], now: datetime.datetime) -> Hold | None:
    """The hold on a checkpoint; None when there is none, or its last day is over.

    :param now: UTC
    """
    return holds.in_force(extra_info(checkpoint), now)


def waits(checkpoint: Mapping[str, Any]) -> bool:
    """Whether a checkpoint waits for its deletion (``delete_grace``)."""
    return bool(checkpoint["status"] == deferral.PENDING)


def day(text: object) -> datetime.date | None:
    """A day, of a moment or by itself."""
    try:
        return datetime.date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def held_shares(checkpoint: Mapping[str, Any]) -> list[Share]:
    """The shares that an available checkpoint has whole: nothing of them is lost or failed."""
    if checkpoint["status"] != GOOD:
        return []
    info = extra_info(checkpoint)
    reasons, lost = (_mapping(info.get(name)) for name in ("reasons", "lost"))
    absent = {*left_out.keys(info), *reasons, *(f"{SHARE}#{share_id}" for share_id in lost)}
    if absent & {SHARE, PROJECT}:
        return []
    return [share for share in shares(checkpoint) if f"{SHARE}#{share.id}" not in absent]


def _mapping(value: Any) -> Mapping[str, Any]:
    """What a tenant may have written otherwise counts as nothing."""
    return value if isinstance(value, dict) else {}


def broken(checkpoint: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a checkpoint left out although it should hold it, as it stands there."""
    return left_out.broken(extra_info(checkpoint))


def is_copy(checkpoint: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is a copy of another one (karbor_manila.bank.checkpoints.is_copy)."""
    return bool(extra_info(checkpoint).keys() & {"copy_of", "copy_status"})


def gaps(checkpoint: Mapping[str, Any]) -> list[str]:
    """What an ended checkpoint should hold and does not, a phrase each; of a failed one only what
    is broken in the project."""
    info = extra_info(checkpoint)
    missing = [
        f"{_called(item)} is not in checkpoint {checkpoint['id']}: {item.get('reason')}"
        for item in left_out.broken(info)
    ]
    if checkpoint["status"] != GOOD:
        return missing
    by_resource = info.get("reasons")
    reasons = [str(said) for said in by_resource.values()] if isinstance(by_resource, dict) else []
    if info.get("lost") and not reasons:
        reasons = ["a snapshot of it is lost"]
    if not _nodes(checkpoint):
        reasons.append("it holds nothing")
    return missing + [
        f"checkpoint {checkpoint['id']} is not complete: {sentence(reported)}"
        for reported in dict.fromkeys(reasons)
    ]


def is_whole(checkpoint: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is good and holds all that it should: what people call a backup. A copy
    is none of its own day."""
    return checkpoint["status"] == GOOD and not is_copy(checkpoint) and not gaps(checkpoint)


def _called(item: Mapping[str, Any]) -> str:
    kind = "share" if item.get("type") == SHARE else str(item.get("type"))
    if item.get("id") is None:
        return f"any {kind}"
    return f"{kind} {Share(str(item['id']), str(item.get('name') or '')).label}"


def _nodes(checkpoint: Mapping[str, Any], kind: str | None = None) -> list[Any]:
    """The nodes of the graph that are of a kind; without one, all but projects."""
    graph = _loaded(checkpoint.get("resource_graph"))
    nodes = graph[0].values() if isinstance(graph, list) and graph else ()
    return [node for node in nodes if (node[0] == kind if kind else node[0] != PROJECT)]


def keys(checkpoint: Mapping[str, Any]) -> frozenset[str]:
    """Karbor's keys, ``type#id``, of what a checkpoint is about; a project keeps nothing itself."""
    return frozenset(f"{node[0]}#{node[1]}" for node in _nodes(checkpoint))


def called(known: Iterable[tuple[str, str | None, Found]], word: str) -> list[Found]:
    """What a word of a user means: what has it as its id, or else all that have it as their name.

    As in OpenStack's clients: anybody may give his share a name that is another one's id. An empty
    word, as of a variable that is not set, is not what has no name.

    :param known: id, name and the resource itself
    """
    known = list(known)
    by_id = [match for its_id, _name, match in known if its_id == word]
    return by_id or [match for _id, name, match in known if word and name == word]


def share_called(known: Iterable[Share], word: str) -> Share:
    """The share with this id, or else with this name.

    :raises WrongUsage: there is none, or the name is that of more than one
    """
    known = list(known)
    fitting = called(((share.id, share.name, share) for share in known), word)
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(share.label for share in (fitting or known)) or "none"
    why = "is the name of several shares" if fitting else "is no share of this checkpoint"
    raise WrongUsage(f"{word!r} {why}: {listed}.")


def extra_info(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """``extra_info`` of a checkpoint; empty when there is none."""
    info = _loaded(checkpoint.get("extra_info"))
    return info if isinstance(info, dict) else {}


def details(reason: str | None) -> dict[str, Any] | None:
    """What a success tells (JSON), None when it is a sentence."""
    found = _loaded(reason)
    return found if isinstance(found, dict) else None


def not_shown(details: Mapping[str, Any]) -> list[str]:
    """A sentence about what Karbor had no room for, if any.

    See ``SHORTENED`` in karbor_manila.database.columns.
    """
    missing = details.get("shortened")
    return [f"Left out for lack of room: {', '.join(missing)}."] if missing else []


def remarks(details: Mapping[str, Any]) -> list[str]:
    """What the operator's hooks around a restore or a drill could not do, sentences."""
    said = details.get("remarks")
    return [str(each) for each in said] if isinstance(said, list) else []


def compared(details: Mapping[str, Any]) -> str:
    """What of a drill's content was compared, a phrase; empty when nothing was."""
    found = details.get("compared")
    if not isinstance(found, dict):
        return ""
    if "files" not in found:
        return str(found.get("told") or "")
    left = f", {found['not_compared']} not" if found.get("not_compared") else ""
    return f"{found['files']} files compared{left}"


def why_not_due(verification: Mapping[str, Any]) -> str:
    """Why a drill was refused that somebody else carries out or has; empty for any other one.
    Karbor's API answers with a verification that has failed.

    Only what is said of the checkpoint counts, as a refusal is: in the reason of a share the
    operator's check speaks, and who wrote into the share may choose its words.
    """
    reasons = verification.get("resources_reason") or {}
    refusals = (sentence(why) for of, why in sorted(reasons.items()) if of.startswith(_CHECKPOINT))
    return next(filter(drilled_once.is_not_due, refusals), "")


def signed_by(verification: Mapping[str, Any]) -> list[str]:
    """The ids of the operator's keys that signed what is kept of a drill."""
    told = [details(reason) or {} for _id, _status, reason in outcomes(verification)]
    return sorted({str(each["signed_by"]) for each in told if each.get("signed_by")})


def sentence(reason: str | None) -> str:
    """The reason when it is a sentence, as one line."""
    return "" if reason is None or details(reason) is not None else " ".join(reason.split())


def outcomes(record: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What a restore or verification says of each resource: its id, status, reason."""
    statuses = record.get("resources_status") or {}
    reasons = record.get("resources_reason") or {}
    return [
        (key.partition("#")[2], statuses.get(key, ""), reasons.get(key, ""))
        for key in sorted({*statuses, *reasons})
    ]


def why_failed(record: Mapping[str, Any]) -> list[str]:
    """The sentences of a restore or verification, each once."""
    reported = [sentence(reason) for _id, status, reason in outcomes(record) if status == "error"]
    return list(dict.fromkeys(filter(None, reported))) or [
        "Karbor does not say why; its operator finds it in Karbor's log."
    ]


def depth(verification: Mapping[str, Any]) -> str:
    """How deep a verification went."""
    for group in (verification.get("parameters") or {}).values():
        if isinstance(group, dict) and group.get("depth"):  # a form sends an empty one for none
            return str(group["depth"])
    return "record"


def moment(text: object) -> datetime.datetime | None:
    """A time as Karbor writes it: UTC without saying so."""
    try:
        return datetime.datetime.fromisoformat(str(text)).replace(tzinfo=datetime.UTC)
    except ValueError:
        return None


def _loaded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):  # a tenant's own, as deep as he likes
        return None
