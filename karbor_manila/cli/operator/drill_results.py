# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila drill results``: what is kept of drills, and whether its signatures are good."""

import argparse
import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from karbor_manila.cli.columns import Facts, Text
from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.operator.commands import HostCommand
from karbor_manila.cli.operator.into_file import IntoFile
from karbor_manila.common import durations
from karbor_manila.common.errors import KeyUnusable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from karbor_manila.bank.drill_results import Place

_COLUMNS = ("At", "Result", "Share", "Checkpoint", "Verification", "Project", "Seconds", "Check",
            "Compared", "Reason", "By", "Signature")  # fmt: skip

# What stands in the column of the signature, besides the states of a signature.
_DAMAGED, _MOVED = "damaged", "of another place"


class DrillResults(IntoFile, HostCommand):
    """List what the banks keep of drills, and verify its signatures.

    Nothing is changed. Trusted are the key of each provider's drill_signing_key and those of
    --public-key, such as earlier ones. Exit code 3: a result is damaged, or was changed after it
    was signed; with --require-signed also one that no trusted key has signed.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Of what, and by which keys."""
        parser = super().get_parser(prog_name)
        parser.add_argument("--project", default="", metavar="ID", help="Only of this project.")
        parser.add_argument("--share", default="", metavar="ID", help="Only of this share.")
        parser.add_argument(
            "--public-key",
            action="append",
            default=[],
            metavar="PATH",
            help="A public key that is trusted (PEM); may be given several times.",
        )
        parser.add_argument(
            "--require-signed",
            action="store_true",
            help="A result that no trusted key has signed is not well.",
        )
        parser.add_argument(
            "--long",
            action="store_true",
            help="Show the signed text and its signature, too.",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each result, the newest of each share last."""
        from karbor_manila.cli.operator.host import Host  # noqa: PLC0415
        from karbor_manila.common import sealing  # noqa: PLC0415

        given = _given(parsed_args.public_key)
        host = Host(parsed_args.config_file)
        rows: list[tuple[Any, ...]] = []
        seen: set[str] = set()
        for provider in host.ours():
            known = {sealing.key_id(key): key for key in [*given, *_own(provider)]}
            for place, sealed in _kept(provider, parsed_args, seen):
                rows.append(self._row(place, sealed, known, parsed_args))
        extra = ("Text", "Key", "Signed") if parsed_args.long else ()
        return (*_COLUMNS, *extra), rows

    def _row(
        self,
        place: "Place",
        sealed: Mapping[str, Any],
        known: "Mapping[str, Ed25519PublicKey]",
        parsed_args: argparse.Namespace,
    ) -> tuple[Any, ...]:
        from karbor_manila.common import sealing  # noqa: PLC0415

        told, word = _read(place, sealed, known)
        bad = (_DAMAGED, _MOVED, sealing.State.BAD.value)
        self.left |= word in bad
        self.left |= parsed_args.require_signed and word != sealing.State.GOOD.value
        found = _mapping(told.get("found"))
        more = (sealed.get("text"), sealed.get("key"), sealed.get("signature"))
        return (
            place.at.isoformat(timespec="seconds"),
            str(told.get("result") or ""),
            place.share_id,
            place.checkpoint_id,
            place.verification_id,
            place.project_id,
            found.get("seconds"),
            Text(found.get("check")),
            Facts(_mapping(found.get("compared"))),
            Text(found.get("reason")),
            Facts(_mapping(told.get("by"))),
            word,
            *(map(Text, more) if parsed_args.long else ()),
        )


def _given(paths: list[str]) -> "list[Ed25519PublicKey]":
    """The keys of these files. Raises WrongUsage."""
    from karbor_manila.common import sealing  # noqa: PLC0415

    try:
        return [sealing.public_key(path) for path in paths]
    except KeyUnusable as error:
        raise WrongUsage(str(error)) from error


def _own(provider: Any) -> "Iterator[Ed25519PublicKey]":
    """The key of a provider, when it has one. Raises KeyUnusable."""
    from karbor_manila.common import sealing  # noqa: PLC0415
    from karbor_manila.service import driver_options  # noqa: PLC0415

    _conf, settings = driver_options.of_provider(provider)
    if settings.drill_signing_key:
        yield sealing.signer(settings.drill_signing_key).key.public_key()


def _kept(
    provider: Any, parsed_args: argparse.Namespace, seen: set[str]
) -> "Iterator[tuple[Place, dict[str, Any]]]":
    """The results of a provider that are asked for, each once."""
    from karbor_manila.bank import drill_results  # noqa: PLC0415

    for place in drill_results.places(provider.bank, provider.id, parsed_args.project):
        wanted = parsed_args.share in ("", place.share_id)
        if wanted and place.key not in seen:
            seen.add(place.key)
            yield place, drill_results.get(provider.bank, place)


def _read(
    place: "Place", sealed: Mapping[str, Any], known: "Mapping[str, Ed25519PublicKey]"
) -> tuple[Mapping[str, Any], str]:
    """What a result says, and what its signature shows. What was changed says nothing."""
    from karbor_manila.common import sealing  # noqa: PLC0415
    from karbor_manila.operations import drill_results  # noqa: PLC0415

    try:
        told = _mapping(_plain(str(sealed.get("text"))))
    except (ValueError, RecursionError):  # anybody may have written it, as deep as he likes
        return {}, _DAMAGED
    seconds = _mapping(told.get("found")).get("seconds")
    if seconds is not None and durations.told(seconds) is None:
        return {}, _DAMAGED
    state = sealing.state(sealed, known)
    if state is sealing.State.BAD:
        return {}, state.value
    about = drill_results.about(place)
    if {name: told.get(name) for name in about} != about:
        return {}, _MOVED
    return told, state.value


def _plain(text: str) -> Any:
    """JSON, as other languages read it: its numbers have an end.

    :raises ValueError: it is none
    """

    def number(digits: str) -> float:
        found = float(digits)
        if not math.isfinite(found):
            raise ValueError(f"{digits} is no number")
        return found

    return json.loads(text, parse_constant=number, parse_float=number)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
