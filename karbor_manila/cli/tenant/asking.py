# SPDX-License-Identifier: Apache-2.0
"""The options of a restore on the command line, made into Karbor's parameters."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from karbor_manila.cli import numbers
from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.reading import SHARE, Share

if TYPE_CHECKING:
    from karbor_manila.cli.tenant.api import Parameters

# Options of a new share and their parameters; they mean nothing for a share that is there.
_OF_A_NEW_SHARE = {
    "name": "restore_name",
    "description": "restore_description",
    "size": "size",
    "access_rules": "access_rules",
    "public": "is_public",
    "as_group": "as_group",
}
_OF_IN_PLACE = ("remove_newer", "safety_copy")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that a restore has, and a verification that plans or drills one."""
    group = parser.add_argument_group("what is restored, and how")
    add = group.add_argument
    share: dict[str, Any] = {"action": "append", "default": [], "metavar": "SHARE"}
    add(
        "--share",
        **share,
        help="restore this share (its id, or its name in the checkpoint) and none that is not "
        "named; may be given several times. By default all shares of the checkpoint.",
    )
    add("--exclude", **share, help="restore all but this share; may be given several times.")
    add(
        "--in-place",
        **share,
        help="put the content of this share back into the share itself: what was written since "
        "the checkpoint is lost. Only the shares named here are touched; shares named by --share "
        "come back as new ones beside them. May be given several times.",
    )
    add(
        "--into",
        action="append",
        nargs=2,
        default=[],
        metavar=("SHARE", "SHARE_ID"),
        help="put the content of a share of the checkpoint into another share, which is there "
        "already, by its id: what that holds is lost. For shares that Manila backups keep. As with "
        "--in-place, only the shares named here are touched. May be given several times.",
    )
    add(
        "--as-group",
        action="store_true",
        help="make a new share group with all shares of the old one. For shares that group "
        "snapshots keep.",
    )
    add("--name", help="name of the new share; only when one share comes back.")
    add("--description", help="description of the new shares.")
    add(
        "--size",
        type=numbers.whole(1),
        metavar="GIB",
        help="size of the new shares, at least the old one.",
    )
    add("--access-rules", action="store_true", help="give the new shares the old access rules.")
    add("--public", action="store_true", help="make the new shares public.")
    add("--no-metadata", action="store_true", help="do not give back the shares' metadata.")
    add("--keep-failed", action="store_true", help="keep a new share that fails, to look at it.")
    add(
        "--remove-newer",
        action="store_true",
        help="in place: remove newer snapshots of other checkpoints, which lose this share.",
    )
    add(
        "--safety-copy",
        action="store_true",
        help="in place: first copy the present content into a new share, which stays.",
    )
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other parameter of Karbor's restore, for all shares; may be given several times.",
    )
    add(
        "--for",
        dest="for_share",
        action="append",
        nargs="+",
        default=[],
        metavar=("SHARE", "KEY=VALUE"),
        help="parameters for one share, over those for all; may be given several times.",
    )


def is_given(given: argparse.Namespace) -> bool:
    """Whether there is any option of a restore."""
    names = (
        "share", "exclude", "in_place", "into", "no_metadata", "keep_failed", "set", "for_share",
    )  # fmt: skip
    return any(getattr(given, name) for name in (*names, *_OF_A_NEW_SHARE, *_OF_IN_PLACE))


def check_pairs(given: argparse.Namespace) -> None:
    """Whether all KEY=VALUE can be meant, which needs no look at the checkpoint.

    :raises WrongUsage: one cannot
    """
    _pairs(given.set)
    for _share, *pairs in given.for_share:
        _pairs(pairs)


def parameters(given: argparse.Namespace, known: Sequence[Share]) -> "Parameters":
    """What is asked for, as Karbor takes it: strings by type and by ``type#id``.

    :param known: the shares of the checkpoint
    :raises WrongUsage: options that do not go together, or shares that are not there
    """
    in_place = {share: share.id for share in _called(known, given.in_place)}
    there = in_place | _into(known, given.into, in_place)
    chosen = [share for share in _called(known, given.share) if share not in there]
    excluded = _called(known, given.exclude)
    named = [*there, *chosen]
    _check(given, list(in_place), list(there), chosen, excluded)
    back = [share for share in named or known if share not in excluded]
    if given.name and len(back) != 1:
        raise WrongUsage(
            f"--name would give {len(back)} shares the same name; use --share to choose one, "
            f"or --for SHARE restore_name=NAME for each."
        )
    wide = _pairs(given.set)
    if given.no_metadata:
        wide["metadata"] = "false"
    if given.keep_failed:
        wide["keep_failed"] = "true"
    own: dict[str, dict[str, str]] = {}
    if named:
        wide["include"] = "false"
        own = {share.id: {"include": "true"} for share in named}
    of_new = _of_a_new_share(given)
    for share, target in there.items():
        own[share.id]["share_id"] = target
    for share in in_place:
        own[share.id] |= {name: "true" for name in _OF_IN_PLACE if getattr(given, name)}
    if there:
        for share in chosen:
            own[share.id] |= of_new
    else:
        wide |= of_new
    for share in excluded:
        own.setdefault(share.id, {})["include"] = "false"
    for word, *pairs in given.for_share:
        (share,) = _called(known, [word])
        own.setdefault(share.id, {}).update(_pairs(pairs))
    groups = {SHARE: wide} | {f"{SHARE}#{share_id}": values for share_id, values in own.items()}
    return {key: values for key, values in groups.items() if values}


def with_depth(asked: "Parameters", depth: str) -> "Parameters":
    """The parameters of a restore as those of a verification."""
    return {**asked, SHARE: {**asked.get(SHARE, {}), "depth": depth}}


def _into(
    known: Sequence[Share], pairs: Iterable[Sequence[str]], in_place: Mapping[Share, str]
) -> dict[Share, str]:
    """Which share goes into which other one, by its id."""
    found: dict[Share, str] = {}
    for word, target in pairs:
        share = reading.share_called(known, word)
        if share in found or share in in_place:
            raise WrongUsage(f"{share.label} can be put back into one share alone.")
        if target in found.values():
            raise WrongUsage(f"--into: share {target} can take the content of one share alone.")
        found[share] = target
    return found


def _check(
    given: argparse.Namespace,
    in_place: list[Share],
    there: list[Share],
    chosen: list[Share],
    excluded: list[Share],
) -> None:
    both = [share.label for share in excluded if share in (*there, *chosen)]
    if both:
        raise WrongUsage(f"Asked for and excluded at once: {', '.join(both)}.")
    for name in _OF_IN_PLACE:
        if getattr(given, name) and not in_place:
            raise WrongUsage(f"{_option(name)} needs --in-place SHARE.")
    wanted = [_option(name) for name in _OF_A_NEW_SHARE if getattr(given, name)]
    if wanted and there and not chosen:
        option = "--in-place" if in_place else "--into"
        raise WrongUsage(f"{', '.join(wanted)}: only for a new share, and {option} makes none.")


def _of_a_new_share(given: argparse.Namespace) -> dict[str, str]:
    values = {key: getattr(given, name) for name, key in _OF_A_NEW_SHARE.items()}
    return {
        key: "true" if value is True else str(value)
        for key, value in values.items()
        if value is not None and value is not False
    }


def _called(known: Sequence[Share], words: Iterable[str]) -> list[Share]:
    return list(dict.fromkeys(reading.share_called(known, word) for word in words))


def _pairs(words: Iterable[str]) -> dict[str, str]:
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise WrongUsage(f"{word!r} is not KEY=VALUE.")
        if key == "depth":
            # Of one share it would stand beside that of the command, which does not know of it.
            raise WrongUsage(
                f"{word!r}: a depth is of the whole command. Use --depth of verify, or --dry-run "
                f"of restore."
            )
        found[key] = value
    return found


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
